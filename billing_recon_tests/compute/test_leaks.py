"""The leak report: each difference is found once, counts as recovered, accepted or open, and sets the capture rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.leaks import RELATIONS
from billing_recon.compute.registration import register
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, SUBSCRIPTIONS
from billing_recon.core.schema.parameters import BREAK_ANSWERS
from billing_recon_tests.sessions import session

MARCH, APRIL = date(2026, 3, 9), date(2026, 4, 9)


def a_break(**given: Any) -> dict[str, Any]:
    usual = {
        "day": MARCH,
        "pair": "expected_billed",
        "code": "USAGE_MISSING",
        "disposition": "OPEN",
        "evidence": "{}",
        "subscription_id": "S1",
        "currency": "EUR",
        "delta": "-20.00",
        "break_id": "B1",
    }
    return usual | given


def an_answer(about: Mapping[str, Any], *, corrected: bool = False) -> dict[str, Any]:
    names = ("break_id", "day", "pair", "code", "subscription_id", "currency", "delta")
    return {**{name: about[name] for name in names}, "corrected": corrected}


def report(
    breaks: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]] = (), expected: str = "1000.00"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    con = session()
    register(con, BREAKS, breaks)
    register(con, BREAK_ANSWERS, answers)
    total = {"pair": "expected_billed", "currency": "EUR", "left_amount": expected}
    register(con, CONTROL_TOTALS, [total], name="totals")
    con.execute(f"CREATE OR REPLACE VIEW control_totals AS SELECT DATE '{MARCH}' AS day, * FROM totals")
    terms = [("team", date(2026, 1, 1)), ("scale", date(2026, 4, 1))]
    register(
        con,
        SUBSCRIPTIONS,
        [
            {
                "day": MARCH,
                "subscription_id": "S1",
                "plan_id": plan,
                "valid_from": datetime(d.year, d.month, d.day, tzinfo=UTC),
            }
            for plan, d in terms
        ],
    )
    build(con, RELATIONS)
    return rows(con, "FROM leaks ORDER BY ALL"), rows(con, "FROM captured ORDER BY ALL")


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    return [dict(zip([c[0] for c in result.description], row, strict=True)) for row in result.fetchall()]


def test_20_of_1000_that_were_not_billed_are_lost_and_98_percent_are_captured() -> None:
    (leak,), (captured,) = report([a_break()])
    assert (leak["month"], leak["plan_id"], leak["breaks"]) == ("2026-03", "team", 1)
    assert (leak["lost"], leak["overcharged"], leak["open"]) == (Decimal(20), 0, Decimal(20))
    assert captured["capture_rate"] == Decimal("0.98")


def test_what_was_overcharged_makes_up_for_nothing() -> None:
    _, (captured,) = report([a_break(), a_break(break_id="B2", delta="20.00")])
    assert captured["capture_rate"] == Decimal("0.98")


def test_a_difference_that_another_document_corrects_is_recovered() -> None:
    one = a_break()
    (leak,), (captured,) = report([one], [an_answer(one, corrected=True)])
    assert (leak["found"], leak["recovered"], leak["open"]) == (Decimal(20), Decimal(20), 0)
    assert captured["capture_rate"] == 1


def test_a_correction_of_20_does_not_recover_25() -> None:
    (leak,), _ = report([a_break(delta="-25.00")], [an_answer(a_break(), corrected=True)])
    assert (leak["recovered"], leak["open"]) == (0, Decimal(25))


def test_a_difference_that_was_taken_and_is_no_longer_found_is_recovered() -> None:
    (leak,), (captured,) = report([], [an_answer(a_break())])
    assert (leak["found"], leak["lost"], leak["recovered"], leak["open"]) == (Decimal(20), Decimal(20), Decimal(20), 0)
    assert captured["capture_rate"] == 1


def test_a_difference_that_goes_by_a_new_id_is_not_found_twice() -> None:
    renamed = a_break(break_id="B9", evidence='{"former_id": "B1"}')
    (leak,), _ = report([renamed], [an_answer(a_break())])
    assert (leak["breaks"], leak["open"]) == (1, Decimal(20))


def test_tolerated_and_expected_differences_are_accepted_and_still_not_captured() -> None:
    (leak,), (captured,) = report([a_break(disposition="ACCEPTED_TOLERANCE")])
    assert (leak["accepted"], leak["open"]) == (Decimal(20), 0)
    assert captured["capture_rate"] == Decimal("0.98")


def test_a_difference_belongs_to_the_plan_of_its_own_day() -> None:
    found, _ = report([a_break(), a_break(break_id="B2", day=APRIL)])
    assert [(one["month"], one["plan_id"]) for one in found] == [("2026-03", "team"), ("2026-04", "scale")]


def test_units_of_usage_are_no_money() -> None:
    found, _ = report([a_break(pair="metered_used", currency=None)])
    assert found == []


def test_every_line_foots_both_ways() -> None:
    ones = [
        a_break(break_id=f"B{n}", delta=delta, disposition=disposition, pair=pair)
        for n, (delta, disposition, pair) in enumerate(
            [("-1.10", "OPEN", "expected_billed"), ("2.20", "DEFECT", "expected_billed"), ("-3.30", "TIMING", "billed_paid"),
             ("4.40", "EXPECTED_CHANGE", "expected_billed")]
        )
    ]  # fmt: skip
    found, _ = report(ones, [an_answer(ones[1], corrected=True)])
    for one in found:
        assert one["found"] == one["lost"] + one["overcharged"] == one["recovered"] + one["accepted"] + one["open"]


def test_without_expected_revenue_there_is_no_rate() -> None:
    _, (captured,) = report([], expected="0")
    assert captured["capture_rate"] is None
