"""What cannot be true of what the engine says it metered."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (Rule("events", Reason.OUT_OF_RANGE, pl.col("events") >= 0, "is negative; it counts events"),)
