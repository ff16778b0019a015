"""Rules of payments. The kind gives the direction, so amounts are never negative."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule("attempt", Reason.OUT_OF_RANGE, pl.col("attempt") >= 0, "is negative; attempts are counted from 1"),
)
