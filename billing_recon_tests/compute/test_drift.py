"""Today against the baseline: mean, range and relative change, and NO DATA where there is nothing to compare."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing_recon_tests.compute.reconcile.world import World


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
