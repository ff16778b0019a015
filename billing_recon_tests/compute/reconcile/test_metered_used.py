"""What customers used against what the engine says it metered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "metered_used"
USED_ON = DAY - timedelta(days=2)


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


@pytest.mark.parametrize(
    ("metered", "known", "code"),
    [
        (1_000, {}, None),
        (900, {}, "USAGE_MISSING"),
        (950, {"late_quantity": 50}, "USAGE_LATE"),
        (1_100, {}, "USAGE_DUPLICATE"),
        (1_100, {"duplicate_quantity": 100}, "USAGE_DUPLICATE"),
        (1_070, {"superseded_quantity": 70}, "USAGE_CORRECTED"),
        (960, {"superseded_quantity": 20, "corrected_quantity": 40}, "USAGE_CORRECTED"),
    ],
)
def test_what_was_metered_is_held_against_what_was_used(metered: int, known: dict[str, Any], code: str | None) -> None:
    world = World()
    world.usage(1_000, USED_ON, **known)
    world.metered(metered, USED_ON)
    outcome = run(world)
    assert outcome.codes() == ([(code, Decimal(metered - 1_000))] if code else [])
    assert all((b["level"], b["currency"], b["expected"]) == ("account", None, 1_000) for b in outcome.breaks())


def test_usage_is_the_sum_of_its_changes_up_to_today() -> None:
    world = World()
    world.usage(1_000, USED_ON)
    world.usage(-100, USED_ON, on=DAY - timedelta(days=1))
    world.metered(900, USED_ON)
    assert run(world).breaks() == []


def test_a_meter_that_only_one_side_has() -> None:
    world = World()
    world.usage(10, USED_ON, meter="api_calls")
    world.usage(7, USED_ON, meter="tokens")
    world.metered(10, USED_ON, meter="api_calls")
    world.metered(3, USED_ON, meter="storage")
    assert run(world).codes() == [("USAGE_DUPLICATE", Decimal(3)), ("USAGE_MISSING", Decimal(-7))]


def test_an_engine_that_metered_nothing_that_day_said_nothing() -> None:
    world = World()
    world.usage(10, USED_ON)
    world.metered(5, USED_ON - timedelta(days=1))
    outcome = run(world)
    assert outcome.breaks() == []
    assert outcome.totals(PAIR) == []


def test_only_the_day_whose_late_window_ends_today_is_decided() -> None:
    world = World()
    for days in (1, 3):
        world.usage(10, DAY - timedelta(days=days))
        world.metered(5, DAY - timedelta(days=days))
    assert run(world).breaks() == []


def test_the_engines_last_word_on_a_day_counts() -> None:
    world = World()
    world.usage(10, USED_ON)
    world.metered(8, USED_ON)
    world.metered(10, USED_ON, on=DAY)
    assert run(world).breaks() == []


def test_units_of_two_meters_are_never_added() -> None:
    world = World()
    for meter, used, metered in (("api_calls", 1_000, 900), ("storage_gb_hours", 5, 6), ("tokens", 7, 7)):
        world.usage(used, USED_ON, meter=meter)
        world.metered(metered, USED_ON, meter=meter)
    totals = run(world).rows("FROM control_totals ORDER BY meter")
    assert [(t["meter"], t["currency"], t["left_amount"], t["delta"], t["break_net"]) for t in totals] == [
        ("api_calls", None, 1_000, -100, -100),
        ("storage_gb_hours", None, 5, 1, 1),
        ("tokens", None, 7, 0, 0),
    ]


def test_units_of_a_subscription_that_is_billed_without_a_contract_are_not_compared() -> None:
    """Its bill is the one finding. A subscription that nobody bills keeps its differences."""
    for billed, codes in ((True, []), (False, [("USAGE_MISSING", Decimal(-100))])):
        world = World()
        line = world.expect("S9")
        world.rows["expected_lines"].clear()
        world.rows["subscriptions"].clear()
        if billed:
            world.bill("INV-9", line)
        world.usage(1_000, USED_ON, sub="S9")
        world.metered(900, USED_ON, sub="S9")
        assert run(world).codes(PAIR) == codes
