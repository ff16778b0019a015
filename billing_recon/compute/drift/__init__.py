"""Today's metrics against the baseline, the previous day, the same day of the previous cycle, and the band of like days.

All of it is a function of what is landed up to the day: the history of totals and counts is summed from the landed rows
themselves, as they are known now, so no day needs another day's result. Metrics that cannot be summed this way (such as
rates) take their history from the baseline's days. How much drift is too much is policy.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(__package__, "metric_history", "drift")
"""Inputs: metrics, baseline_values and the day's tables. Result: drift."""
