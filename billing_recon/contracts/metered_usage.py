"""Rules of usage as metered by the billing engine."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (Rule("events", Reason.OUT_OF_RANGE, pl.col("events") >= 0, "is negative; it counts events"),)
