"""Load one file into the session: type each row exactly, or mark it unreadable. Contracts are checked later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.schema import Kind, TableSpec
from billing_recon.feeds.parse import notation, types
from billing_recon.feeds.parse.column_source import attempt, checked, names_in, said
from billing_recon.feeds.parse.days import (
    NO_RANGE,
    DayRange,
    Partition,
    Span,
    day_of_row,
    faults_of_unknown_days,
    find_days,
    lines_of_other_days,
    only_of_day,
)
from billing_recon.feeds.parse.mapping import map_columns
from billing_recon.feeds.parse.typed_rows import FileRows, rows_apart, rows_at, texts_of, typed, with_values
from billing_recon.feeds.tables.converted_rows import open_converted
from billing_recon.feeds.tables.csv_file import open_csv
from billing_recon.feeds.tables.day_files import TEXT_FORMATS, DayFile
from billing_recon.feeds.tables.jsonl_file import open_jsonl
from billing_recon.feeds.tables.parquet_file import DAMAGED, is_damage, open_parquet
from billing_recon.feeds.tables.raw_rows import REJECTS, RawFile, listed, quoted, single, text

TYPED = "landing_typed"
"""Rows of the day: file_no, ordinal, source_row, broken (the line if it is not a row), unreadable, and the spec's columns."""

REJECTED = "landing_rejected"
"""Lines that cannot be split into a row: file_no, source_row, reason, says, line."""

FAULTS = "landing_faults"
"""Faults of rows: file_no, ordinal, position (the lowest comes first), field, reason, says."""


_UNCLEAN = f"^[{types.BLANKS}]|[{types.BLANKS}]$|{types.DECOMPOSED}"
"""In a text: blanks around it, or characters that may not be in composed form."""
_ASCII_BLANKS = [one for one in types.BLANKS if one.isascii()]
LARGE_BYTES = 100_000_000
"""A Parquet file of this size is read in place whenever its rows are needed, instead of being copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(FileRows):
    """A loaded file, or a bundle of files, and how to read it again.

    `rejected` counts lines that are no rows, `unreadable` rows with texts that are no values, `wrong` other faults found so
    far. `days` is the range of days of a file that holds many. `left_out` counts the rows that `where` leaves out, `in_file` all
    rows and lines that are no rows, if that is more than is loaded.
    """

    rejected: int = 0
    unreadable: int = 0
    wrong: int = 0
    days: DayRange = NO_RANGE
    left_out: int = 0
    in_file: int | None = None


def prepare(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Create the session's tables for one landing, empty."""
    columns = ", ".join(f"{quoted(column.name)} {column.sql_type}" for column in spec.columns)
    con.execute(
        f"CREATE OR REPLACE TABLE {TYPED} (file_no INTEGER, ordinal BIGINT, source_row BIGINT, broken VARCHAR, "
        f"unreadable BOOLEAN, {columns})"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE {REJECTED} (file_no INTEGER, source_row BIGINT, reason VARCHAR, says VARCHAR, "
        "line VARCHAR)"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE {FAULTS} (file_no INTEGER, ordinal BIGINT, position INTEGER, field VARCHAR, "
        "reason VARCHAR, says VARCHAR)"
    )


def load(
    con: duckdb.DuckDBPyConnection,
    *,
    number: int,
    file: DayFile,
    spec: TableSpec,
    feed: Feed,
    key: str,
    roles: dict[str, str],
    partition: Partition | None = None,
    stays: bool = False,
    count: int = 1,
    spans: Sequence[Span | None] = (),
) -> Loaded | None:
    """Append a file's rows to TYPED and its unsplittable lines to REJECTED. Return None if the file has no data.

    Of a file with many days (`feed.day_column`) only the rows of `partition` are loaded. `stays`: the file is the only
    one and stays in place until the day is stored, so that TYPED may be a view over it. `count`: how many files a bundle holds. `spans`: the first and
    last day that the name of each of them promises.

    Raise LandingRefused if the file as a whole is not what it claims to be.
    """
    if _needs_macros(feed):
        _create_macros(con)
    raw = open_rows(con, file, feed)
    if raw is None:
        return None
    if raw.dates and feed.day_zone:
        _create_macros(con)  # for the days of a workbook, which are declared by the file
    raw = raw.with_columns(feed.optional_columns)
    if unknown := [name for name in feed.fill_down if name not in raw.columns]:
        raise LandingRefused(
            f"{file.name}: {key}.fill_down names {', '.join(unknown)}, which the file lacks; correct it"
        )
    raw = raw.without(feed.empty or ()).filled_down(feed.fill_down)
    mapping = map_columns(con, name=file.name, key=key, raw=raw, spec=spec, feed=feed, roles=roles)
    text_rows = file.format in TEXT_FORMATS
    if text_rows:
        con.execute(f"DROP TABLE IF EXISTS {REJECTS}")
        con.execute(f"DROP TABLE IF EXISTS {REJECTS}_scan")
    rows = Loaded(number=number, raw=raw, mapping=mapping, count=count)
    if file.tail is not None:
        _refuse_skipped_row(con, file, rows, feed, spec)
    whole = rows
    days, found = None, NO_RANGE
    try:
        if partition is not None and feed.day_column is not None:
            days = day_of_row(feed, mapping, raw, key, partition, number, spans)
            values = with_values(rows, texts_of(rows, raw.rows, more=days.more))
            found = find_days(con, file.name, days, f"SELECT file_no, ordinal, {days.sql} AS day FROM ({values})")
            rows = replace(rows, raw=only_of_day(days, raw))
        if (
            stays
            and days is None
            and file.format == "parquet"
            and file.size >= LARGE_BYTES
            and _view_exact_file(con, rows)
        ):
            return _counted_apart(con, rows)
        con.execute(f"INSERT INTO {TYPED} {typed(rows, rows.raw.rows_once, thorough=False)}")
    except duckdb.Error as error:
        if file.format == "parquet" and is_damage(error):
            raise LandingRefused(f"{file.name}: {DAMAGED}") from None
        if not isinstance(error, duckdb.InvalidInputException) or "CSV" not in str(error):
            _refuse_failing_expression(con, file, raw, feed, key)
            raise
        raise LandingRefused(
            f"{file.name}: the lines cannot be separated; either line ends are mixed (CRLF and LF in one file) or "
            "quotes are not closed: ask for a resend with one kind of line end"
        ) from None
    loaded = replace(rows, unreadable=_reparse(con, rows), days=found)
    if file.format == "jsonl" and not file.ends_with_newline:
        _refuse_cut_off_json(con, number, file)
    rejected, rejected_elsewhere = _take_rejected(con, number, file, raw) if text_rows else 0, 0
    if days is not None:
        con.execute(f"INSERT INTO {FAULTS} {faults_of_unknown_days(days)}")
        lines = f"SELECT source_row FROM {REJECTED} WHERE file_no = {number}"
        (others,) = single(
            con,
            f"DELETE FROM {REJECTED} WHERE file_no = {number} AND source_row IN ({lines_of_other_days(days, lines)})",
        )
        rejected -= others
        loaded = replace(loaded, wrong=single(con, f"SELECT count(*) FROM {FAULTS} WHERE {rows.condition}")[0])
        found = replace(found, others=found.others + others)
        rejected_elsewhere = int(others)
    loaded = replace(loaded, rejected=rejected, days=found)
    return _counted_apart(con, loaded, whole.raw, rejected_elsewhere)


def _counted_apart(
    con: duckdb.DuckDBPyConnection, loaded: Loaded, whole: RawFile | None = None, rejected_elsewhere: int = 0
) -> Loaded:
    """Count the rows of the whole file, if not all are loaded: in a pass of its own, so that the sum proves something."""
    if loaded.days is NO_RANGE and loaded.mapping.kept is None:
        return loaded
    counted, left_out = single(con, rows_apart(replace(loaded, raw=whole or loaded.raw)))
    return replace(loaded, left_out=int(left_out), in_file=int(counted) + loaded.rejected + rejected_elsewhere)


def _refuse_failing_expression(
    con: duckdb.DuckDBPyConnection, file: DayFile, raw: RawFile, feed: Feed, key: str
) -> None:
    """Find the expression of company.yaml with which the engine ended, whatever it says; do nothing if there is none."""
    columns = {f"columns.{ours}.sql": c.sql for ours, c in feed.columns.items() if isinstance(c, ColumnMap) and c.sql}
    rules = {"set_aside": feed.set_aside.values(), "report": feed.report.values()}
    expressions = [*columns.items(), *((name, sql) for name, all_of in rules.items() for sql in all_of)]
    for name, expression in [*expressions, ("where", feed.where or "true")]:
        sql, _ = checked(con, raw, expression, f"{key}.{name}")
        rows = raw.with_made(raw.rows, names_in(con, expression))
        try:
            single(con, f"SELECT count({attempt(sql)}) FROM ({rows})")
        except duckdb.Error as error:
            raise LandingRefused(f"{file.name}: {key}.{name} cannot be computed on this file: {said(error)}") from None


def _view_exact_file(con: duckdb.DuckDBPyConnection, rows: Loaded) -> bool:
    """Make TYPED a view over a file whose columns have exactly our types. Return False, changing nothing, if a value needs parsing."""
    irregular = []
    for source in rows.mapping.sources:
        if source.sql == "CAST(NULL AS VARCHAR)" and source.column.default is None:
            continue  # a column that the file does not have
        if source.normalised or source.failed or not (source.exact or source.column.kind is Kind.TEXT):
            return False
        if not source.exact:
            irregular.append(_unclean(source.sql))
        elif source.column.kind in (Kind.DATE, Kind.TIMESTAMP):
            irregular.append(f"NOT isfinite({source.sql})")
    if rows.mapping.rules or single(con, f"SELECT count(*) FROM ({rows.raw.rows}) WHERE {' OR '.join(irregular)}")[0]:
        return False
    names = listed(source.column.name for source in rows.mapping.sources)
    plain = typed(rows, rows.raw.rows, thorough=False)
    con.execute(f"DROP TABLE {TYPED}")
    con.execute(
        f"CREATE VIEW {TYPED} AS SELECT file_no, ordinal, source_row, broken, false AS unreadable, {names} FROM ({plain})"
    )
    return True


def _unclean(value: str) -> str:
    """Return SQL for whether a text may not be as it is stored: the cheap questions about every text, the dear one about few.

    What is less than the first visible character is empty or begins with a blank or a control character.
    """
    ends = " OR ".join(f"ends_with({value}, {text(blank)})" for blank in _ASCII_BLANKS)
    return (
        f"{value} < '!' OR contains({value}, chr(0)) OR {ends} "
        f"OR (strlen({value}) <> length({value}) AND regexp_matches({value}, '{_UNCLEAN}'))"
    )


def _refuse_skipped_row(
    con: duckdb.DuckDBPyConnection, file: DayFile, rows: Loaded, feed: Feed, spec: TableSpec
) -> None:
    """Raise LandingRefused if a line that `skip_last` leaves out reads as a row: the file came without its last lines."""
    assert file.tail is not None
    _create_macros(con)
    tail = replace(file, readable=file.tail, size=file.tail.stat().st_size, tail=None)
    needed = [c.name for c in spec.columns if c.required] or list(spec.key)
    try:
        raw = open_rows(
            con, tail, feed.model_copy(update={"header": tuple(rows.raw.columns)}) if file.format == "csv" else feed
        )
        if raw is None:
            return
        read = typed(
            replace(rows, raw=raw.with_columns(rows.raw.columns)),
            raw.with_columns(rows.raw.columns).rows,
            thorough=True,
        )
        (found,) = single(
            con,
            f"SELECT count(*) FROM ({read}) WHERE NOT unreadable AND {' AND '.join(f'{quoted(n)} IS NOT NULL' for n in needed)}",
        )
    except (LandingRefused, duckdb.InvalidInputException):
        return
    if found:
        raise LandingRefused(
            f"{file.name}: {found} of the {feed.skip_last} last line{'' if feed.skip_last == 1 else 's'}, which skip_last leaves "
            f"out, read{'s' if found == 1 else ''} as a row of {spec.name}: the file may have come without its end; ask for a "
            "resend, or leave the last lines out by where instead of skip_last"
        )


def _needs_macros(feed: Feed) -> bool:
    """Whether the SQL of this feed may call a macro: it has expressions, or a notation other than ours."""
    entries = [feed, *(entry for entry in feed.columns.values() if isinstance(entry, ColumnMap))]
    expressions = feed.where or feed.set_aside or feed.report
    return bool(expressions) or any(
        (isinstance(entry, ColumnMap) and (entry.sql or entry.computed)) or entry.is_declared for entry in entries
    )


def _create_macros(con: duckdb.DuckDBPyConnection) -> None:
    for macro in types.MACROS + notation.MACROS:
        con.execute(macro)


def _reparse(con: duckdb.DuckDBPyConnection, loaded: Loaded) -> int:
    """Parse rows that the fast pass left unreadable with the thorough one. Return how many stay unreadable."""
    pending = f"SELECT file_no, ordinal FROM {TYPED} WHERE {loaded.condition} AND unreadable"
    if not single(con, f"SELECT count(*) FROM ({pending})")[0]:
        return 0
    _create_macros(con)
    again = typed(loaded, rows_at(loaded, f"SELECT ordinal FROM ({pending})"), thorough=True)
    con.execute(f"CREATE OR REPLACE TEMP TABLE landing_reparsed AS {again}")
    con.execute(f"DELETE FROM {TYPED} WHERE {loaded.condition} AND unreadable")
    con.execute(f"INSERT INTO {TYPED} SELECT * FROM landing_reparsed")
    return int(single(con, f"SELECT count(*) FROM ({pending})")[0])


def open_rows(con: duckdb.DuckDBPyConnection, file: DayFile, feed: Feed) -> RawFile | None:
    match file.format:
        case "csv":
            return open_csv(file, feed)
        case "jsonl":
            return open_jsonl(con, file) if file.size else None
        case "parquet":
            return open_parquet(con, file)
        case "xlsx":
            # Imported here: a company without workbooks loads no XML library.
            from billing_recon.feeds.tables.workbook import open_sheet

            return open_sheet(con, file.readable)
        case _:
            return open_converted(con, file)


_REJECTION = f"""
    CASE WHEN bool_or(error_type = 'INVALID ENCODING') THEN '{Reason.BAD_ENCODING}' ELSE '{Reason.BROKEN_ROW}' END,
    CASE WHEN bool_or(error_type = 'INVALID ENCODING')
         THEN 'has bytes that are not UTF-8 text; if the whole file is in another encoding, declare it in the feed'
         WHEN bool_or(error_type = 'UNQUOTED VALUE') THEN 'has text after a closing quote'
         WHEN bool_or(error_type = 'MISSING COLUMNS') THEN 'has ' || min(column_idx) || ' of {{width}} fields'
         WHEN bool_or(error_type = 'TOO MANY COLUMNS')
         THEN 'has ' || max(column_idx) || ' fields, but the header has {{width}}; a value that contains the delimiter '
              'must be in quotes'
         WHEN bool_or(error_type = 'LINE SIZE OVER MAXIMUM') THEN 'is longer than 2,000,000 bytes'
         ELSE 'cannot be split into fields' END
"""


def _take_rejected(con: duckdb.DuckDBPyConnection, number: int, file: DayFile, raw: RawFile) -> int:
    """Move lines that DuckDB could not split to REJECTED, renumber the other rows, and return the number of lines.

    Raise LandingRefused if rows after a rejected line may be lost: an unclosed quote, or a truncated last line.
    """
    try:
        (rejects,) = single(con, f"SELECT count(*) FROM {REJECTS}")
    except duckdb.CatalogException:
        # The file was not scanned, because the feed's condition holds for no row.
        return 0
    if not rejects:
        return 0
    misquoted, cut_off = single(
        con,
        # A quote that spans line ends, or two bad quotes in a line: DuckDB cannot tell where rows begin.
        f"SELECT (SELECT min(line) FROM (SELECT line FROM {REJECTS} WHERE error_type = 'UNQUOTED VALUE' GROUP BY line "
        "HAVING count(*) > 1 OR bool_or(contains(ltrim(csv_line, chr(10) || chr(13)), chr(10))))), "
        f"(SELECT max(line) FROM {REJECTS} WHERE error_type IN ('MISSING COLUMNS', 'UNQUOTED VALUE') "
        f"AND line_byte_position + strlen(csv_line) >= {file.size})",
    )
    if misquoted is not None:
        raise LandingRefused(
            f"{file.name}: row {misquoted - raw.lines_before} opens a quote that is not closed, so the rows after it "
            "cannot be separated; ask for a resend (a quote within a value is written twice)"
        )
    if cut_off is not None and not file.ends_with_newline:
        raise LandingRefused(
            f"{file.name}: row {cut_off - raw.lines_before}, the last, stops in the middle: the file was cut off "
            "and later rows may be missing; ask for a resend"
        )
    rejection = _REJECTION.format(width=raw.width)
    con.execute(
        f"INSERT INTO {REJECTED} SELECT {number}, line - {raw.lines_before}, {rejection}, any_value(csv_line) "
        f"FROM {REJECTS} GROUP BY line"
    )
    # The n-th readable row has the n-th number that no rejected line has: r - i rows precede the i-th rejected line r.
    con.execute(
        f"UPDATE {TYPED} SET source_row = numbered.ordinal + numbered.shift FROM ("
        f"SELECT t.ordinal AS ordinal, g.shift AS shift FROM {TYPED} t ASOF JOIN ("
        "SELECT max(i) AS shift, before FROM (SELECT i, source_row - i AS before FROM ("
        f"SELECT source_row, row_number() OVER (ORDER BY source_row) AS i FROM {REJECTED} WHERE file_no = {number})) "
        f"GROUP BY before) g ON t.ordinal > g.before WHERE t.file_no = {number}) numbered "
        f"WHERE {TYPED}.file_no = {number} AND {TYPED}.ordinal = numbered.ordinal"
    )
    return int(single(con, f"SELECT count(*) FROM {REJECTED} WHERE file_no = {number}")[0])


def _refuse_cut_off_json(con: duckdb.DuckDBPyConnection, number: int, file: DayFile) -> None:
    last, last_broken = single(
        con,
        f"SELECT max(ordinal), max(ordinal) FILTER (WHERE broken IS NOT NULL) FROM {TYPED} WHERE file_no = {number}",
    )
    if last is not None and last == last_broken:
        raise LandingRefused(
            f"{file.name}: line {last}, the last, stops in the middle: the file was cut off and later rows may be "
            "missing; ask for a resend"
        )
