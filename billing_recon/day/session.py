"""A DuckDB session prepared for one day: parameters, terms, policies, and the landed tables as they were known then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.compute.terms import register_terms
from billing_recon.core.break_decision import BreakDecision, resolutions
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.landing import LandingReport
from billing_recon.core.policy import Detectors, Drift
from billing_recon.core.reason import Code, Pair
from billing_recon.core.schema import BY_NAME, Column, TableSpec, stored
from billing_recon.day.home import Home
from billing_recon.warehouse import mirrored

MIRRORED_ROWS = 300_000
"""Windows up to this many rows are copied from memory, where each file stays once it was read."""
SMALL_ROWS = 3_000_000
"""Windows up to this many rows are read once a step; larger ones stay views over the files."""


@contextmanager
def open_session(home: Home, day: date) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with `run_params` and the terms registered."""
    terms = hashlib.sha256(f"{home.catalog.digest} {home.company_digest}".encode()).hexdigest()[:16]
    with scratch(
        home.limits(home.landed_rows(day)), (terms, lambda con: register_terms(con, home.catalog, home.company))
    ) as con:
        _register_params(con, home, day)
        yield con


def _register_params(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> None:
    windows, profile = home.policy.windows, home.company.profile
    con.execute(
        "CREATE TABLE run_params AS SELECT ?::DATE AS day, ?::DATE AS first_day, "
        "?::INTEGER AS issue_grace_days, ?::INTEGER AS late_window_days, ?::INTEGER AS render_lag_days, "
        "?::INTEGER AS ledger_lag_days, ?::INTEGER AS payment_terms_days, ?::INTEGER AS payment_settle_days, "
        "?::INTEGER AS lookback_days, ?::INTEGER AS issue_after_days, ?::VARCHAR AS rounding, "
        "?::VARCHAR AS credit_policy, ?::VARCHAR AS proration, ?::VARCHAR AS company_timezone, "
        "?::VARCHAR AS tax_point",
        [
            day,
            home.first_day or date(1970, 1, 1),
            windows.issue_grace_days,
            windows.late_window_days,
            windows.render_lag_days,
            windows.ledger_lag_days,
            windows.payment_terms_days,
            windows.payment_settle_days,
            windows.lookback_days,
            profile.issue_after_days,
            profile.rounding.value,
            profile.credit,
            profile.proration,
            home.company.timezone,
            profile.tax_point,
        ],
    )


def register_policy(con: duckdb.DuckDBPyConnection, home: Home, reports: list[LandingReport]) -> None:
    """`policy_owners`, `policy_tolerances`, `policy_expected_changes`, `layer_sources` and the day's `landing_reports`."""
    owners = home.policy.owners
    default = owners.get("default", "finance-operations")
    con.execute("CREATE TABLE policy_owners (code VARCHAR, owner VARCHAR)")
    con.execute(
        "INSERT INTO policy_owners SELECT unnest(?), unnest(?)",
        [[c.value for c in Code], [owners.get(c.value, default) for c in Code]],
    )
    con.execute(
        "CREATE TABLE policy_tolerances "
        "(pair VARCHAR, level VARCHAR, currency VARCHAR, absolute DECIMAL(38,12), relative DECIMAL(12,8))"
    )
    for t in home.policy.tolerances:
        con.execute(
            "INSERT INTO policy_tolerances VALUES (?, ?, ?, ?, ?)",
            [t.pair.value, t.level.value, t.currency, t.absolute, t.relative],
        )
    register_expected_changes(con, home.policy.expected_changes)
    register_watching(con, home.policy.drift, home.policy.detectors, home.policy.detectors.owner or default)
    con.execute("CREATE TABLE layer_sources (table_name VARCHAR, source_system VARCHAR)")
    con.execute(
        "INSERT INTO layer_sources SELECT unnest(?), unnest(?)",
        [list(BY_NAME), [home.company.sources.get(name, name) for name in BY_NAME]],
    )
    con.execute(
        "CREATE TABLE landing_reports (table_name VARCHAR, status VARCHAR, rows_in BIGINT, accepted BIGINT, "
        "quarantined BIGINT, duplicates BIGINT)"
    )
    for r in reports:
        con.execute(
            "INSERT INTO landing_reports VALUES (?, ?, ?, ?, ?, ?)",
            [r.table, r.status.value, r.rows_in, r.accepted, r.open_rows, r.duplicates],
        )


def register_expected_changes(con: duckdb.DuckDBPyConnection, changes: Iterable[ExpectedChange]) -> None:
    """`policy_expected_changes`: the registry, one row an entry; an empty list of names means that it does not matter."""
    lists = ", ".join(
        f"{name} VARCHAR[]" for name in ("customers", "subscriptions", "plans", "invoices", "cohorts", "meters")
    )
    con.execute(
        f"CREATE TABLE policy_expected_changes (id VARCHAR, codes VARCHAR[], pair VARCHAR, currency VARCHAR, {lists}, "
        "max_per_break DECIMAL(38,12), max_per_day DECIMAL(38,12), starts DATE, expires DATE)"
    )
    for one in changes:
        scope = one.scope
        con.execute(
            "INSERT INTO policy_expected_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                one.id,
                [code.value for code in one.codes],
                one.pair.value if one.pair else None,
                one.currency,
                list(scope.customer),
                list(scope.subscription),
                list(scope.plan),
                list(scope.invoice),
                list(scope.cohort),
                list(scope.meter),
                one.max_per_break,
                one.max_per_day,
                one.starts,
                one.expires,
            ],
        )


def register_watching(con: duckdb.DuckDBPyConnection, drift: Drift, detectors: Detectors, owner: str) -> None:
    """`policy_drift` and `policy_detectors`, one row each: what counts as a like day, and as unusual."""
    con.execute(
        "CREATE TABLE policy_drift AS SELECT ?::VARCHAR AS cycle, ?::INTEGER AS min_days, "
        "?::DECIMAL(12,8) AS mad_factor, ?::DECIMAL(12,8) AS min_share",
        [drift.cycle, drift.min_days, drift.mad_factor, drift.min_share],
    )
    con.execute(
        "CREATE TABLE policy_detectors AS SELECT ?::VARCHAR AS owner, ?::VARCHAR[] AS turned_off, "
        "?::DECIMAL(12,8) AS max_discount, ?::INTEGER AS discount_history, ?::DECIMAL(12,8) AS discount_spread, "
        "?::INTEGER AS series_of",
        [
            owner,
            [name.value for name, severity in detectors.severities.items() if severity == "off"],
            detectors.max_discount,
            detectors.discount_history,
            detectors.discount_spread,
            detectors.series_of,
        ],
    )


def register_decisions(con: duckdb.DuckDBPyConnection, decisions: Iterable[BreakDecision]) -> None:
    """`break_decisions`: the resolutions in force, one row a break."""
    con.execute(
        "CREATE TABLE break_decisions (break_id VARCHAR, disposition VARCHAR, delta DECIMAL(38,12), currency VARCHAR, "
        "reason VARCHAR, decided_by VARCHAR, decided_at VARCHAR)"
    )
    for one in resolutions(decisions).values():
        con.execute(
            "INSERT INTO break_decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [one.break_id, str(one.disposition), one.delta, one.currency, one.reason, one.decided_by, one.decided_at],
        )


def register_pairs(con: duckdb.DuckDBPyConnection, pairs: Iterable[Pair]) -> None:
    """`pairs_compared`: the pairs that the day compares."""
    con.execute("CREATE TABLE pairs_compared AS SELECT unnest(CAST(? AS VARCHAR[])) AS pair", [[str(p) for p in pairs]])


def register_landed(con: duckdb.DuckDBPyConnection, home: Home, spec: TableSpec, day: date, days_back: int) -> None:
    """A canonical table as known at the end of `day`: rows observed by then from files at most `days_back` days old."""
    register_window(
        con,
        home,
        spec.name,
        stored(spec),
        day - timedelta(days=days_back),
        day,
        f"observed_on <= DATE '{day}'",
    )


def register_window(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    name: str,
    columns: tuple[Column, ...],
    first: date,
    last: date,
    where: str = "true",
    as_name: str | None = None,
) -> None:
    """A range of a warehouse table's days, in memory where it is small."""
    names = ", ".join(["day", *(f'"{c.name}"' for c in columns if c.name != "day")])
    source, small = window(con, home, name, columns, first, last)
    what = "TABLE" if small else "VIEW"
    con.execute(f"CREATE OR REPLACE {what} {as_name or name} AS SELECT {names} FROM ({source}) WHERE {where}")


def window(
    con: duckdb.DuckDBPyConnection, home: Home, name: str, columns: tuple[Column, ...], first: date, last: date
) -> tuple[str, bool]:
    """SQL for a range of a table's days, and whether it is small enough to be kept in memory."""
    rows = sum(s.rows for s in home.control.partition_states((name,), first, last))
    if rows <= MIRRORED_ROWS:
        return mirrored(con, home.warehouse, name, columns, first, last), True
    return home.warehouse.scan(name, columns, first, last), rows <= SMALL_ROWS
