"""Bills of charges that are metered or priced by single events, and of charges with a minimum and a maximum of their own."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.catalog import Plan
from billing_recon_tests.compute.reconcile.world import PLANS, World

LINE = "expected_billed"
Row = dict[str, Any]


def world(charge: Row) -> World:
    """A world whose lines are of one plan with one usage charge `calls` of meter api_calls."""
    made = World()
    whole = {"charge_id": "calls", "kind": "usage", "meter": "api_calls", **charge}
    made.plans = (
        *PLANS,
        Plan.model_validate({"plan_id": "own", "plan_version": "v2", "currency": "USD", "charges": [whole]}),
    )
    return made


def one(made: World, code: str, stages: dict[str, str]) -> Row:
    """The only difference, whose stages add up to it."""
    found = made.run(LINE).the_break(LINE)
    assert found["code"] == code, found["explanation"]
    deltas = {name: Decimal(amount) for name, amount in json.loads(found["stage_deltas"]).items()}
    assert deltas == {name: Decimal(amount) for name, amount in stages.items()}
    assert sum(deltas.values()) == found["delta"]
    return found


USERS = {"model": "per_unit", "unit_price": "10", "aggregation": "unique_count", "unique": "user"}


@pytest.mark.parametrize(
    ("billed", "known", "code", "delta"),
    [
        (90, {}, "USAGE_MISSING", "-119"),
        (110, {}, "USAGE_DUPLICATE", "119"),
        (97, {"late_quantity": 3}, "USAGE_LATE", "-35.70"),
        (96, {"superseded_quantity": -4}, "USAGE_CORRECTED", "-47.60"),
        (104, {"superseded_quantity": 4}, "USAGE_CORRECTED", "47.60"),
    ],
)
def test_units_that_are_counted_distinct_are_priced_again_by_their_number(
    billed: int, known: Row, code: str, delta: str
) -> None:
    made = world(USERS)
    line = made.expect(quantity=100, gross="1000", plan_id="own", unit_price=Decimal(10), **known)
    made.bill("INV-1", line, quantity=billed, **made.refigure(line, str(billed * 10)))
    one(made, code, {code: delta})


def test_a_sum_of_the_roll_up_never_explains_units_that_are_no_sum() -> None:
    """97 of 100 users; three events came late, of users who had been there before."""
    made = world(USERS)
    line = made.expect(quantity=100, gross="1000", plan_id="own", unit_price=Decimal(10))
    made.usage(500, date(2026, 2, 10))
    made.usage(3, date(2026, 2, 10), on=date(2026, 2, 11), late_quantity=3)
    made.bill("INV-1", line, quantity=97, **made.refigure(line, "970"))
    one(made, "USAGE_MISSING", {"USAGE_MISSING": "-35.70"})


def test_an_engine_that_metered_everything_and_counts_otherwise_adds_up_wrong() -> None:
    made = world(USERS)
    line = made.expect(quantity=100, gross="1000", plan_id="own", unit_price=Decimal(10))
    made.usage(500, date(2026, 2, 10))
    made.metered(500, date(2026, 2, 10))
    made.bill("INV-1", line, quantity=500, **made.refigure(line, "5000"))
    one(made, "USAGE_AGGREGATION", {"USAGE_AGGREGATION": "4760"})


PAYMENTS = {"model": "percentage", "rate": "0.02", "event_fee": "0.30"}


def test_what_single_events_cost_goes_with_their_units() -> None:
    """A payment of 50 is left out: 2% of 50 and a fee of 0.30 are 1.30."""
    made = world(PAYMENTS)
    line = made.expect(quantity=210, gross="5.10", plan_id="own", unit_price=None)
    made.bill("INV-1", line, quantity=160, **made.refigure(line, "3.80"))
    one(made, "USAGE_MISSING", {"USAGE_MISSING": "-1.55"})


def test_a_wrong_rate_on_the_right_payments_is_a_wrong_rate() -> None:
    made = world(PAYMENTS)
    line = made.expect(quantity=210, gross="5.10", plan_id="own", unit_price=None)
    made.bill("INV-1", line, **made.refigure(line, "9.30"))
    one(made, "TIER_RATE", {"TIER_RATE": "5"})


def test_fewer_payments_that_cost_more_are_no_matter_of_their_number() -> None:
    made = world(PAYMENTS)
    line = made.expect(quantity=210, gross="5.10", plan_id="own", unit_price=None)
    made.bill("INV-1", line, quantity=160, **made.refigure(line, "9.30"))
    one(made, "TIER_RATE", {"TIER_RATE": "5"})


def test_a_discount_on_top_stays_a_stage_of_its_own() -> None:
    made = world(PAYMENTS)
    line = made.expect(quantity=210, gross="5.00", plan_id="own", unit_price=None, discount_rate="0.1", rate="0")
    wrong = made.refigure(line, "4.00", discount=Decimal(0), rate=Decimal(0))
    made.bill("INV-1", line, quantity=160, **wrong)
    one(made, "USAGE_MISSING", {"USAGE_MISSING": "-0.90", "DISCOUNT_VALUE": "0.40"})


HELD = {"model": "per_unit", "unit_price": "1", "minimum": "50", "maximum": "80"}


def bounds(charged: str) -> str:
    """The working of a line under HELD."""
    return json.dumps({"steps": {"bounds": {"charged": charged, "part": 1, "whole": 1}}})


@pytest.mark.parametrize(
    ("used", "due", "billed", "code", "delta"),
    [(30, "50", "30", "MINIMUM", "-23.80"), (90, "80", "90", "CAP", "11.90")],
)
def test_a_line_that_was_neither_raised_nor_cut_names_what_is_missing(
    used: int, due: str, billed: str, code: str, delta: str
) -> None:
    made = world(HELD)
    line = made.expect(quantity=used, gross=due, plan_id="own", unit_price=Decimal(1), working=bounds(f"{used}.00"))
    made.bill("INV-1", line, **made.refigure(line, billed))
    one(made, code, {code: delta})


def test_units_too_few_that_the_minimum_makes_up_for_move_no_money() -> None:
    made = world(HELD)
    line = made.expect(quantity=40, gross="50", plan_id="own", unit_price=Decimal(1), working=bounds("40.00"))
    made.bill("INV-1", line, quantity=30, **made.refigure(line, "50"))
    one(made, "USAGE_MISSING", {"USAGE_MISSING": "0"})


def test_units_too_few_are_priced_within_the_minimum() -> None:
    """70 were used and 30 billed, at 50 rightly: 20 less before tax."""
    made = world(HELD)
    line = made.expect(quantity=70, gross="70", plan_id="own", unit_price=Decimal(1), working=bounds("70.00"))
    made.bill("INV-1", line, quantity=30, **made.refigure(line, "50"))
    one(made, "USAGE_MISSING", {"USAGE_MISSING": "-23.80"})
