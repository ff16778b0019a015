"""Laws that hold whatever the figures: what more units cost, how a period may be split, what order does and does not change."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon.compute.rating.metering import meter
from billing_recon.compute.rating.proration import shares
from billing_recon.core.catalog import Charge, Plan
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.cases import Case, opened, rated
from billing_recon_tests.compute.rating.desk import answer, desk, prices, table
from billing_recon_tests.compute.rating.oracle import Asked

pytestmark = pytest.mark.long

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)

PRICE = st.decimals(min_value=0, max_value=5, places=4)
FEE = st.decimals(min_value=0, max_value=20, places=2)


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    edges = sorted(draw(st.sets(st.integers(1, 500), max_size=4)))
    return [{"up_to": edge, "unit": draw(PRICE), "flat": draw(FEE)} for edge in [*edges, None]]


@FEW
@given(tiers(), st.lists(st.integers(0, 700), min_size=2, max_size=30))
def test_more_units_never_cost_less_under_graduated_tiers(given_tiers: list[dict[str, Any]], units: list[int]) -> None:
    ordered = sorted(units)
    found = prices({"model": "graduated", "tiers": given_tiers}, ordered)
    assert found == sorted(found)


TINY = Decimal("0.0000000001")


@FEW
@given(tiers())
def test_a_jump_at_the_edge_of_a_graduated_tier_is_the_next_ones_fee(given_tiers: list[dict[str, Any]]) -> None:
    """So without fees there is none."""
    edges = [Decimal(tier["up_to"]) for tier in given_tiers[:-1]]
    found = prices({"model": "graduated", "tiers": given_tiers}, [at for edge in edges for at in (edge, edge + TINY)])
    for number, (at, above) in enumerate(zip(found[::2], found[1::2], strict=True), start=1):
        assert 0 <= above - at - given_tiers[number]["flat"] <= 5 * TINY


MODELS = (
    {"model": "per_unit", "unit_price": "0.0125", "free_units": 40},
    {"model": "package", "package_size": 25, "package_price": "4"},
    {"model": "volume", "tiers": [{"up_to": 90, "unit": "2", "flat": "3"}, {"unit": "1"}]},
    {
        "model": "graduated_blocks",
        "tiers": [{"block_size": 10, "unit": "3", "max_blocks": 5}, {"block_size": 50, "unit": "9"}],
    },
)


@FEW
@given(tiers(), st.lists(st.integers(0, 200), min_size=1, max_size=6), st.sampled_from(["nothing", "first_tier"]))
def test_splitting_a_period_conserves_money(given_tiers: list[dict[str, Any]], parts: list[int], no_usage: str) -> None:
    """Whatever the parts, they owe together what the period owes as a whole: each tier and fee once."""
    profile = Profile.model_validate({"no_usage": no_usage})
    charges = [
        Charge.model_validate({"charge_id": f"c{n}", "kind": "usage", "meter": f"m{n}", **model})
        for n, model in enumerate(({"model": "graduated", "tiers": given_tiers}, *MODELS))
    ]
    plan = Plan(plan_id="p", plan_version="1", currency="USD", charges=tuple(charges))
    last = len(parts) - 1
    asked = [
        case
        for charge in charges
        for case in (
            *(
                Asked(charge, Fraction(u), Fraction(sum(parts[:n])), opens=n == 0, closes=n == last)
                for n, u in enumerate(parts)
            ),
            Asked(charge, Fraction(sum(parts))),
        )
    ]
    found = [raw for raw, _ in rated(opened([plan], profile), [Case(plan, one) for one in asked])]
    for n, charge in enumerate(charges):
        *each, whole = found[n * (last + 2) : (n + 1) * (last + 2)]
        assert sum(each) == whole, (charge.model, parts)


@FEW
@given(st.lists(st.decimals(min_value=0, max_value=500, places=2), min_size=1, max_size=25), st.integers(0, 2**31))
def test_the_order_of_events_is_irrelevant_to_everything_but_the_latest(values: list[Decimal], seed: int) -> None:
    shuffled = list(enumerate(values))
    Random(seed).shuffle(shuffled)
    found = []
    for order in (list(enumerate(values)), shuffled):
        con = desk()
        kinds = ("sum", "count", "unique_count", "max")
        items = [(n, kind, None, "2026-03-01", "2026-04-01") for n, kind in enumerate(kinds)]
        table(con, "items", ITEM, items)
        events = [
            (n, place, f"2026-03-{1 + at % 28:02} 10:00", value, f"k{at % 4}", None)
            for n in range(len(kinds))
            for place, (at, value) in enumerate(order)
        ]
        table(con, "events", EVENT, events)
        found.append(
            answer(con, meter("items", "events", "metered"), "SELECT item_id, quantity FROM metered ORDER BY 1")
        )
    assert found[0] == found[1]


ITEM = {"item_id": "INTEGER", "aggregation": "VARCHAR", "bucket": "VARCHAR", "begins": "TIMESTAMP", "ends": "TIMESTAMP"}
EVENT = {
    "item_id": "INTEGER",
    "event_no": "INTEGER",
    "event_time": "TIMESTAMP",
    "value": "DECIMAL(28,10)",
    "counted": "VARCHAR",
    "cell": "VARCHAR",
}
SPAN = {
    "item_id": "INTEGER",
    "begins": "TIMESTAMP",
    "ends": "TIMESTAMP",
    "period_begins": "TIMESTAMP",
    "period_ends": "TIMESTAMP",
    "seconds_part": "BIGINT",
    "seconds_whole": "BIGINT",
}


@FEW
@given(st.sets(st.integers(1, 30), max_size=5), st.sampled_from(["by_day", "by_second"]))
def test_the_parts_of_a_period_add_up_to_the_whole(cuts: set[int], proration: str) -> None:
    edges = [1, *sorted(day + 1 for day in cuts if day < 31)]
    days = [f"2026-03-{day:02} 00:00" for day in edges] + ["2026-04-01 00:00"]
    con = desk(proration=proration)
    rows = [(n, begin, end, "2026-03-01", "2026-04-01", None, None) for n, (begin, end) in enumerate(pairwise(days))]
    table(con, "asked", SPAN, rows)
    ((part, whole, ratio),) = answer(
        con, shares("asked", "shares"), "SELECT sum(part), max(whole), sum(ratio) FROM shares"
    )
    assert part == whole
    assert abs(ratio - 1) <= Decimal("1e-20")
