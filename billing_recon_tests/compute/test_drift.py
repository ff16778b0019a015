"""Today against the baseline: mean, range and relative change, and NO DATA where there is nothing to compare."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon.core.policy import Drift
from billing_recon_tests.compute.reconcile.world import DAY, World


def test_drift_is_measured_against_the_baselines_days() -> None:
    world = World()
    world.bill("INV-1", world.expect())
    for n, value in enumerate((100, 140, None)):
        world.baseline.append(("total_billed", "USD", "all", "control", date(2026, 1, 1 + n), value))
    day = world.run().measured()
    (drift,) = day.rows("FROM drift WHERE metric = 'total_billed'")
    assert (drift["value"], drift["baseline_mean"], drift["baseline_low"], drift["baseline_high"], drift["days"]) == (
        Decimal("214.20"),
        120,
        100,
        140,
        2,
    )
    assert drift["drift"] == Decimal("0.785")
    (other,) = day.rows("FROM drift WHERE metric = 'total_tax'")
    assert (other["drift"], other["baseline_mean"], other["days"]) == (None, None, 0)


def test_without_a_baseline_nothing_drifts() -> None:
    world = World()
    world.bill("INV-1", world.expect())
    day = world.run().measured()
    assert {row["drift"] for row in day.rows("FROM drift")} == {None}


def test_a_baseline_of_nothing_gives_no_relative_change() -> None:
    world = World()
    world.bill("INV-1", world.expect())
    world.baseline.append(("net_delta", "USD", "all", "control", date(2026, 1, 1), 0))
    (drift,) = world.run().measured().rows("FROM drift WHERE metric = 'net_delta' AND currency = 'USD'")
    assert (drift["baseline_mean"], drift["drift"], drift["days"]) == (0, None, 1)


def billed(world: World, figures: dict[date, str], name: str = "total_billed") -> dict[str, object]:
    """The drift of what was billed, with invoices over so much gross (before 19% tax) on each of these days."""
    for day, gross in figures.items():
        line = world.expect(f"S-{day}", "base", gross=gross)
        if day != world.day:
            world.rows["expected_lines"].remove(line)
        world.bill(f"{day}X", line, on=day)
    (row,) = world.run().measured().rows(f"FROM drift WHERE metric = '{name}' AND currency = 'USD'")
    return row


def weeks(*gross: str) -> dict[date, str]:
    """So much on this weekday one, two, three ... weeks ago."""
    return {DAY - timedelta(days=7 * (n + 1)): figure for n, figure in enumerate(gross)}


def test_the_day_before_and_the_same_day_of_last_month_are_summed_from_landed_rows() -> None:
    row = billed(World(), {DAY: "100", DAY - timedelta(days=1): "50", date(2026, 2, 3): "80"})
    assert (row["prior_day"], row["prior_value"], row["prior_drift"]) == (date(2026, 3, 2), Decimal("59.50"), 1)
    assert (row["cycle_day"], row["cycle_value"], row["cycle_drift"]) == (
        date(2026, 2, 3),
        Decimal("95.20"),
        Decimal("0.25"),
    )


@pytest.mark.parametrize(
    ("day", "cycle", "before"),
    [
        (date(2026, 3, 31), "month", date(2026, 2, 28)),
        (date(2026, 3, 30), "month", date(2026, 2, 28)),
        (date(2026, 3, 15), "month", date(2026, 2, 15)),
        (date(2026, 3, 31), "week", date(2026, 3, 24)),
    ],
)
def test_the_cycle_before_is_clamped_to_its_months_end_or_a_week_ago(day: date, cycle: str, before: date) -> None:
    world = World(day)
    world.drift = Drift.model_validate({"cycle": cycle})
    assert billed(world, {day: "100"})["cycle_day"] == before


def test_the_band_is_that_of_like_days_and_one_wild_day_does_not_move_it() -> None:
    world = World()
    world.drift = Drift(cycle="week", min_days=5)
    other_days = {DAY - timedelta(days=n): "9000" for n in (1, 2, 3)}
    row = billed(world, {DAY: "130", **weeks("100", "110", "90", "100", "50000"), **other_days})
    assert (row["band_median"], row["band_days"]) == (Decimal("119.00"), 5)
    # The distances from 119.00 are 0, 0, 11.90, 11.90 and 59,381.00: their median is 11.90, six of them are 71.40.
    assert (row["band_low"], row["band_high"]) == (Decimal("47.60"), Decimal("190.40"))
    assert row["band_method"] == "median of Tuesdays, plus or minus 6 MAD, at least 5% of it; from 5 days on"


def test_days_that_never_vary_still_have_a_band_of_some_width() -> None:
    world = World()
    world.drift = Drift(cycle="week")
    row = billed(world, {DAY: "100", **weeks("100", "100", "100", "100")})
    assert (row["band_low"], row["band_high"]) == (Decimal("113.05"), Decimal("124.95"))


def test_too_few_like_days_are_no_data() -> None:
    world = World()
    world.drift = Drift(cycle="week")
    row = billed(world, {DAY: "100", **weeks("100", "100", "100")})
    assert (row["band_low"], row["band_high"], row["band_median"], row["band_days"]) == (None, None, None, 3)


def test_month_ends_are_like_each_other_and_the_baselines_days_count() -> None:
    world = World(date(2026, 2, 28))
    world.drift = Drift(min_days=3)
    for day, value in ((date(2025, 11, 30), 119), (date(2025, 12, 31), 119), (date(2025, 12, 28), 7)):
        world.baseline.append(("total_billed", "USD", "all", "control", day, value))
    row = billed(world, {world.day: "100", date(2026, 1, 31): "100", date(2026, 1, 28): "7"})
    assert (row["band_days"], row["band_median"]) == (3, 119)


def test_rates_have_the_baselines_days_for_a_history_and_no_data_without() -> None:
    world = World()
    world.baseline.append(("capture_rate", "USD", "all", "control", DAY - timedelta(days=1), Decimal("0.5")))
    row = billed(world, {DAY: "100"}, "capture_rate")
    assert (row["prior_value"], row["prior_drift"], row["cycle_value"]) == (Decimal("0.5"), 1, None)
