"""Rules of lines on documents."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule("line_no", Reason.OUT_OF_RANGE, pl.col("line_no") >= 0, "is negative; lines are counted from 1"),
)
