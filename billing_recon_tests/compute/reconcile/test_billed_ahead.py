"""Charges billed in advance against the bills: which invoice answers for what, and what is missing when."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon_tests.compute.reconcile.world import AHEAD, FEBRUARY, PLANS, World

MARCH = (date(2026, 3, 1), date(2026, 4, 1))
DUE = date(2026, 3, 3)
CHANGED = (date(2026, 3, 16), date(2026, 4, 1))
Row = dict[str, Any]


class AheadWorld(World):
    """A subscription whose base and seats are billed in advance, and its usage in arrears."""

    plans = PLANS + AHEAD

    def __init__(self, day: date = DUE) -> None:
        super().__init__(day)
        self.subscription("S1", "C-S1")
        self.rows["subscriptions"][-1] |= {"plan_id": "ahead"}

    def due(self, charge: str, period: tuple[date, date], due_on: date = DUE, **given: Any) -> Row:
        return self.expect(charge=charge, period=period, due_on=due_on, plan_id="ahead", **given)

    def earlier(self, invoice_id: str, line: Row, on: date, **changes: Any) -> None:
        """A bill of an earlier day whose expected line is not told again."""
        self.bill(invoice_id, line, on=on, **changes)
        self.rows["expected_lines"].remove(line)

    def pair(self, due_on: date = date(2026, 3, 18)) -> tuple[Row, Row]:
        """Seats from 5 to 8 on 16 March: 16 of 31 days."""
        back = self.due("seats", CHANGED, due_on, quantity=5, share=(16, 31))
        figures = {n: -back[n] for n in ("gross_raw", "gross", "taxable", "tax", "tax_raw", "total")}
        back |= figures | {"expected_line_id": back["expected_line_id"] + "|given back"}
        return back, self.due("seats", CHANGED, due_on, quantity=8, share=(16, 31))


def found(world: World) -> list[tuple[str, Decimal, str]]:
    outcome = world.run("expected_billed")
    assert outcome.foots()
    breaks = outcome.breaks("expected_billed")
    for one in breaks:
        assert sum(Decimal(d) for d in json.loads(one["stage_deltas"]).values()) == one["delta"]
    return sorted((one["code"], one["delta"], one["level"]) for one in breaks)


def test_the_next_base_on_the_invoice_of_the_usage_matches() -> None:
    world = AheadWorld()
    world.bill("INV-1", world.due("calls", FEBRUARY), line_id="1")
    world.bill("INV-1", world.due("base", MARCH), line_id="2")
    assert found(world) == []


def test_a_base_that_is_not_on_the_invoice_is_missing_from_it() -> None:
    world = AheadWorld()
    world.bill("INV-1", world.due("calls", FEBRUARY))
    world.due("base", MARCH)
    assert found(world) == [("SUBSCRIPTION_STATE", Decimal("-59.50"), "line")]


def test_nothing_billed_of_what_is_due_together_is_one_missing_invoice_after_the_grace() -> None:
    for day, expected in ((DUE, []), (date(2026, 3, 4), [("INVOICE_MISSING", Decimal("-273.70"), "invoice")])):
        world = AheadWorld(day)
        world.due("calls", FEBRUARY)
        world.due("base", MARCH)
        assert found(world) == expected


def test_the_base_may_come_by_itself_before_the_usage_of_the_month_that_ends() -> None:
    early = AheadWorld(date(2026, 3, 1))
    early.bill("INV-1", early.due("base", MARCH))
    early.due("calls", FEBRUARY)
    assert found(early) == []
    later = AheadWorld()
    later.bill("INV-1", later.due("base", MARCH), on=date(2026, 3, 1))
    later.bill("INV-2", later.due("calls", FEBRUARY))
    assert found(later) == []


def test_usage_that_never_follows_an_early_base_is_missing_after_the_grace_and_once() -> None:
    for day, expected in (
        (date(2026, 3, 3), []),
        (date(2026, 3, 4), [("USAGE_MISSING", Decimal("-214.20"), "line")]),
    ):
        world = AheadWorld(day)
        world.bill("INV-1", world.due("base", MARCH), on=date(2026, 3, 1))
        world.due("calls", FEBRUARY)
        assert found(world) == expected


def test_a_base_billed_a_month_ago_does_not_stand_for_the_usage_that_is_due_now() -> None:
    world = AheadWorld(date(2026, 3, 4))
    world.earlier("INV-0", world.due("base", FEBRUARY, date(2026, 2, 3)), on=date(2026, 2, 3))
    world.due("calls", FEBRUARY)
    assert found(world) == [("INVOICE_MISSING", Decimal("-214.20"), "invoice")]


def test_after_the_last_base_only_usage_is_due_and_missed() -> None:
    """The plan is cancelled at the end of February: nothing in advance is expected any more."""
    world = AheadWorld(date(2026, 3, 4))
    world.earlier("INV-0", world.due("base", FEBRUARY, date(2026, 2, 3)), on=date(2026, 2, 3), plan_id=None)
    world.due("calls", FEBRUARY)
    assert found(world) == [("INVOICE_MISSING", Decimal("-214.20"), "invoice")]


def test_a_change_is_two_lines_told_apart_by_what_they_do() -> None:
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("INV-2", new, line_id="1", plan_id=None)
    world.bill("INV-2", back, line_id="2", plan_id=None)
    assert found(world) == []


@pytest.mark.parametrize(
    ("seats", "code", "delta"), [(3, "SUBSCRIPTION_STATE", "-30.72"), (5, "SUBSCRIPTION_STATE", "-18.43")]
)
def test_wrong_seats_of_a_change(seats: int, code: str, delta: str) -> None:
    """8 seats for 16 of 31 days are 41.29; 5 are 25.81 and 3 are 15.48; 19% tax."""
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("INV-2", back, line_id="1")
    gross = {3: "15.48", 5: "25.81"}[seats]
    world.bill("INV-2", new, line_id="2", quantity=seats, **world.refigure(new, gross))
    assert [(c, level) for c, _, level in found(world)] == [(code, "line")]
    assert found(world)[0][1] == Decimal(delta)


def test_a_wrong_share_given_back() -> None:
    """25.81 are to be given back (5 seats, 16 of 31 days) and 24.19 were, for 15 days."""
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("INV-2", new, line_id="1")
    world.bill("INV-2", back, line_id="2", **world.refigure(back, "-24.19"))
    assert found(world) == [("PRORATION", Decimal("1.92"), "line")]


def test_what_is_given_back_in_full_is_a_wrong_share() -> None:
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("INV-2", new, line_id="1")
    world.bill("INV-2", back, line_id="2", **world.refigure(back, "-50.00"))
    assert [code for code, *_ in found(world)] == ["PRORATION"]


def test_another_version_s_price_is_given_back() -> None:
    """At 9 a seat: 23.23 back where 25.81 were billed."""
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("INV-2", new, line_id="1")
    world.bill("INV-2", back, line_id="2", plan_version="v1", unit_price="9", **world.refigure(back, "-23.23"))
    assert [code for code, *_ in found(world)] == ["PRICE_VERSION"]


def test_a_charge_without_what_goes_back_is_a_missing_line() -> None:
    world = AheadWorld(date(2026, 3, 18))
    _, new = world.pair()
    world.bill("INV-2", new)
    assert found(world) == [("PRORATION", Decimal("30.71"), "line")]


def test_a_change_left_out_of_the_bill_it_waits_for_is_two_missing_lines() -> None:
    """Both are of one kind, plan and days, and yet two breaks."""
    world = AheadWorld()
    world.bill("INV-1", world.due("calls", FEBRUARY))
    back, charged = world.pair(DUE)
    assert [delta for _, delta, _ in found(world)] == sorted((-back["total"], -charged["total"]))


def test_the_net_of_a_change_as_one_line_is_the_same() -> None:
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    net = {n: new[n] + back[n] for n in ("gross", "taxable", "tax", "total")}
    world.bill("INV-2", new, quantity=3, **net)
    assert found(world) == []


def test_a_change_that_nothing_bills_is_an_invoice_that_never_came() -> None:
    world = AheadWorld(date(2026, 3, 19))
    world.earlier("INV-1", world.due("seats", MARCH, quantity=5), on=DUE)
    world.due("seats", MARCH, quantity=5)
    world.pair()
    assert found(world) == [("INVOICE_MISSING", Decimal("-18.43"), "invoice")]


def test_a_credit_note_answers_for_what_is_given_back() -> None:
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    world.bill("CN-1", back, invoice_kind="credit_note")
    world.bill("INV-2", new)
    assert found(world) == []


def test_two_changes_in_a_period_are_answered_each_by_its_own_invoice() -> None:
    world = AheadWorld(date(2026, 3, 18))
    world.due("seats", MARCH, quantity=5)
    world.bill("INV-1", world.rows["expected_lines"][-1], on=DUE)
    earlier = world.due("base", (date(2026, 3, 10), MARCH[1]), date(2026, 3, 12), share=(22, 31))
    world.bill("INV-2", earlier, on=date(2026, 3, 12))
    back, new = world.pair()
    world.bill("INV-3", back, line_id="1")
    world.bill("INV-3", new, line_id="2")
    assert found(world) == []


def test_a_change_that_is_taken_back_is_no_repeat_of_the_change() -> None:
    """INV-1 exchanged the old price for the new one; INV-2 exchanges the same days the other way round. Billed once more it is a repeat."""
    world = AheadWorld(date(2026, 3, 18))
    back, new = world.pair()
    before = date(2026, 3, 14)
    world.bill("INV-1", back, line_id="1", on=before, **world.refigure(back, -new["gross"]))
    world.bill("INV-1", new, line_id="2", on=before, **world.refigure(new, -back["gross"]))
    for line_id, line in enumerate((back, new), 1):
        world.bill("INV-2", line, line_id=str(line_id))
    assert found(world) == []
    for line_id, line in enumerate((back, new), 1):
        world.bill("INV-3", line, line_id=str(line_id))
    assert [code for code, *_ in found(world)] == ["INVOICE_DUPLICATE"]


def test_history_billed_ahead_before_the_first_day_is_not_unexpected() -> None:
    world = AheadWorld(date(2026, 3, 10))
    world.first_day = date(2026, 3, 10)
    line = world.due("base", MARCH)
    world.rows["expected_lines"].remove(line)
    world.bill("INV-1", line)
    assert found(world) == []
