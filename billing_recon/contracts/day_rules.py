"""Rules on a row's own day, given the day of its file."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule
from billing_recon.core.period import day_bounds
from billing_recon.core.schema import SUBSCRIPTIONS, USAGE_EVENTS, Kind, TableSpec


def day_rules(spec: TableSpec, day: date, lookback_days: int, timezone: str) -> tuple[Rule, ...]:
    """The rules of one day's file: its rows are dated on its day or at most `lookback_days` before (ARCHITECTURE section 1).

    The day of an instant is its day in the company's `timezone`. A contract interval may begin on any day. Usage may be
    received after its file's day (if the file was written again), but not so late that no computation reads it.
    """
    if not spec.own_day or spec is SUBSCRIPTIONS:
        return ()
    earliest, last_read = day - timedelta(days=lookback_days), day + timedelta(days=lookback_days)
    own = pl.col(spec.own_day)
    if spec.column(spec.own_day).kind is Kind.TIMESTAMP:
        begins, ends = day_bounds(earliest, timezone)[0], day_bounds(day, timezone)[1]
        early, late = own >= pl.lit(begins), own < pl.lit(ends)
    else:
        early, late = own >= pl.lit(earliest), own <= pl.lit(day)

    def rule(field: str, holds: pl.Expr, says: str) -> Rule:
        return Rule(field, Reason.WRONG_DAY, holds, says)

    rules: tuple[Rule, ...] = (
        rule(spec.own_day, early, f"lies before {earliest}, more than {lookback_days} days before the day of its file"),
        rule(spec.own_day, late, f"lies after {day}, the day of its file; send it in the file of its own day"),
    )
    if spec is USAGE_EVENTS:
        read = pl.col("received_at") < pl.lit(day_bounds(last_read, timezone)[1])
        rules += (rule("received_at", read, f"lies after {last_read}, when no computation reads this file any more"),)
    return rules
