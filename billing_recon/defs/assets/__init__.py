"""The assets, one module per step, in the order of a day, of a month's end and of a shadow review. Each step is one call into day/ or report/.

A step's module defines `define(setup)`, which returns its Dagster definition.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

    from billing_recon.defs.step import Setup

DAY_STEPS: tuple[str, ...] = ("land", "rate", "reconcile", "judge", "release")
MONTH_STEPS: tuple[str, ...] = ("month_close", "month_evidence")
ROLLOUT_STEPS: tuple[str, ...] = ("stage_gate",)
SHADOW_STEPS: tuple[str, ...] = ("shadow_snapshot", "shadow_review", "shadow_gate", "cutover", "shadow_day")
"""Modules of this package."""


def define_steps(names: tuple[str, ...], setup: Setup) -> list[dg.AssetsDefinition]:
    """The definitions of some steps."""
    return [import_module(f"{__name__}.{name}").define(setup) for name in names]
