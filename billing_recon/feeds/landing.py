"""Landing one table's day: which rows came, which are accepted, which are set aside and why. Nothing is lost."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.core.company import Company, Feed
from billing_recon.core.errors import LandingRefused
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.tables import USAGE_EVENTS, TableSpec
from billing_recon.feeds.accepting import contract_of_day, hold_to_contract, observed_on
from billing_recon.feeds.files import DayFile, find_files, open_file
from billing_recon.feeds.loading import TYPED, load, prepare
from billing_recon.feeds.raw import listed, single, text
from billing_recon.feeds.repeating import COLLAPSED, collapse, standing
from billing_recon.feeds.setting_aside import set_aside

_DUPLICATES = ("subscription_id", "customer_id", "meter", "event_time", "quantity")


def land(
    con: duckdb.DuckDBPyConnection,
    *,
    home: Path,
    company: Company,
    spec: TableSpec,
    day: date,
    lookback_days: int,
    known_usage: str | None,
    owner: str,
) -> LandingReport:
    """Read what came for a table's day and create in the session:

    - `landed`: the accepted rows; the table's columns, observed_on, source_file, source_row
    - `landed_quarantine`: the rows set aside (core.results.QUARANTINE), one row each, owned by `owner`
    - `landed_duplicates` (usage_events only): subscription_id, customer_id, meter, event_time, quantity of repeats

    `known_usage` names a relation with the columns of usage_events of earlier days. A file that cannot be read as what
    it claims to be is REFUSED with a message and lands nothing; no fault of the data raises. The answer is a function
    of the files, the company and the arguments: a rerun gives the same tables.
    """
    feed = company.feeds.get(spec.name, Feed())
    prepare(con, spec)
    con.execute(f"CREATE OR REPLACE TABLE {COLLAPSED} (file_no INTEGER, ordinal BIGINT)")
    files: list[DayFile] = []
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        try:
            files = [open_file(home, path, feed, Path(scratch)) for path in find_files(home, spec.name, feed, day)]
            attempts = [
                load(con, number=n, file=file, spec=spec, feed=feed, key=f"feeds.{spec.name}", roles=company.roles)
                for n, file in enumerate(files, 1)
            ]
        except LandingRefused as error:
            prepare(con, spec)
            _present(con, spec, company, day, files, whole=True)
            set_aside(con, spec, [], files, owner)
            return _report(spec, day, LandingStatus.REFUSED, files, str(error))
        loaded = [attempt for attempt in attempts if attempt is not None]
        rows_in = _count(con, TYPED) + sum(one.rejected for one in loaded)
        wrong = sum(one.rejected + one.unreadable for one in loaded)
        repeated = 0
        if rows_in:
            wrong += hold_to_contract(con, contract_of_day(spec, company, day, lookback_days))
            repeated = collapse(con, spec, known_usage)
        _present(con, spec, company, day, files, whole=not wrong and not repeated)
        set_aside(con, spec, loaded if wrong or repeated else [], files, owner)
    return _counted(con, spec, day, files, rows_in)


def _present(
    con: duckdb.DuckDBPyConnection, spec: TableSpec, company: Company, day: date, files: list[DayFile], *, whole: bool
) -> None:
    """`landed` and `landed_duplicates` as views over what is in the session, so that big days are not copied.

    `whole`: nothing is wrong and nothing repeated, so that every row stands.
    """
    names = (
        " ".join(f"WHEN {number} THEN {text(file.name)}" for number, file in enumerate(files, 1)) or "WHEN 0 THEN ''"
    )
    con.execute(
        f"CREATE OR REPLACE VIEW landed AS SELECT {listed(spec.names)}, "
        f"{observed_on(spec, company, day)} AS observed_on, CASE file_no {names} END AS source_file, source_row "
        f"FROM {TYPED if whole else f'({standing()})'}"
    )
    if spec is USAGE_EVENTS:
        con.execute(
            f"CREATE OR REPLACE VIEW landed_duplicates AS SELECT {', '.join(_DUPLICATES)} "
            f"FROM {TYPED} SEMI JOIN {COLLAPSED} USING (file_no, ordinal)"
        )


def _report(
    spec: TableSpec, day: date, status: LandingStatus, files: list[DayFile], message: str = ""
) -> LandingReport:
    return LandingReport(spec.name, day, status, files=tuple((f.name, f.sha256) for f in files), message=message)


def _counted(
    con: duckdb.DuckDBPyConnection, spec: TableSpec, day: date, files: list[DayFile], rows_in: int
) -> LandingReport:
    """The report from the tables themselves, so that the row equation checks what was made rather than what was meant."""
    if not files:
        return _report(spec, day, LandingStatus.MISSING, files)
    if not rows_in:
        return _report(spec, day, LandingStatus.EMPTY, files)
    reasons = {
        str(reason): int(count)
        for reason, count in con.execute(
            "SELECT reason, count(*) FROM landed_quarantine GROUP BY reason ORDER BY count(*) DESC, reason"
        ).fetchall()
    }
    quarantined = sum(reasons.values())
    message = ""
    if quarantined:
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        message = f"{quarantined} of {rows_in} rows are in quarantine ({why})"
    report = replace(
        _report(spec, day, LandingStatus.PRESENT, files, message),
        rows_in=rows_in,
        accepted=_count(con, "landed"),
        quarantined=quarantined,
        duplicates=_count(con, COLLAPSED),
        reasons=reasons,
    )
    if not report.equation_holds:
        raise AssertionError(f"landing lost or doubled rows: {report}")
    return report


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(single(con, f"SELECT count(*) FROM {table}")[0])
