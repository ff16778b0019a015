"""Rules of billed lines. A wrong total is not a rule here but a finding of reconciliation."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "period_end",
        Reason.TABLE_RULE,
        pl.col("period_end") > pl.col("period_start"),
        "is not after period_start; the period's last day is not counted, so one day ends on the next",
    ),
)
