"""Rules of postings: a posting is a debit or a credit, and neither is negative."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

_DEBIT, _CREDIT = pl.col("debit").fill_null(0), pl.col("credit").fill_null(0)

RULES: tuple[Rule, ...] = (
    Rule("debit", Reason.OUT_OF_RANGE, pl.col("debit") >= 0, "is negative; book it as a credit"),
    Rule("credit", Reason.OUT_OF_RANGE, pl.col("credit") >= 0, "is negative; book it as a debit"),
    Rule(
        "credit",
        Reason.TABLE_RULE,
        (_DEBIT == 0) | (_CREDIT == 0),
        "is given together with a debit; a posting is one or the other",
    ),
)
