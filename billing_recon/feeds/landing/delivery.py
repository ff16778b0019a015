"""The delivery of a table's day: its files, or rows converted from documents, a ledger or a database. Parsing follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.core.company import Company
from billing_recon.core.feed import Feed
from billing_recon.core.schema import TableSpec
from billing_recon.feeds.effective_feed import preset_feeds
from billing_recon.feeds.landing.conversion import convert_documents, convert_ledger, convert_statements
from billing_recon.feeds.parse.days import Span
from billing_recon.feeds.tables.converted_rows import Conversion, RowWarning
from billing_recon.feeds.tables.day_files import (
    Content,
    DayFile,
    file_name,
    find_files,
    hashed,
    is_delivered_empty,
    not_taken,
    open_table,
    path_of,
    periods_around,
    replaced_files,
    shown,
    span_of_file,
    tables_in,
)
from billing_recon.feeds.tables.raw_rows import single

WARNINGS = "landing_warnings"
"""Findings about rows that land: file_no, source_row, code, says."""
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """`files` are numbered from 1 and named in the report; `parts` are loaded, each with the number of its first file.

    `empty`: something was delivered and holds nothing. `around`: files of an earlier, or of a later, period are there. `spans`: the
    first and last day that the name of each file promises, None for a file of one day or of any. `unread`: name and SHA-256 of
    files that cannot be read and are of other days.
    """

    files: tuple[DayFile, ...]
    parts: tuple[tuple[int, DayFile], ...]
    empty: bool = False
    warnings: tuple[RowWarning, ...] = ()
    notes: tuple[str, ...] = ()
    around: tuple[bool, bool] = (False, False)
    spans: tuple[Span | None, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()


def open_delivery(
    home: Path,
    company: Company,
    spec: TableSpec,
    feed: Feed,
    day: date,
    scratch: Path,
    *,
    only: Path | None = None,
    without: Collection[Path] = (),
) -> Delivery:
    """Open the day's delivery: of its files `only` one, or all `without` some, which are named as unread.

    Raise LandingRefused if it is not what it claims to be.
    """
    if feed.is_database:
        # Imported here: a company without databases loads no drivers.
        from billing_recon.feeds.tables.database_rows import fetch

        return _converted(fetch(spec, feed, day, company.timezone, scratch))
    if feed.is_remote:
        home = _fetched(home, spec, feed, day, scratch)
    paths = [only] if only else find_files(home, spec.name, feed, day)
    if without:
        unread = tuple(hashed(shown(home, path), path, scratch) for path in paths if path in without)
        rest = _opened(home, company, spec, feed, day, scratch, [path for path in paths if path not in without])
        return replace(rest, unread=tuple((one.name, one.sha256) for one in unread))
    return _opened(home, company, spec, feed, day, scratch, paths)


def _opened(
    home: Path, company: Company, spec: TableSpec, feed: Feed, day: date, scratch: Path, paths: list[Path]
) -> Delivery:
    """Open the files of a day's delivery."""
    if not paths:
        seen = not_taken(home, spec.name, feed, day)
        return Delivery((), (), empty=is_delivered_empty(home, spec.name, feed, day), notes=(seen,) if seen else ())
    if feed.is_documents:
        quarantines = spec.name == "rendered_invoices" or not _same_documents(company, feed)
        converted = _converted(convert_documents(home, paths, spec.name, feed, scratch, quarantines=quarantines))
        return _placed(converted, home, spec, feed, day, paths)
    if feed.is_ledger or feed.is_statement:
        convert = convert_ledger if feed.is_ledger else convert_statements
        return _placed(_converted(convert(home, paths, feed, scratch)), home, spec, feed, day, paths)
    opened = [tables_in(home, path, feed, scratch) for path in paths]
    files = tuple(open_table(content, feed, scratch) for found, _ in opened for content in found)
    replaced = replaced_files(home, spec.name, feed, day)
    notes = (f"replaced by {paths[-1].name}: {', '.join(replaced)}",) if replaced else ()
    delivery = Delivery(files, tuple(enumerate(files, 1)), notes=(*_apart(opened), *notes))
    return _placed(delivery, home, spec, feed, day, paths)


def _fetched(home: Path, spec: TableSpec, feed: Feed, day: date, scratch: Path) -> Path:
    """Return a folder that stands for the home: with the day's files from the feed's object store, and the home's templates."""
    # Imported here: a company without object stores loads no client.
    from billing_recon.feeds.tables.object_store import ObjectStore

    folder = scratch / "store"
    folder.mkdir()
    if (home / "templates").is_dir():
        (folder / "templates").symlink_to((home / "templates").absolute(), target_is_directory=True)
    ObjectStore(f"feeds.{spec.name}", feed, day, folder).fetch(find_files(folder, spec.name, feed, day))
    return folder


def _placed(delivery: Delivery, home: Path, spec: TableSpec, feed: Feed, day: date, paths: Sequence[Path]) -> Delivery:
    """Add what the names of the files say of their days."""
    names = [shown(home, path) for path in paths]
    spans = tuple(span_of_file(path_of(spec.name, feed), names, file.name) for file in delivery.files)
    return replace(delivery, around=periods_around(home, spec.name, feed, day), spans=spans)


def numbered(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Number the files of several feeds one after the other."""
    found, before = [], 0
    for one in deliveries:
        parts = tuple((number + before, file) for number, file in one.parts)
        warnings = tuple(replace(warning, file_no=warning.file_no + before) for warning in one.warnings)
        found.append(replace(one, parts=parts, warnings=warnings))
        before += len(one.files)
    return found


def together(deliveries: Sequence[Delivery]) -> Delivery:
    """Return the deliveries of a table's feeds as one."""
    every = numbered(deliveries)
    return Delivery(
        tuple(file for one in every for file in one.files),
        tuple(part for one in every for part in one.parts),
        empty=any(one.empty for one in every),
        warnings=tuple(warning for one in every for warning in one.warnings),
        notes=tuple(note for one in every for note in one.notes),
        unread=tuple(file for one in every for file in one.unread),
    )


def _apart(opened: list[tuple[list[Content], list[str]]]) -> tuple[str, ...]:
    """Say which files in archives are not read."""
    names = [name for _, others in opened for name in others]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (f"not read, because the name is not one of a table: {', '.join(names[:_SHOWN])}{more}",) if names else ()


def _converted(conversion: Conversion) -> Delivery:
    return Delivery(conversion.files, ((1, conversion.rows),), warnings=conversion.warnings, notes=conversion.notes)


def _same_documents(company: Company, feed: Feed) -> bool:
    """Whether rendered_invoices reads the same documents, and so quarantines the unreadable ones."""
    other = company.feeds.get("rendered_invoices")
    return other is not None and other.is_documents and path_of("", other) == path_of("", feed)


def warns(company: Company, table: str) -> bool:
    """Whether landing this table creates `landed_warnings`."""
    declared = company.feeds.get(table)
    return declared is not None and any(_warns(feed, table) for feed in (declared, *declared.also))


def _warns(feed: Feed, table: str) -> bool:
    shipped = preset_feeds(feed.preset).get(table, {}) if feed.preset else {}
    rules = feed.report or feed.set_aside or shipped.get("report") or shipped.get("set_aside")
    return feed.is_documents or feed.is_ledger or feed.is_statement or bool(rules)


def store_warnings(con: duckdb.DuckDBPyConnection, warnings: Iterable[RowWarning]) -> None:
    """Create WARNINGS."""
    con.execute(f"CREATE OR REPLACE TABLE {WARNINGS} (file_no INTEGER, source_row BIGINT, code VARCHAR, says VARCHAR)")
    rows = [(w.file_no, w.row, w.code, w.says) for w in warnings]
    if rows:
        # As lists: row by row, the findings of a large ledger take longer than the ledger.
        con.execute(
            f"INSERT INTO {WARNINGS} SELECT unnest(?::INTEGER[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [list(column) for column in zip(*rows, strict=True)],
        )


def summarise_warnings(con: duckdb.DuckDBPyConnection, files: tuple[DayFile, ...]) -> str:
    """Create `landed_warnings` (source_file, source_row, code, says). Return them as a sentence, empty if there are none."""
    con.execute(
        f"CREATE OR REPLACE VIEW landed_warnings AS SELECT {file_name(files)} AS source_file, source_row, code, says "
        f"FROM {WARNINGS}"
    )
    if not single(con, f"SELECT count(*) FROM {WARNINGS}")[0]:
        return ""
    codes = con.execute(f"SELECT code, count(*) FROM {WARNINGS} GROUP BY code ORDER BY count(*) DESC, code").fetchall()
    first = con.execute(
        f"SELECT says FROM {WARNINGS} ORDER BY file_no, source_row, code, says LIMIT {_SHOWN}"
    ).fetchall()
    counts = Counter(dict(codes))
    shown = "; ".join(str(says) for (says,) in first)
    total = counts.total()
    rest = total - len(first)
    why = ", ".join(f"{count} {code}" for code, count in codes)
    return f"{total} warning{'' if total == 1 else 's'} on rows that landed ({why}): {shown}" + (
        f"; and {rest} more" if rest else ""
    )
