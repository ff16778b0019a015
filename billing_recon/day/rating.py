"""The day's roll-up and expected lines, written. The computing is in compute.rollup and compute.expect."""

from __future__ import annotations

from datetime import date, timedelta

from billing_recon.compute import expect as expecting
from billing_recon.compute import rollup as rolling
from billing_recon.compute.engine import build
from billing_recon.core.results import EXPECTED_LINES, USAGE_ROLLUP
from billing_recon.core.tables import INVOICE_LINES, LINEAGE, SUBSCRIPTIONS, USAGE_EVENTS, Column, Kind, stored
from billing_recon.day.home import Home
from billing_recon.day.landing import DUPLICATES
from billing_recon.day.session import open_session, register_landed, register_window, window
from billing_recon.day.step import StepResult

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
        written = home.write(con, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, day, "rollup_day", run_id)
    return StepResult((written,))


def expect(home: Home, day: date, run_id: str) -> StepResult:
    """Every line that the contracts make due, and the counterpart of every line issued."""
    with open_session(home, day) as con:
        lookback = home.policy.windows.lookback_days
        register_landed(con, home, SUBSCRIPTIONS, day, lookback)
        register_landed(con, home, INVOICE_LINES, day, lookback)
        register_window(con, home, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, day - timedelta(days=lookback), day)
        build(con, expecting.RELATIONS)
        written = (
            home.write(con, EXPECTED_LINES.name, EXPECTED_LINES.columns, day, "expected_lines", run_id),
            home.write(con, "unbilled_usage", UNBILLED, day, "unbilled_usage", run_id),
            home.write_if_any(con, "unrated", UNRATED, day, "unrated", run_id),
        )
    return StepResult(tuple(part for part in written if part is not None))
