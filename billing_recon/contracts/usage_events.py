"""Rules of usage events."""

from __future__ import annotations

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "received_at",
        Reason.TABLE_RULE,
        # One day allows for clocks that differ and for local times that were taken for UTC.
        pl.col("received_at") >= pl.col("event_time").dt.offset_by("-1d"),
        "is more than a day before event_time; an event cannot be received before it happens",
    ),
    Rule("corrects", Reason.TABLE_RULE, pl.col("corrects") != pl.col("event_id"), "names the event itself"),
)
