"""The day's breaks, control totals and metrics, written. The computing is in compute.reconcile, totals and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import duckdb

from billing_recon.compute import detect as detecting
from billing_recon.compute import drift as drifting
from billing_recon.compute import metrics as measuring
from billing_recon.compute import reconcile as reconciling
from billing_recon.compute import totals as totalling
from billing_recon.compute.engine import build
from billing_recon.compute.quarantine_rows import IN_QUARANTINE
from billing_recon.compute.relation import Relation
from billing_recon.control import month_of
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.schema import (
    BREAKS,
    CONTROL_TOTALS,
    DETECTIONS,
    EXPECTED_LINES,
    INVOICE_LINES,
    KEY_MAP,
    LEDGER_ENTRIES,
    METERED_USAGE,
    METRICS,
    PAYMENTS,
    QUARANTINE,
    RENDERED_INVOICES,
    RENDERED_LINES,
    SIGNALS,
    SUBSCRIPTIONS,
    USAGE_ROLLUP,
    Column,
    Kind,
)
from billing_recon.day.home import Home
from billing_recon.day.landing import LANDED
from billing_recon.day.rating import UNBILLED, UNRATED
from billing_recon.day.session import (
    open_session,
    register_decisions,
    register_landed,
    register_pairs,
    register_policy,
    register_window,
    window,
)
from billing_recon.day.step import StepResult
from billing_recon.explain import write_detections, write_explanations

DRIFT: tuple[Column, ...] = (
    Column("metric"),
    Column("currency", nullable=True),
    Column("cohort"),
    Column("variant"),
    Column("value", Kind.AMOUNT, nullable=True),
    Column("baseline_mean", Kind.AMOUNT, nullable=True),
    Column("baseline_low", Kind.AMOUNT, nullable=True),
    Column("baseline_high", Kind.AMOUNT, nullable=True),
    Column("drift", Kind.AMOUNT, nullable=True),
    Column("days", Kind.INTEGER),
    Column("prior_day", Kind.DATE),
    Column("prior_value", Kind.AMOUNT, nullable=True),
    Column("prior_drift", Kind.AMOUNT, nullable=True),
    Column("cycle_day", Kind.DATE, doc="the same day of the cycle before"),
    Column("cycle_value", Kind.AMOUNT, nullable=True),
    Column("cycle_drift", Kind.AMOUNT, nullable=True),
    Column("band_low", Kind.AMOUNT, nullable=True, doc="of days like this one; empty: too few of them"),
    Column("band_high", Kind.AMOUNT, nullable=True),
    Column("band_median", Kind.AMOUNT, nullable=True),
    Column("band_days", Kind.INTEGER, doc="like days with a value"),
    Column("band_method", doc="which days are like this one, and how the band was made of them"),
)


AFTER: tuple[Relation, ...] = (
    *totalling.RELATIONS,
    *detecting.RELATIONS,
    *measuring.RELATIONS,
    *drifting.RELATIONS,
)
"""What is made of the day's breaks, in order."""


@contextmanager
def prepared(home: Home, day: date) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[Relation, ...]]]:
    """A session with everything that the day's comparison reads, nothing compared yet; and the comparison's steps in order."""
    with open_session(home, day) as con:
        reports = home.control.landing_reports(day)
        register_policy(con, home, reports)
        register_decisions(con, home.control.break_decisions(day, day))
        lookback = home.policy.windows.lookback_days
        for spec in (
            SUBSCRIPTIONS,
            INVOICE_LINES,
            RENDERED_INVOICES,
            RENDERED_LINES,
            LEDGER_ENTRIES,
            PAYMENTS,
            METERED_USAGE,
            SIGNALS,
            KEY_MAP,
        ):
            register_landed(con, home, spec, day, lookback)
        first = day - timedelta(days=lookback)
        later = day + timedelta(days=home.policy.windows.late_window_days)
        register_window(con, home, USAGE_ROLLUP.name, USAGE_ROLLUP.columns, first, later)
        register_window(con, home, EXPECTED_LINES.name, EXPECTED_LINES.columns, day, day)
        register_window(con, home, "unbilled_usage", UNBILLED, day, day)
        register_window(con, home, "unrated", UNRATED, day, day)
        _register_quarantine(con, home, first, day)
        _register_baseline(con, home)
        _register_close(con, home, day)
        register_pairs(con, reconciling.pairs_compared(_absent(con, reports), _unread(reports)))
        yield con, (*reconciling.RELATIONS, *AFTER)


def reconcile(home: Home, day: date, run_id: str) -> StepResult:
    """Compare every pair of layers as of the end of `day`; breaks, totals, metrics and drift are replaced together."""
    with prepared(home, day) as (con, relations):
        build(con, relations)
        write_explanations(con)
        write_detections(con)
        build(con, (*reconciling.EXPLAINED, *detecting.EXPLAINED))
        written = (
            home.write(con, BREAKS.name, BREAKS.columns, day, "breaks", run_id),
            home.write(con, CONTROL_TOTALS.name, CONTROL_TOTALS.columns, day, "control_totals", run_id),
            home.write(con, METRICS.name, METRICS.columns, day, "metrics", run_id),
            home.write(con, "drift", DRIFT, day, "drift", run_id),
        )
        home.write_if_any(con, DETECTIONS.name, DETECTIONS.columns, day, "detections", run_id)
    return StepResult(written)


def _absent(con: duckdb.DuckDBPyConnection, reports: list[LandingReport]) -> list[str]:
    """Layers of which nothing came, neither on the day nor in the window before it, nor was set aside.

    Whether the day may pass without one is the policy's (`gate.required_layers`).
    """
    came = {r.table for r in reports if r.status in (LandingStatus.PRESENT, LandingStatus.EMPTY)}
    layers = sorted(set().union(*reconciling.COMPARES.values()) - came)
    rows = "(SELECT 1 FROM {0} LIMIT 1) UNION ALL (SELECT 1 FROM quarantine WHERE table_name = '{0}' LIMIT 1)"
    return [name for name in layers if not con.execute(rows.format(name)).fetchall()]


def _unread(reports: list[LandingReport]) -> list[str]:
    """Layers whose file of the day came and was refused as a whole."""
    return [report.table for report in reports if report.status is LandingStatus.REFUSED]


def _register_quarantine(con: duckdb.DuckDBPyConnection, home: Home, first: date, last: date) -> None:
    """`quarantine`: the rows set aside of every table, over the window; without those that are landed by a decision."""
    names = ", ".join(["day", *QUARANTINE.names])
    parts = [
        f"SELECT {names} FROM ({window(con, home, f'quarantine_{table}', QUARANTINE.columns, first, last)[0]})"
        for table in LANDED
    ]
    con.execute("CREATE TABLE quarantine AS " + " UNION ALL ".join(f"{part} WHERE {IN_QUARANTINE}" for part in parts))


def _register_close(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> None:
    """`last_close`: how many days after its end the month before `day`'s was closed; no row while it is not."""
    con.execute("CREATE TABLE last_close (days INTEGER)")
    end = day.replace(day=1) - timedelta(days=1)
    closed = home.control.closed_at(month_of(end))
    if closed is not None:
        closed_on = closed.astimezone(ZoneInfo(home.company.timezone)).date()
        con.execute("INSERT INTO last_close VALUES (?)", [(closed_on - end).days])


def _register_baseline(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """`baseline_values`: the daily metrics of the baseline that the policy names; empty if it names none."""
    con.execute(
        "CREATE TABLE baseline_values "
        "(metric VARCHAR, currency VARCHAR, cohort VARCHAR, variant VARCHAR, day DATE, value DECIMAL(38,12))"
    )
    name = home.policy.gate.baseline
    baseline = home.control.baseline(name) if name else None
    if baseline is not None and baseline.rows:
        con.executemany("INSERT INTO baseline_values VALUES (?, ?, ?, ?, ?, ?)", [list(row) for row in baseline.rows])
