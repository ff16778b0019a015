"""The day's roll-up and expected lines, written. The computing is in compute.rollup and compute.expect."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from billing_recon.compute import expect as expecting
from billing_recon.compute import late_usage
from billing_recon.compute import rollup as rolling
from billing_recon.compute.engine import build
from billing_recon.compute.expect import LATE_REACH
from billing_recon.core.schema import (
    EXPECTED_LINES,
    INVOICE_LINES,
    LINEAGE,
    SUBSCRIPTIONS,
    USAGE_EVENTS,
    USAGE_ROLLUP,
    Column,
    Kind,
    stored,
)
from billing_recon.day.home import Home
from billing_recon.day.landing import DUPLICATES
from billing_recon.day.session import open_session, register_landed, register_window, window
from billing_recon.day.step import StepResult
from billing_recon.explain.withheld import write_withheld

ENTITLEMENTS: tuple[Column, ...] = (
    *(Column(name) for name in ("subscription_id", "customer_id", "charge_id", "meter")),
    Column("period_start", Kind.DATE),
    Column("period_end", Kind.DATE),
    Column("percent", Kind.INTEGER, doc="50, 90 or 100 of what is included"),
    Column("included", Kind.QUANTITY),
    Column("used", Kind.QUANTITY),
    Column("sentence"),
)
"""Thresholds of included units that the day's usage reached."""

UNBILLED: tuple[Column, ...] = (
    Column("subscription_id"),
    Column("customer_id"),
    Column("meter"),
    Column("currency"),
    Column("quantity", Kind.QUANTITY),
    Column("amount", Kind.AMOUNT),
)
UNRATED: tuple[Column, ...] = (
    Column("subscription_id"),
    Column("plan_id", nullable=True),
    Column("plan_version", nullable=True),
    Column("currency", nullable=True),
    Column("reason"),
    Column("sentence"),
)
REOPENED: tuple[Column, ...] = (
    Column("usage_day", Kind.DATE),
    Column("meter"),
    Column("arrived_on", Kind.DATE),
    Column("late_window", doc="open or closed, of the usage day"),
    Column("late_events", Kind.INTEGER, doc="events that came after their own day"),
    Column("taken_out_events", Kind.INTEGER, doc="events counted before that a correction took out"),
    Column("quantity", Kind.QUANTITY, doc="what changed, in units of the meter"),
    Column("subscriptions", Kind.INTEGER),
)
"""The usage days that a day's arrivals re-opened."""
AWAITED: tuple[Column, ...] = (Column("subscription_id"), Column("period_end", Kind.DATE), Column("until", Kind.DATE))
"""Bills that a day decided about while usage of theirs could still come in time."""
LATE: tuple[Column, ...] = (
    Column("arrived_on", Kind.DATE),
    Column("usage_day", Kind.DATE),
    Column("subscription_id"),
    Column("meter"),
    Column("quantity", Kind.QUANTITY),
    Column("fate", doc="adjusted, no_contract, before_first_day or no_period"),
    Column("own_start", Kind.DATE, nullable=True),
    Column("own_end", Kind.DATE, nullable=True),
    Column("adjusted_start", Kind.DATE, nullable=True),
    Column("adjusted_end", Kind.DATE, nullable=True),
    Column("due_on", Kind.DATE, nullable=True),
)
"""Usage that came after the late window of its own period."""


def roll_up(home: Home, day: date, run_id: str) -> StepResult:
    """Usage per subscription, meter and usage day, as the change that the day's arrivals make."""
    with open_session(home, day) as con:
        lookback = home.policy.windows.lookback_days
        register_landed(con, home, SUBSCRIPTIONS, day, lookback)
        first = day - timedelta(days=lookback)
        scan, _ = window(con, home, USAGE_EVENTS.name, stored(USAGE_EVENTS), first, day)
        names = ", ".join(["day", *USAGE_EVENTS.names, *(c.name for c in LINEAGE)])
        for view, condition in (("new_events", "="), ("known_events", "<")):
            con.execute(
                f"CREATE VIEW {view} AS SELECT {names} FROM ({scan}) WHERE observed_on {condition} DATE '{day}'"
            )
        register_window(con, home, "usage_duplicates", DUPLICATES, day, day, as_name="landing_duplicates")
        build(con, rolling.RELATIONS)
        written = (
            home.write(con, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, day, "rollup_day", run_id),
            home.write_if_any(con, "reopened_days", REOPENED, day, "reopened_days", run_id),
        )
    return StepResult(tuple(part for part in written if part is not None))


def expect(home: Home, day: date, run_id: str) -> StepResult:
    """Every line that the contracts make due, and the counterpart of every line issued."""
    with open_session(home, day) as con:
        lookback = home.policy.windows.lookback_days
        register_landed(con, home, SUBSCRIPTIONS, day, lookback)
        register_landed(con, home, INVOICE_LINES, day, lookback)
        register_events(con, home, day, reach=LATE_REACH if register_usage(con, home, day) else 1)
        build(con, (*expecting.RELATIONS, *late_usage.RELATIONS))
        write_withheld(con)
        written = (
            home.write(con, EXPECTED_LINES.name, EXPECTED_LINES.columns, day, "expected_lines", run_id),
            home.write(con, "unbilled_usage", UNBILLED, day, "unbilled_usage", run_id),
            home.write_if_any(con, "unrated", UNRATED, day, "withheld", run_id),
            home.write_if_any(con, "entitlement_signals", ENTITLEMENTS, day, "entitlement_signals", run_id),
            home.write_if_any(con, "usage_awaited", AWAITED, day, "usage_awaited", run_id),
            home.write_if_any(con, "late_usage", LATE, day, "late_usage", run_id),
        )
    return StepResult(tuple(part for part in written if part is not None))


def register_usage(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> bool:
    """`usage_rollup` over the lookback and, as far as they have been rolled up, the days of the late window after `day`.

    Of subscriptions whose usage came after a period's window also what lies before the lookback, since such a period is
    rated again from its first day. Answers whether there are any.
    """
    windows = home.policy.windows
    first, last = day - timedelta(days=windows.lookback_days), day + timedelta(days=windows.late_window_days)
    names = ", ".join(["day", *(c.name for c in USAGE_ROLLUP.columns)])
    register_window(con, home, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, first, last, as_name="usage_at_hand")
    con.execute(
        "CREATE TABLE late_subscriptions AS SELECT DISTINCT change.subscription_id FROM usage_at_hand AS change, run_params AS params "
        "WHERE change.day > CAST(change.usage_day + 1 + params.late_window_days AS DATE) AND change.day > params.first_day "
        "AND may_reprice(change.quantity, change.events, change.superseded_events, change.meter IN (SELECT charge.meter "
        "FROM term_charges AS charge WHERE charge.kind = 'usage' AND (charge.by_event OR charge.aggregation = 'count')))"
    )
    (late,) = con.execute("SELECT count(*) FROM late_subscriptions").fetchall()
    earlier = ""
    if late[0]:
        begin = day - timedelta(days=LATE_REACH * windows.lookback_days)
        source, _ = window(con, home, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, begin, first - timedelta(days=1))
        con.execute(
            f"CREATE TABLE usage_before AS SELECT {names} FROM ({source}) SEMI JOIN late_subscriptions USING (subscription_id)"
        )
        earlier = f" UNION ALL SELECT {names} FROM usage_before"
    con.execute(f"CREATE VIEW {USAGE_ROLLUP.name} AS SELECT {names} FROM usage_at_hand{earlier}")
    return bool(late[0])


def register_events(con: duckdb.DuckDBPyConnection, home: Home, day: date, reach: int) -> None:
    """`usage_events` of the meters that the catalog charges by single events, and `usage_corrections` of all, over `reach`
    lookbacks and those days of the late window after `day` that have been rolled up.

    Views whose conditions the files' own statistics answer: what no charge asks about is hardly read. Empty tables where no
    charge asks.
    """
    columns = (Column("day", Kind.DATE), *stored(USAGE_EVENTS))
    meters = sorted({c.meter for p in home.catalog.plans for c in p.charges if c.by_event and c.meter})
    if not meters:
        for name in ("usage_events", "usage_corrections"):
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.sql_type}' for c in columns)})")
        return
    windows = home.policy.windows
    first, last = day - timedelta(days=reach * windows.lookback_days), day + timedelta(days=windows.late_window_days)
    later = home.control.partition_states((USAGE_ROLLUP.name,), day + timedelta(days=1), last)
    known = ", ".join(f"DATE '{state.day}'" for state in later) or "NULL"
    listed = ", ".join("'" + meter.replace("'", "''") + "'" for meter in meters)
    source, _ = window(con, home, USAGE_EVENTS.name, columns, first, last)
    names = ", ".join(c.name for c in columns)
    for view, condition in (("usage_events", f"meter IN ({listed})"), ("usage_corrections", "corrects IS NOT NULL")):
        con.execute(
            f"CREATE VIEW {view} AS SELECT {names} FROM ({source}) "
            f"WHERE {condition} AND (observed_on <= DATE '{day}' OR observed_on IN ({known}))"
        )
