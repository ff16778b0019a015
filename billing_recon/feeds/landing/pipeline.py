"""Land one table's day: accept, quarantine or collapse every delivered row. No row is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import names_ends
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import RowDecision
from billing_recon.core.schema import USAGE_EVENTS, TableSpec
from billing_recon.feeds.effective_feed import feeds_of
from billing_recon.feeds.landing.decisions import AppliedDecisions, LandingContext, apply_decisions
from billing_recon.feeds.landing.deduplication import (
    DUPLICATES,
    accepted_rows,
    clear_duplicates,
    deduplicate,
    duplicate_rows,
    rows_with_duplicates,
)
from billing_recon.feeds.landing.delivery import (
    WARNINGS,
    Delivery,
    store_warnings,
    summarise_warnings,
    together,
    warns,
)
from billing_recon.feeds.landing.intake import Intake
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED, Loaded, prepare
from billing_recon.feeds.landing.quarantine import fill_quarantine
from billing_recon.feeds.landing.validation import check_contract, contract_of_day, observed_on
from billing_recon.feeds.parse.typed_rows import clock_changes, rows_by_rule
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
    catalog: Catalog | None = None,
) -> LandingReport:
    """Read the delivery of a table's day and create in the session:

    - `landed`: the accepted rows; the table's columns, observed_on, source_file, source_row
    - `landed_quarantine`: the quarantined rows (core.schema.QUARANTINE), owned by `owner`
    - `landed_duplicates` (usage_events only): collapsed rows with their source and the row that is kept instead
    - `landed_warnings` (feeds for which `warns` holds): source_file, source_row, code and says of rows to review
    - `landed_decisions`: the outcome of each of the day's `decisions` on quarantined rows (landing.decisions)

    `catalog` is what contracts are held to; without it they are only held to themselves. `known_usage` names a relation of earlier days' usage_events with their location (deduplication.KEPT). A file that
    is not what it claims to be is REFUSED with a message and lands nothing; faulty data never raises. The result
    depends on the files, the company and the arguments only: a rerun gives the same tables.
    """
    prepare(con, spec)
    clear_duplicates(con)
    delivery = Delivery((), ())
    bad_notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        try:
            feeds = feeds_of(company, spec.name)
            intake = Intake(con, home, company, spec, day, Path(scratch))
            try:
                deliveries = intake.open(feeds)
                delivery = together(deliveries)
                loaded_of = intake.load(feeds, deliveries)
            except LandingRefused:
                unread = [intake.unread(feed) for feed in feeds]
                if not any(unread):
                    raise
                prepare(con, spec)
                deliveries = intake.open(feeds, unread)
                delivery = together(deliveries)
                loaded_of = intake.load(feeds, deliveries)
                bad_notes = [f"left out, for another day: {says}" for bad in unread for says in bad.values()]
            _refuse_a_part(spec, day, feeds, [not one.files and not one.empty for one in deliveries])
            outsides = [
                _outside(feed, day, one, loaded) for feed, one, loaded in zip(feeds, deliveries, loaded_of, strict=True)
            ]
            _refuse_a_part(spec, day, feeds, [bool(outside) for outside in outsides])
        except LandingRefused as error:
            prepare(con, spec)
            _create_views(con, spec, company, day, delivery.files, all_accepted=True)
            fill_quarantine(con, spec, [], delivery.files, owner)
            if warns(company, spec.name):
                store_warnings(con, ())
                summarise_warnings(con, delivery.files)
            return _report(spec, day, LandingStatus.REFUSED, delivery, str(error))
        loaded = [one for of_feed in loaded_of for one in of_feed]
        rows_in = _count(con, TYPED) + sum(one.rejected for one in loaded)
        wrong = sum(one.rejected + one.unreadable + one.wrong for one in loaded)
        duplicates = 0
        notes = [*delivery.notes, *bad_notes]
        if warns(company, spec.name):
            store_warnings(con, delivery.warnings)
            if feeds[0].is_documents and feeds[0].day_column:
                _keep_warnings_of_the_day(con)
            wrong += sum(_apply_rules(con, one) for one in loaded if one.mapping.rules)
            notes += [note for note in (summarise_warnings(con, delivery.files),) if note]
        clocks = [
            note for feed, of_feed in zip(feeds, loaded_of, strict=True) for note in _clock_notes(con, feed, of_feed)
        ]
        if rows_in:
            wrong += check_contract(con, contract_of_day(spec, company, day, lookback_days, catalog), rows_in)
            duplicates = deduplicate(con, spec, known_usage)
        _create_views(con, spec, company, day, delivery.files, all_accepted=not wrong and not duplicates)
        fill_quarantine(con, spec, loaded if wrong or duplicates else [], delivery.files, owner)
    decided = apply_decisions(con, LandingContext(spec, company, day, lookback_days, known_usage, catalog), decisions)
    outside = "; ".join(filter(None, outsides))
    notes += [one.days.before for one in loaded if one.days.before]
    notes += [f"no rows of {day}: {outside}", *clocks] if outside else clocks
    decided = replace(decided, notes=(*notes, *decided.notes))
    return _counted_report(con, spec, day, delivery, rows_in, decided, loaded, missing=bool(outside))


def _keep_warnings_of_the_day(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the findings of documents of other days, which a file with many holds too."""
    con.execute(
        f"DELETE FROM {WARNINGS} WHERE NOT EXISTS (SELECT 1 FROM {TYPED} t WHERE t.file_no = {WARNINGS}.file_no "
        f"AND t.source_row = {WARNINGS}.source_row)"
    )


def _refuse_a_part(spec: TableSpec, day: date, feeds: Sequence[Feed], missing: Sequence[bool]) -> None:
    """Raise LandingRefused if some of a table's feeds were delivered and others were not: a day lands whole."""
    if any(missing) and not all(missing):
        lacking = ", ".join(
            feed.path or feed.table or "query" for feed, lacks in zip(feeds, missing, strict=True) if lacks
        )
        raise LandingRefused(
            f"feeds.{spec.name}: {lacking} was not delivered for {day}, but the table's other files were; a day lands whole: ask for "
            "it, or declare covers: period if a file that is there holds all its days"
        )


def _apply_rules(con: duckdb.DuckDBPyConnection, loaded: Loaded) -> int:
    """Quarantine or report the rows that match the feed's own rules. Return the number of faults."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_rule_rows AS SELECT o.file_no AS file_no, o.ordinal AS ordinal, "
        f"t.source_row AS source_row, o.says AS says, o.quarantined AS quarantined FROM ({rows_by_rule(loaded)}) o "
        f"JOIN {TYPED} t ON t.file_no = o.file_no AND t.ordinal = o.ordinal"
    )
    con.execute(
        f"INSERT INTO {WARNINGS} SELECT file_no, source_row, 'ODD', says FROM landing_rule_rows WHERE NOT quarantined"
    )
    (faults,) = single(
        con,
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_RULE_POSITION}, NULL, '{Reason.TABLE_RULE}', says "
        "FROM landing_rule_rows WHERE quarantined",
    )
    return int(faults)


def _create_views(
    con: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    company: Company,
    day: date,
    files: Sequence[DayFile],
    *,
    all_accepted: bool,
) -> None:
    """Create `landed` and `landed_duplicates` as views over the session's tables, so that large days are not copied.

    `all_accepted`: no row is faulty or a duplicate.
    """
    con.execute(
        f"CREATE OR REPLACE VIEW landed AS SELECT {listed(spec.names)}, "
        f"{observed_on(spec, company, day)} AS observed_on, {file_name(files)} AS source_file, source_row "
        f"FROM {TYPED if all_accepted else f'({accepted_rows()})'}"
    )
    if spec is USAGE_EVENTS:
        collapsed = duplicate_rows(spec, day, file_name(files), file_name(files, "kept_no"), rows_with_duplicates(con))
        con.execute(f"CREATE OR REPLACE VIEW landed_duplicates AS {collapsed}")


def _outside(feed: Feed, day: date, delivery: Delivery, loaded: Sequence[Loaded]) -> str:
    """Say which days files of many days hold if the wanted one lies outside all of them; empty if it does not.

    A day between the first and the last row of all files is delivered. So is one before or after the rows of its month or week
    if a file of an earlier or later one is there, or if the feed declares that a file covers its period or names its ends.
    """
    ranges = [one.days for one in loaded if one.days.first is not None and one.days.last is not None]
    if not ranges or len(ranges) < len(loaded) or feed.covers == "period" or names_ends(feed.path):
        return ""
    earlier, later = delivery.around
    begun = earlier or min(days.first for days in ranges if days.first) <= day
    ended = later or max(days.last for days in ranges if days.last) >= day
    return "" if begun and ended else "; ".join(days.holds for days in ranges)


def _clock_notes(con: duckdb.DuckDBPyConnection, feed: Feed, loaded: Sequence[Loaded]) -> list[str]:
    """Count the local times that the feed's policy for clock changes decided."""
    counted = sum(int(single(con, count)[0]) for one in loaded if (count := clock_changes(one)))
    if not counted:
        return []
    what = (
        "1 local time does not exist or exists twice and is"
        if counted == 1
        else f"{counted} local times do not exist or exist twice and are"
    )
    return [f"{what} read with the offset {feed.clock_change or 'declared'} the clock change"]


def _report(spec: TableSpec, day: date, status: LandingStatus, delivery: Delivery, message: str = "") -> LandingReport:
    files = (*((file.name, file.sha256) for file in delivery.files), *delivery.unread)
    return LandingReport(spec.name, day, status, files=files, message=message)


def _counted_report(
    con: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    day: date,
    delivery: Delivery,
    rows_in: int,
    decided: AppliedDecisions,
    loaded: Sequence[Loaded],
    *,
    missing: bool,
) -> LandingReport:
    """Count the report from the tables themselves, so that the row equation checks actual rows."""
    notes = "; ".join(decided.notes)
    if not delivery.files and not delivery.empty:
        return _report(spec, day, LandingStatus.MISSING, delivery, notes)
    if not rows_in:
        status = LandingStatus.MISSING if missing else LandingStatus.EMPTY
        return _checked(con, _report(spec, day, status, delivery, notes), delivery, loaded)
    quarantined = sum(decided.reasons.values())
    parts = list(decided.notes)
    if quarantined:
        why = ", ".join(f"{count} {reason}" for reason, count in decided.reasons.items())
        discarded = f", {decided.discarded} of them discarded" if decided.discarded else ""
        parts.insert(0, f"{quarantined} of {rows_in} rows are in quarantine ({why}){discarded}")
    report = replace(
        _report(spec, day, LandingStatus.PRESENT, delivery, "; ".join(parts)),
        rows_in=rows_in,
        accepted=_count(con, "landed"),
        quarantined=quarantined,
        duplicates=_count(con, DUPLICATES) + decided.repeated,
        reasons=decided.reasons,
        released=decided.released,
        discarded=decided.discarded,
    )
    return _checked(con, report, delivery, loaded)


def _checked(
    con: duckdb.DuckDBPyConnection, report: LandingReport, delivery: Delivery, loaded: Sequence[Loaded]
) -> LandingReport:
    """Add the counts of what else is in the files, and hold the report to its row equation."""
    counted = [one for one in loaded if one.in_file is not None]
    others = [one for one in loaded if one.in_file is None] if counted else []
    taken_whole = sum(one.rejected + _count(con, f"{TYPED} WHERE {one.condition}") for one in others)
    whole = replace(
        report,
        skipped=sum(file.skipped for _, file in delivery.parts),
        left_out=sum(one.left_out for one in counted),
        of_other_days=sum(one.days.others for one in counted),
        in_files=taken_whole + sum(one.in_file or 0 for one in counted) if counted else None,
    )
    if not whole.equation_holds:
        raise AssertionError(f"landing lost or duplicated rows: {whole}")
    return whole


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(single(con, f"SELECT count(*) FROM {table}")[0])
