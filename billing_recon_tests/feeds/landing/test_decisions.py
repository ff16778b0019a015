"""Released and discarded rows in a landing: what lands, what stays open, and that nothing is lost or counted twice."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.core.landing import LandingReport
from billing_recon.core.quarantine import RowDecision, Verb
from billing_recon.core.schema import BY_NAME
from billing_recon.feeds.landing.pipeline import land
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment

EVENT = "event_id,source,customer_id,subscription_id,meter,quantity,event_time,received_at"


def land_under(desk: Desk, *decisions: RowDecision, table: str = "payments", known: str | None = None) -> LandingReport:
    return land(
        desk.con,
        home=desk.home,
        company=desk.company,
        spec=BY_NAME[table],
        day=DAY,
        lookback_days=62,
        known_usage=known,
        owner="finance",
        decisions=decisions,
    )


def ids(desk: Desk) -> dict[int, str]:
    """The id of each row set aside, by its number in the file."""
    return dict(desk.quarantined("source_row, row_id"))


def decide(desk: Desk, row: int, verb: Verb = Verb.RELEASE, table: str = "payments", **changed: str) -> RowDecision:
    return RowDecision(ids(desk)[row], table, DAY, verb, "agreed", "Ana", tuple(sorted(changed.items())))


def standing(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.quarantined("source_row, decision")


def fates(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.rows("fate, says", "landed_decisions")


def test_a_released_row_lands_corrected_from_the_place_where_it_came(desk: Desk) -> None:
    desk.payments(PAID, payment(payment_id="P-2", amount='"12,50"', currency="EUR", fee=""))
    report = land_under(desk, decide(desk, 2, amount="12.50"))
    assert desk.rows(
        "payment_id, CAST(amount AS VARCHAR), CAST(fee AS VARCHAR), source_file, source_row, observed_on"
    ) == [
        ("P-1", "10.500000000000", "0.300000000000", "landing/payments/2026-03-02.csv", 1, DAY),
        ("P-2", "12.500000000000", None, "landing/payments/2026-03-02.csv", 2, DAY),
    ]
    assert str(report).endswith("2 rows in = 2 accepted (1 of them released) + 0 quarantined + 0 duplicates collapsed")
    assert standing(desk) == [(2, "released")]


def test_a_row_with_a_fault_left_stays_open_and_the_report_says_which(desk: Desk) -> None:
    desk.payments(payment(amount="x", kind="gift"))
    report = land_under(desk, decide(desk, 1, amount="1.00"))
    assert desk.rows() == []
    assert standing(desk) == [(1, None)]
    assert "by Ana has no effect: kind 'gift' is not one of payment, refund, chargeback" in report.message


def test_of_two_rows_of_one_key_the_released_one_counts_and_the_other_stays_open(desk: Desk) -> None:
    desk.payments(payment(amount="1.00"), payment(amount="2.00"))
    report = land_under(desk, decide(desk, 2))
    assert desk.rows("source_row, CAST(amount AS INTEGER)") == [(2, 2)]
    assert standing(desk) == [(1, None), (2, "released")]
    assert (report.accepted, report.quarantined, report.open_rows) == (1, 1, 1)


def test_two_rows_that_contradict_each_other_cannot_both_be_released(desk: Desk) -> None:
    desk.payments(payment(amount="1.00"), payment(amount="2.00"))
    land_under(desk, decide(desk, 1), decide(desk, 2))
    assert desk.rows() == []
    assert standing(desk) == [(1, None), (2, None)]
    assert all("occurs more than once" in says for _, says in fates(desk))


def test_a_released_row_that_repeats_a_landed_one_is_collapsed(desk: Desk) -> None:
    desk.payments(PAID, payment(amount='"10,50"'))
    report = land_under(desk, decide(desk, 2, amount="10.5"))
    assert (report.accepted, report.quarantined, report.duplicates, report.released) == (1, 0, 1, 0)
    assert fates(desk) == [("repeated", "")]


def test_a_released_row_that_contradicts_a_landed_one_stays_open(desk: Desk) -> None:
    desk.payments(PAID, payment(amount='"11,50"'))
    report = land_under(desk, decide(desk, 2, amount="11.5"))
    assert (report.accepted, report.quarantined) == (1, 1)
    assert fates(desk) == [
        (
            "refused",
            "payment_id 'P-1' has already landed with different content, which is kept; discard this row, or give it another key",
        )
    ]


def test_a_line_that_was_no_row_can_be_released_with_every_field_given(desk: Desk) -> None:
    desk.payments(PAID, "P-2,payment", payment(payment_id="P-3"))
    fields = dict(zip(PAYMENT.split(","), PAID.split(","), strict=True)) | {"payment_id": "P-2"}
    report = land_under(desk, decide(desk, 2, Verb.RELEASE, "payments", **fields))
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-2", 2), ("P-3", 3)]
    assert (report.rows_in, report.accepted) == (3, 3)


def test_a_discarded_row_stays_in_quarantine_and_is_no_longer_open(desk: Desk) -> None:
    desk.payments(PAID, payment(payment_id="P-2", amount="x"), payment(payment_id="P-3", amount="x"))
    report = land_under(desk, decide(desk, 2, Verb.DISCARD))
    assert standing(desk) == [(2, "discarded"), (3, None)]
    assert (report.quarantined, report.discarded, report.open_rows) == (2, 1, 1)
    assert report.message == "2 of 3 rows are in quarantine (2 UNPARSABLE), 1 of them discarded"


def test_the_last_decision_on_a_row_is_the_one_that_counts(desk: Desk) -> None:
    desk.payments(payment(amount="x"))
    release, discard = decide(desk, 1, amount="1"), decide(desk, 1, Verb.DISCARD)
    assert land_under(desk, release, discard).accepted == 0
    assert land_under(desk, discard, release).accepted == 1


def test_a_correction_may_empty_a_field_that_may_be_empty(desk: Desk) -> None:
    desk.payments(payment(fee="x"))
    land_under(desk, decide(desk, 1, fee=""))
    assert desk.rows("fee") == [(None,)]


def test_a_decision_on_a_row_that_was_sent_mended_lapses_and_the_report_says_so(desk: Desk) -> None:
    desk.payments(PAID, payment(payment_id="P-2", amount='"12,50"'))
    release = decide(desk, 2, amount="99")
    desk.payments(PAID, payment(payment_id="P-2", amount="12.50"))
    report = land_under(desk, release)
    assert desk.rows("CAST(amount AS VARCHAR)") == [("10.500000000000",), ("12.500000000000",)]
    assert "no longer applies: its file no longer contains the row as delivered" in report.message
    assert (report.released, report.quarantined) == (0, 0)


def test_a_decision_lapses_when_no_file_comes_any_more(desk: Desk) -> None:
    desk.payments(payment(amount="x"))
    release = decide(desk, 1, amount="1")
    (desk.home / "landing" / "payments" / f"{DAY}.csv").unlink()
    report = land_under(desk, release)
    assert (report.status, report.rows_in) == ("missing", 0)
    assert "no longer applies" in report.message


def test_a_row_keeps_its_id_when_others_of_its_file_are_mended_or_added(desk: Desk) -> None:
    desk.payments(payment(payment_id="P-1", amount="x"), payment(payment_id="P-2", amount="x"))
    before = ids(desk)[2]
    desk.payments(payment(payment_id="P-0"), payment(payment_id="P-1"), payment(payment_id="P-2", amount="x"))
    assert ids(desk) == {3: before}


def test_rows_that_came_alike_have_ids_of_their_own_and_another_days_row_has_another(desk: Desk) -> None:
    desk.payments(payment(amount="x"), payment(amount="x"))
    first, second = ids(desk).values()
    assert first != second
    desk.put(f"{PAYMENT}\n{payment(amount='x')}\n", name="2026-03-03.csv")
    desk.land(day=DAY.replace(day=3))
    assert not {first, second} & set(ids(desk).values())


def test_one_of_two_rows_that_came_alike_is_released_alone(desk: Desk) -> None:
    desk.payments(payment(amount="x"), payment(amount="x"))
    report = land_under(desk, decide(desk, 2, amount="1", payment_id="P-2"))
    assert desk.rows("payment_id, source_row") == [("P-2", 2)]
    assert report.open_rows == 1


def test_a_mapped_row_is_corrected_in_our_columns_and_kept_as_it_came_in_theirs(
    desk_of: Callable[..., Desk],
) -> None:
    columns = {name: name for name in PAYMENT.split(",") if name not in ("amount", "currency")}
    feed = {"columns": {**columns, "amount": "Betrag", "currency": {"value": "EUR"}}}
    desk = desk_of(feeds={"payments": feed})
    header, row = PAYMENT.replace("amount", "Betrag").replace("currency,", ""), PAID.replace("USD,", "")
    desk.put(f"{header}\n{row.replace('10.50', chr(34) + '1.234,50' + chr(34))}\n")
    desk.land()
    ((payload, reading),) = desk.rows("payload, reading", "landed_quarantine")
    assert json.loads(payload)["Betrag"] == json.loads(reading)["amount"] == "1.234,50"
    assert json.loads(reading)["currency"] == "EUR"
    land_under(desk, decide(desk, 1, amount="1234.50"))
    assert desk.rows("CAST(amount AS VARCHAR), currency") == [("1234.500000000000", "EUR")]


def test_figures_in_the_notation_of_the_feed_are_released_as_the_figures_they_are(
    desk_of: Callable[..., Desk],
) -> None:
    desk = desk_of(feeds={"payments": {"decimal_mark": ",", "delimiter": ";"}})
    row = PAID.replace(",", ";")
    came = [
        row.replace("10.50", "10,50").replace("0.30", "0,30"),
        row.replace("10.50", "10,5x").replace("0.30", "0,30"),
    ]
    desk.put("\n".join([PAYMENT.replace(",", ";"), *(line.replace(";payment;", ";gift;") for line in came), ""]))
    desk.land()
    report = land_under(desk, decide(desk, 1, kind="payment"), decide(desk, 2, kind="payment", payment_id="P-2"))
    assert desk.rows("CAST(amount AS VARCHAR), CAST(fee AS VARCHAR)") == [("10.500000000000", "0.300000000000")]
    assert (report.accepted, report.open_rows) == (1, 1), "nobody guesses what 10,5x was meant to be"


def test_a_row_that_the_feeds_own_rule_set_aside_is_released_as_it_came(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(feeds={"payments": {"set_aside": {"is a test of the bank": "customer_id = 'C-0'"}}})
    desk.payments(PAID, payment(payment_id="P-2", customer_id="C-0"))
    assert desk.rows("payment_id") == [("P-1",)]
    land_under(desk, decide(desk, 2))
    assert desk.rows("payment_id") == [("P-1",), ("P-2",)]


def test_rows_of_other_formats_are_released_too(desk: Desk) -> None:
    fields = dict(zip(PAYMENT.split(","), PAID.split(","), strict=True))
    desk.put(json.dumps(fields | {"kind": "gift"}) + "\n", name=f"{DAY}.jsonl")
    desk.land()
    assert land_under(desk, decide(desk, 1, kind="payment")).accepted == 1
    (desk.home / "landing" / "payments" / f"{DAY}.jsonl").unlink()
    path = desk.home / "landing" / "payments" / f"{DAY}.parquet"
    duckdb.connect().sql(
        "SELECT 'P-1' AS payment_id, 'gift' AS kind, 'C-1' AS customer_id, CAST(10.5 AS DECIMAL(38,12)) AS amount, "
        "'USD' AS currency, 'succeeded' AS status, TIMESTAMPTZ '2026-03-02 10:00:00+00' AS processed_at"
    ).write_parquet(str(path))
    desk.land()
    assert land_under(desk, decide(desk, 1, kind="payment")).accepted == 1
    assert desk.rows("CAST(amount AS VARCHAR), CAST(processed_at AS VARCHAR)") == [
        ("10.500000000000", "2026-03-02 10:00:00+00")
    ]


def test_a_posting_moved_to_another_account_has_the_role_of_that_account(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(roles={"1200": "ar", "4000": "revenue"})
    posted = "entry_id,journal_id,posted_on,account,debit,credit,currency\nE-1,J-1,2026-03-02,1200,x,,USD\n"
    desk.put(posted, table="ledger_entries")
    desk.land("ledger_entries")
    land_under(desk, decide(desk, 1, account="4000", debit="5"), table="ledger_entries")
    assert desk.rows("account, role") == [("4000", "revenue")]


def test_a_released_event_that_was_landed_on_an_earlier_day_is_a_duplicate(desk: Desk) -> None:
    event = "E-1,app,C-1,S-1,api_calls,{},2026-03-02T10:00:00Z,2026-03-02T10:00:00Z"
    desk.put("\n".join([EVENT, event.format('"5,0"'), event.replace("E-1", "E-2").format('"7,0"'), ""]), "usage_events")
    desk.land("usage_events")
    names = ", ".join(f"CAST(NULL AS {c.sql_type}) AS {c.name}" for c in BY_NAME["usage_events"].columns[8:])
    desk.con.execute(
        "CREATE TABLE known AS SELECT DATE '2026-01-01' AS landed_on, 'f.csv' AS source_file, 1 AS source_row, 'E-1' AS event_id, 'app' AS source, 'C-1' AS customer_id, 'S-1' AS subscription_id, "
        "'api_calls' AS meter, CAST(5 AS DECIMAL(28,10)) AS quantity, TIMESTAMPTZ '2026-03-02 10:00:00+00' AS event_time, "
        f"TIMESTAMPTZ '2026-03-01 10:00:00+00' AS received_at, {names}"
    )
    first = decide(desk, 1, table="usage_events", quantity="5")
    second = decide(desk, 2, table="usage_events", quantity="7")
    report = land_under(desk, first, second, table="usage_events", known="known")
    assert desk.rows("event_id") == [("E-2",)]
    assert desk.rows("CAST(quantity AS INTEGER)", "landed_duplicates") == [(5,)]
    assert (report.accepted, report.duplicates, report.quarantined) == (1, 1, 0)


VALUES = st.sampled_from(
    ["1", "2", "x", "", "payment", "USD", "2026-03-02T00:00:00Z", "2026-01-01T00:00:00Z", "\0", "ü'", '"', "P-1", "P-9"]
)
CHANGES = st.dictionaries(st.sampled_from(PAYMENT.split(",")), VALUES, max_size=3)
LINES = st.lists(
    st.one_of(
        st.builds(lambda n, changed: payment(**({"payment_id": f"P-{n}"} | changed)), st.integers(1, 3), CHANGES),
        st.just("a,b"),
    ),
    min_size=1,
    max_size=6,
)
DECISIONS = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(Verb), CHANGES), max_size=6)


@pytest.mark.long
@settings(max_examples=20, deadline=None)
@given(LINES, DECISIONS)
def test_whatever_is_decided_every_row_is_in_one_place_and_a_rerun_puts_it_there_again(
    lines: list[str], wanted: list[tuple[int, Verb, dict[str, str]]]
) -> None:
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(Path(home))
        before = desk.payments(*lines)
        decisions = [
            decide(desk, row, verb, "payments", **changed) for row, verb, changed in wanted if row in ids(desk)
        ]
        outcomes = []
        for _ in range(2):
            report = land_under(desk, *decisions)
            assert report.equation_holds, str(report)
            assert report.rows_in == before.rows_in
            ((twice, aside),) = desk.rows(
                "count(*) - count(DISTINCT payment_id), (SELECT count(*) FROM landed_quarantine "
                "WHERE decision IS DISTINCT FROM 'released')"
            )
            assert (twice, aside) == (0, report.quarantined)
            outcomes.append((report, desk.rows(), desk.rows(of="landed_quarantine")))
        assert outcomes[0] == outcomes[1]
        touched = set(desk.rows("row_id", "landed_quarantine WHERE decision IS NOT NULL"))
        assert touched <= {(decision.row_id,) for decision in decisions}
