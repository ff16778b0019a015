"""Land the new engine's bills of a frozen period, as a day's landing does, into the review and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.core.candidate import Engine
from billing_recon.core.company import Company
from billing_recon.core.figures import count
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.reason import Code
from billing_recon.core.schema import INVOICE_LINES
from billing_recon.day.shadow.snapshot import Snapshot
from billing_recon.feeds.landing.pipeline import land

LANDED, REFUSED = "new_lines", "new_quarantine"
"""Tables of the session: the accepted lines (variant candidate), and the quarantined rows."""


@dataclass(frozen=True)
class Output:
    """What was delivered. `problems`: everything for which the new engine's answer is not known."""

    rows: int
    problems: tuple[str, ...]


def land_output(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, engine: Engine, path: Path, name: str) -> Output:
    """Land every day of the period into LANDED and REFUSED. A day on which the old engine billed needs a delivery."""
    company = snapshot.company.model_copy(update={"feeds": {INVOICE_LINES.name: engine.feed}})
    columns = ", ".join(f'"{c.name}"' for c in INVOICE_LINES.registered)
    reports = [
        _land_day(con, company, snapshot, path, day, columns, first=number == 0)
        for number, day in enumerate(snapshot.manifest.days)
    ]
    billed = {p.day for p in snapshot.manifest.partitions if p.table == INVOICE_LINES.name and p.rows}
    accepted = sum(report.accepted for report in reports)
    problems = [*_problems(reports, billed, name)]
    if not accepted:
        problems.append(f"the new engine billed nothing from {snapshot.manifest.first} to {snapshot.manifest.last}")
    return Output(accepted, tuple(problems))


def _land_day(
    con: duckdb.DuckDBPyConnection,
    company: Company,
    snapshot: Snapshot,
    path: Path,
    day: date,
    columns: str,
    *,
    first: bool,
) -> LandingReport:
    policy = snapshot.policy
    report = land(
        con,
        home=path,
        company=company,
        spec=INVOICE_LINES,
        day=day,
        lookback_days=policy.windows.lookback_days,
        known_usage=None,
        owner=policy.owner_of(Code.RECORD_QUARANTINED),
        catalog=None,
    )
    lines = f"SELECT {columns} FROM (SELECT * REPLACE ('candidate' AS variant), DATE '{day}' AS day FROM landed)"
    quarantined = f"SELECT *, DATE '{day}' AS day FROM landed_quarantine"
    for table, rows in ((LANDED, lines), (REFUSED, quarantined)):
        con.execute(f"CREATE TABLE {table} AS {rows}" if first else f"INSERT INTO {table} BY NAME {rows}")
    return report


def _problems(reports: Sequence[LandingReport], billed: set[date], name: str) -> list[str]:
    found = []
    for report in reports:
        where = f"new engine's bills of {report.day}"
        if report.status is LandingStatus.REFUSED:
            found.append(f"{where} cannot be read: {report.message}")
        elif report.status is LandingStatus.MISSING and report.day in billed:
            found.append(
                f"{where} were not delivered, and the old engine billed on that day; put them into shadow/{name}"
            )
        elif report.quarantined:
            found.append(f"{where}: {report.message}; mend the rows and run again")
        if report.duplicates:
            found.append(
                f"{where}: {count(report.duplicates, 'repeated row')}, word for word, so nobody can tell whether a customer would be "
                "billed twice; deliver each row once and run again"
            )
    return found
