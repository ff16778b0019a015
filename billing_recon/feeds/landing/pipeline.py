"""Landing one table's day: which rows came, which are accepted, which are set aside and why. Nothing is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import RowDecision
from billing_recon.core.schema import USAGE_EVENTS, TableSpec
from billing_recon.feeds.effective_feed import feed_of
from billing_recon.feeds.landing.decisions import Decided, apply_decisions
from billing_recon.feeds.landing.deduplication import COLLAPSED, collapse, no_repeats, repeats, standing
from billing_recon.feeds.landing.delivery import (
    WARNINGS,
    Delivery,
    keep_warnings,
    open_delivery,
    present_warnings,
    warns,
)
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED, Loaded, load, prepare
from billing_recon.feeds.landing.quarantine import set_aside
from billing_recon.feeds.landing.validation import contract_of_day, hold_to_contract, observed_on
from billing_recon.feeds.parse.days import Day
from billing_recon.feeds.parse.typed_rows import odd_rows
from billing_recon.feeds.tables.day_files import DayFile, file_name
from billing_recon.feeds.tables.raw_rows import listed, single

_RULE_POSITION = 1998


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
    decisions: Sequence[RowDecision] = (),
) -> LandingReport:
    """Read what came for a table's day and create in the session:

    - `landed`: the accepted rows; the table's columns, observed_on, source_file, source_row
    - `landed_quarantine`: the rows set aside (core.schema.QUARANTINE), one row each, owned by `owner`
    - `landed_duplicates` (usage_events only): the repeats with where they came from and which row is kept instead
    - `landed_warnings` (feeds that can have such, see `warns`): source_file, source_row, code, says of rows to look at
    - `landed_decisions`: what became of each of `decisions`, the day's on rows set aside (feeds.deciding)

    `known_usage` names a relation of the usage_events of earlier days with where they lie (feeds.repeating.KEPT). A file that cannot be read as what
    it claims to be is REFUSED with a message and lands nothing; no fault of the data raises. The answer is a function
    of the files, the company and the arguments: a rerun gives the same tables.
    """
    prepare(con, spec)
    no_repeats(con)
    came = Delivery((), ())
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        try:
            feed = feed_of(company, spec.name)
            came = open_delivery(home, company, spec, feed, day, Path(scratch))
            attempts = [
                load(
                    con,
                    number=number,
                    file=file,
                    spec=spec,
                    feed=feed,
                    key=f"feeds.{spec.name}",
                    roles=company.roles,
                    day=Day(day, company.timezone, is_first=str(day) == company.first_day),
                    stays=len(came.parts) == 1 and file.readable == home / file.name,
                )
                for number, file in came.parts
            ]
        except LandingRefused as error:
            prepare(con, spec)
            _present(con, spec, company, day, came.files, whole=True)
            set_aside(con, spec, [], came.files, owner)
            if warns(company, spec.name):
                keep_warnings(con, ())
                present_warnings(con, came.files)
            return _report(spec, day, LandingStatus.REFUSED, came.files, str(error))
        loaded = [attempt for attempt in attempts if attempt is not None]
        rows_in = _count(con, TYPED) + sum(one.rejected for one in loaded)
        wrong = sum(one.rejected + one.unreadable + one.wrong for one in loaded)
        repeated = 0
        notes = list(came.notes)
        if warns(company, spec.name):
            keep_warnings(con, came.warnings)
            wrong += sum(_judge_by_rules(con, one) for one in loaded if one.mapping.rules)
            notes += [note for note in (present_warnings(con, came.files),) if note]
        if rows_in:
            wrong += hold_to_contract(con, contract_of_day(spec, company, day, lookback_days), rows_in)
            repeated = collapse(con, spec, known_usage)
        _present(con, spec, company, day, came.files, whole=not wrong and not repeated)
        set_aside(con, spec, loaded if wrong or repeated else [], came.files, owner)
    decided = apply_decisions(
        con,
        spec=spec,
        company=company,
        day=day,
        lookback_days=lookback_days,
        known_usage=known_usage,
        decisions=decisions,
    )
    notes += _about_days(day, loaded)
    return _counted(con, spec, day, came, rows_in, replace(decided, notes=(*notes, *decided.notes)), loaded)


def _judge_by_rules(con: duckdb.DuckDBPyConnection, loaded: Loaded) -> int:
    """Set aside, or report, what the feed's own rules name; answers how many faults that makes."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_odd AS SELECT o.file_no AS file_no, o.ordinal AS ordinal, "
        f"t.source_row AS source_row, o.says AS says, o.aside AS aside FROM ({odd_rows(loaded)}) o "
        f"JOIN {TYPED} t ON t.file_no = o.file_no AND t.ordinal = o.ordinal"
    )
    con.execute(f"INSERT INTO {WARNINGS} SELECT file_no, source_row, 'ODD', says FROM landing_odd WHERE NOT aside")
    (faults,) = single(
        con,
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_RULE_POSITION}, NULL, '{Reason.TABLE_RULE}', says "
        "FROM landing_odd WHERE aside",
    )
    return int(faults)


def _present(
    con: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    company: Company,
    day: date,
    files: Sequence[DayFile],
    *,
    whole: bool,
) -> None:
    """`landed` and `landed_duplicates` as views over what is in the session, so that big days are not copied.

    `whole`: nothing is wrong and nothing repeated, so that every row stands.
    """
    con.execute(
        f"CREATE OR REPLACE VIEW landed AS SELECT {listed(spec.names)}, "
        f"{observed_on(spec, company, day)} AS observed_on, {file_name(files)} AS source_file, source_row "
        f"FROM {TYPED if whole else f'({standing()})'}"
    )
    if spec is USAGE_EVENTS:
        con.execute(
            f"CREATE OR REPLACE VIEW landed_duplicates AS {repeats(spec, day, file_name(files), file_name(files, 'kept_no'))}"
        )


def _about_days(day: date, loaded: Sequence[Loaded]) -> list[str]:
    """What to say of files that hold other days."""
    notes = [one.days.before for one in loaded if one.days.before]
    outside = [one.days.outside for one in loaded if one.days.outside]
    if outside and len(outside) == len(loaded):
        notes.append(f"no rows of {day}: {'; '.join(outside)}")
    return notes


def _report(
    spec: TableSpec, day: date, status: LandingStatus, files: Sequence[DayFile], message: str = ""
) -> LandingReport:
    return LandingReport(spec.name, day, status, files=tuple((f.name, f.sha256) for f in files), message=message)


def _counted(
    con: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    day: date,
    came: Delivery,
    rows_in: int,
    decided: Decided,
    loaded: Sequence[Loaded],
) -> LandingReport:
    """The report from the tables themselves, so that the row equation checks what was made rather than what was meant."""
    files, notes = came.files, "; ".join(decided.notes)
    if not files and not came.empty:
        return _report(spec, day, LandingStatus.MISSING, files, notes)
    if not rows_in:
        outside = bool(loaded) and all(one.days.outside for one in loaded)
        return _report(spec, day, LandingStatus.MISSING if outside else LandingStatus.EMPTY, files, notes)
    quarantined = sum(decided.reasons.values())
    parts = list(decided.notes)
    if quarantined:
        why = ", ".join(f"{count} {reason}" for reason, count in decided.reasons.items())
        discarded = f", {decided.discarded} of them discarded" if decided.discarded else ""
        parts.insert(0, f"{quarantined} of {rows_in} rows are in quarantine ({why}){discarded}")
    report = replace(
        _report(spec, day, LandingStatus.PRESENT, files, "; ".join(parts)),
        rows_in=rows_in,
        accepted=_count(con, "landed"),
        quarantined=quarantined,
        duplicates=_count(con, COLLAPSED) + decided.repeated,
        reasons=decided.reasons,
        released=decided.released,
        discarded=decided.discarded,
    )
    if not report.equation_holds:
        raise AssertionError(f"landing lost or doubled rows: {report}")
    return report


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(single(con, f"SELECT count(*) FROM {table}")[0])
