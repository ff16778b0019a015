"""The day's breaks, control totals, metrics and drift, written. The computing is in compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

import duckdb

from billing_recon.compute import detect, drift, metrics, totals
from billing_recon.compute import reconcile as comparison
from billing_recon.compute.engine import build, scratch
from billing_recon.compute.quarantine_rows import IN_QUARANTINE
from billing_recon.compute.registration import register
from billing_recon.compute.relation import Relation
from billing_recon.core.gate import NotKnown
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.pair_layers import COMPARES, pairs_compared
from billing_recon.core.schema import (
    BREAKS,
    CONTROL_TOTALS,
    DETECTIONS,
    DRIFT,
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
    UNBILLED_USAGE,
    UNRATED,
    USAGE_ROLLUP,
    TableSpec,
)
from billing_recon.core.schema.parameters import PAIRS_COMPARED
from billing_recon.day.expected_lines import WRITTEN as EXPECTED
from billing_recon.day.history import (
    WITHDRAWN,
    computed_from,
    known_rollups,
    made_from_with_decisions,
    not_known,
    unknown_tables,
)
from billing_recon.day.home import Home
from billing_recon.day.landing import LANDED
from billing_recon.day.parameters import day_tables
from billing_recon.day.rollout.members import register_members
from billing_recon.day.rollout.switch import complete_switches
from billing_recon.day.session import open_session, register_landed, register_window, window
from billing_recon.day.step import StepResult
from billing_recon.day.usage import made_from_with_usage_since
from billing_recon.explain import write_detections, write_explanations

COMPARED: tuple[TableSpec, ...] = (
    SUBSCRIPTIONS,
    INVOICE_LINES,
    RENDERED_INVOICES,
    RENDERED_LINES,
    LEDGER_ENTRIES,
    PAYMENTS,
    METERED_USAGE,
    SIGNALS,
    KEY_MAP,
)
"""Landed tables that the comparison reads over the whole lookback."""

AFTER: tuple[Relation, ...] = (*totals.RELATIONS, *detect.RELATIONS, *metrics.RELATIONS, *drift.RELATIONS)
"""What is computed from the day's breaks, in order."""

WRITTEN: tuple[TableSpec, ...] = (BREAKS, CONTROL_TOTALS, METRICS, DRIFT, DETECTIONS)
"""What the step replaces, each from the relation of its name."""


@contextmanager
def prepared(
    home: Home, day: date, unknown: Sequence[NotKnown]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[Relation, ...]]]:
    """A session with everything that the day's comparison reads, and the relations that compare it, in order.

    `unknown` is what the day rests on and is not known: the pairs that read it are not compared.
    """
    with open_session(home, day) as con:
        reports = home.control.landing_reports(day)
        for table, rows in day_tables(home, day, reports):
            register(con, table, rows)
        register_members(con, home, day)
        lookback = home.policy.windows.lookback_days
        for table in COMPARED:
            register_landed(con, home, table, day, lookback)
        first = day - timedelta(days=lookback)
        later = day + timedelta(days=home.policy.windows.late_window_days)
        register_window(con, home, USAGE_ROLLUP, first, later, where=known_rollups(home, day))
        for table in (EXPECTED_LINES, UNBILLED_USAGE, UNRATED):
            register_window(con, home, table, day, day)
        _register_quarantine(con, home, first, day)
        absent, unread = _absent(con, reports), unknown_tables(home, day, unknown)
        pairs = pairs_compared(absent, unread, books_cash=_books_cash(con, home))
        register(con, PAIRS_COMPARED, [(pair,) for pair in pairs])
        yield con, (*comparison.RELATIONS, *AFTER)


def reconcile(home: Home, day: date, run_id: str) -> StepResult:
    """Compare every pair of layers as of the end of `day`; breaks, totals, metrics and drift are replaced together."""
    complete_switches(home)
    unknown = not_known(home, day)
    made_from = made_from_with_usage_since(home, day, computed_from(home, day, unknown))
    breaks_made_from = made_from_with_decisions(home, day, made_from)
    with prepared(home, day, unknown) as (con, relations):
        build(con, relations)
        write_explanations(con)
        write_detections(con)
        build(con, (*comparison.EXPLAINED, *detect.EXPLAINED))
        made = {BREAKS.name: breaks_made_from}
        return StepResult.of(*(home.write(con, t, day, run_id, made_from=made.get(t.name, made_from)) for t in WRITTEN))


def withdraw(home: Home, day: date, run_id: str) -> None:
    """Empty everything that an earlier run computed of `day`: it is not about the files that are landed now."""
    tables = {table.name: table for table in (*EXPECTED, *WRITTEN)}
    with scratch() as con:
        for state in home.control.partition_states(tables, day, day):
            if state.rows or not state.complete:
                register(con, tables[state.table])
                home.write(con, tables[state.table], day, run_id, made_from=WITHDRAWN)


def _absent(con: duckdb.DuckDBPyConnection, reports: list[LandingReport]) -> list[str]:
    """Layers without a row on the day, in the window before it, or in quarantine.

    Whether the day may pass without one is for the policy to say (`gate.required_layers`).
    """
    delivered = {r.table for r in reports if r.status in (LandingStatus.PRESENT, LandingStatus.EMPTY)}
    layers = sorted(set().union(*COMPARES.values()) - delivered)
    rows = "(SELECT 1 FROM {0} LIMIT 1) UNION ALL (SELECT 1 FROM quarantine WHERE table_name = '{0}' LIMIT 1)"
    return [name for name in layers if not con.execute(rows.format(name)).fetchall()]


def _books_cash(con: duckdb.DuckDBPyConnection, home: Home) -> bool:
    """Whether the ledger books cash: company.yaml declares an account of that role, or an entry of the window has one."""
    shown = "SELECT 1 FROM ledger_entries WHERE role = 'cash' LIMIT 1"
    return "cash" in home.company.roles.values() or bool(con.execute(shown).fetchall())


def _register_quarantine(con: duckdb.DuckDBPyConnection, home: Home, first: date, last: date) -> None:
    """`quarantine`: the quarantined rows of every table over the window, except those landed by a decision."""
    names = ", ".join(c.name for c in QUARANTINE.registered)
    parts = [window(con, home, QUARANTINE.of(table), first, last)[0] for table in LANDED]
    rows = " UNION ALL ".join(f"SELECT {names} FROM ({part}) WHERE {IN_QUARANTINE}" for part in parts)
    con.execute(f"CREATE TABLE {QUARANTINE.name} AS {rows}")
