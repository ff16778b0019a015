"""One file into the session: typed exactly where its texts allow, marked where they do not. Contracts come after."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from billing_recon.contracts.quarantine import Reason
from billing_recon.core.company import ColumnMap, Feed
from billing_recon.core.errors import LandingRefused
from billing_recon.core.tables import Kind, TableSpec
from billing_recon.feeds import exact
from billing_recon.feeds.csv_file import open_csv
from billing_recon.feeds.files import DayFile
from billing_recon.feeds.jsonl_file import open_jsonl
from billing_recon.feeds.mapping import Mapping, Source, map_columns
from billing_recon.feeds.parquet_file import open_parquet
from billing_recon.feeds.raw import REJECTS, RawFile, listed, quoted, single, text

TYPED = "landing_typed"
"""Rows of the day: file_no, ordinal, source_row, broken (the line, where it is no row), unreadable, and the spec's columns."""

REJECTED = "landing_rejected"
"""Lines that are no rows: file_no, source_row, reason, says, line."""

FAULTS = "landing_faults"
"""What is wrong with rows: file_no, ordinal, position (the first counts), field, reason, says."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that is in the session, and how to read it again."""

    number: int
    file: DayFile
    raw: RawFile
    mapping: Mapping
    rejected: int
    unreadable: int


def prepare(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """The session's tables for one landing, empty."""
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
) -> Loaded | None:
    """Append a file's rows to TYPED and the lines that are no rows to REJECTED; None when it has no data at all.

    Raises LandingRefused when the file as a whole cannot be read as what it claims to be.
    """
    if any(isinstance(entry, ColumnMap) and entry.sql for entry in feed.columns.values()) or feed.where:
        _create_macros(con)
    raw = _open(con, file, feed)
    if raw is None:
        return None
    mapping = map_columns(con, name=file.name, key=key, raw=raw, spec=spec, feed=feed, roles=roles)
    if file.format != "parquet":
        con.execute(f"DROP TABLE IF EXISTS {REJECTS}")
        con.execute(f"DROP TABLE IF EXISTS {REJECTS}_scan")
    try:
        con.execute(f"INSERT INTO {TYPED} {_typed(number, raw.rows_once, mapping, thorough=False)}")
    except duckdb.InvalidInputException as error:
        if "CSV" not in str(error):
            raise
        raise LandingRefused(
            f"{file.name}: the lines cannot be told apart; either line ends are mixed (CRLF and LF in one file) or "
            "quotes are not closed: ask for a resend with one kind of line end"
        ) from None
    loaded = Loaded(number, file, raw, mapping, rejected=0, unreadable=_look_again(con, number, raw, mapping))
    if file.format == "jsonl" and not file.ends_with_newline:
        _refuse_cut_off_json(con, number, file)
    if file.format == "parquet":
        return loaded
    return replace(loaded, rejected=_take_rejected(con, number, file, raw))


def _create_macros(con: duckdb.DuckDBPyConnection) -> None:
    for macro in exact.MACROS:
        con.execute(macro)


def _look_again(con: duckdb.DuckDBPyConnection, number: int, raw: RawFile, mapping: Mapping) -> int:
    """Read the rows that were not plain at first sight thoroughly; answers how many remain unreadable."""
    pending = f"SELECT file_no, ordinal FROM {TYPED} WHERE file_no = {number} AND unreadable"
    if not single(con, f"SELECT count(*) FROM ({pending})")[0]:
        return 0
    _create_macros(con)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_again AS SELECT * FROM ({_typed(number, raw.rows, mapping, thorough=True)}) "
        f"SEMI JOIN ({pending}) USING (file_no, ordinal)"
    )
    con.execute(f"DELETE FROM {TYPED} WHERE file_no = {number} AND unreadable")
    con.execute(f"INSERT INTO {TYPED} SELECT * FROM landing_again")
    return int(single(con, f"SELECT count(*) FROM ({pending})")[0])


def _open(con: duckdb.DuckDBPyConnection, file: DayFile, feed: Feed) -> RawFile | None:
    match file.format:
        case "csv":
            return open_csv(file, feed.delimiter)
        case "jsonl":
            return open_jsonl(con, file) if file.size else None
        case _:
            return open_parquet(con, file)


def _texts(rows: str, mapping: Mapping) -> str:
    """Each column's text as it is judged (`came_<column>`), before anything is typed."""
    parts = [f"{_came(source)} AS came_{source.column.name}" for source in mapping.sources]
    failed = [f"({source.failed})" for source in mapping.sources if source.failed]
    where = ""
    if mapping.kept is not None:
        kept = f"TRY(struct_pack(v := ({mapping.kept})))"
        failed.append(f"({kept} IS NULL)")
        where = f" WHERE landing_broken IS NOT NULL OR {kept} IS NULL OR {kept}.v IS TRUE"
    failure = " OR ".join(failed) or "false"
    return (
        f"SELECT landing_ordinal AS ordinal, landing_broken AS broken, ({failure}) AS failed, {', '.join(parts)} "
        f"FROM ({rows}){where}"
    )


def _came(source: Source) -> str:
    column = source.column
    if source.exact:
        default = None if column.default is None else f"CAST({text(column.default)} AS {column.sql_type})"
        return source.sql if default is None else f"coalesce({source.sql}, {default})"
    prepared = exact.prepared(source.sql, column.kind)
    return prepared if column.default is None else f"coalesce({prepared}, {text(column.default)})"


def _value(source: Source, *, thorough: bool) -> str:
    came = f"came_{source.column.name}"
    if source.exact:
        timed = source.column.kind in (Kind.DATE, Kind.TIMESTAMP)
        return f"CASE WHEN isfinite({came}) THEN {came} END" if timed else came
    return exact.typed(came, source.column.kind, thorough=thorough)


def _typed(number: int, rows: str, mapping: Mapping, *, thorough: bool) -> str:
    """A SELECT of TYPED's columns over a file's rows."""
    values = ", ".join(
        f"{_value(source, thorough=thorough)} AS {quoted(source.column.name)}" for source in mapping.sources
    )
    names = [source.column.name for source in mapping.sources]
    unread = " OR ".join(f"(came_{name} IS NOT NULL AND {quoted(name)} IS NULL)" for name in names)
    return (
        f"SELECT {number} AS file_no, ordinal, ordinal AS source_row, broken, "
        f"broken IS NOT NULL OR failed OR {unread} AS unreadable, {listed(names)} "
        f"FROM (SELECT *, {values} FROM ({_texts(rows, mapping)}))"
    )


_REJECTION = f"""
    CASE WHEN bool_or(error_type = 'INVALID ENCODING') THEN '{Reason.BAD_ENCODING}' ELSE '{Reason.BROKEN_ROW}' END,
    CASE WHEN bool_or(error_type = 'INVALID ENCODING')
         THEN 'has bytes that are no UTF-8 text; if the whole file is in another encoding, give it in the feed'
         WHEN bool_or(error_type = 'UNQUOTED VALUE') THEN 'has text after a closing quote'
         WHEN bool_or(error_type = 'MISSING COLUMNS') THEN 'has ' || min(column_idx) || ' of {{width}} fields'
         WHEN bool_or(error_type = 'TOO MANY COLUMNS')
         THEN 'has ' || max(column_idx) || ' fields where the header has {{width}}; a value with the delimiter in it '
              'must be in quotes'
         WHEN bool_or(error_type = 'LINE SIZE OVER MAXIMUM') THEN 'is longer than 2,000,000 bytes'
         ELSE 'is no row' END
"""


def _take_rejected(con: duckdb.DuckDBPyConnection, number: int, file: DayFile, raw: RawFile) -> int:
    """Move what DuckDB could not split into REJECTED, and number the other rows around them; answers how many.

    Raises LandingRefused where rows after a rejected one may be lost: an unclosed quote, or a cut-off last line.
    """
    rejects, misquoted, cut_off = single(
        con,
        f"SELECT (SELECT count(*) FROM {REJECTS}), "
        # A quote that swallows line ends, or two bad quotes in a line: DuckDB no longer knows where rows begin.
        f"(SELECT min(line) FROM (SELECT line FROM {REJECTS} WHERE error_type = 'UNQUOTED VALUE' GROUP BY line "
        "HAVING count(*) > 1 OR bool_or(contains(ltrim(csv_line, chr(10) || chr(13)), chr(10))))), "
        f"(SELECT max(line) FROM {REJECTS} WHERE error_type IN ('MISSING COLUMNS', 'UNQUOTED VALUE') "
        f"AND line_byte_position + strlen(csv_line) >= {file.size})",
    )
    if not rejects:
        return 0
    if misquoted is not None:
        raise LandingRefused(
            f"{file.name}: row {misquoted - raw.lines_before} opens a quote that is not closed, so the rows after it "
            "cannot be told apart; ask for a resend (a quote within a value is written twice)"
        )
    if cut_off is not None and not file.ends_with_newline:
        raise LandingRefused(
            f"{file.name}: row {cut_off - raw.lines_before}, the last, stops in the middle: the file was cut off "
            "and later rows may be missing; ask for a resend"
        )
    rejection = _REJECTION.format(width=len(raw.columns))
    con.execute(
        f"INSERT INTO {REJECTED} SELECT {number}, line - {raw.lines_before}, {rejection}, any_value(csv_line) "
        f"FROM {REJECTS} GROUP BY line"
    )
    # The n-th readable row is the n-th number that no rejected line has: before the i-th rejected line r there are r - i.
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


def read_again(loaded: Loaded) -> str:
    """SQL for the file's rows as they came: ordinal, payload (JSON of their columns), texts (JSON of ours), failed.

    Only for rows that are set aside; the accepted ones are never held as text.
    """
    theirs = ", ".join(
        f"{quoted(name)} := {quoted(name) if kind == 'VARCHAR' else f'CAST({quoted(name)} AS VARCHAR)'}"
        for name, kind in loaded.raw.columns.items()
    )
    with_payload = (
        f"SELECT *, CAST(to_json(struct_pack({theirs})) AS VARCHAR) AS landing_payload FROM ({loaded.raw.rows})"
    )
    ours = ", ".join(
        f"{quoted(source.column.name)} := CAST(came_{source.column.name} AS VARCHAR)"
        for source in loaded.mapping.sources
    )
    texts = _texts(with_payload, loaded.mapping).replace(
        "SELECT landing_ordinal AS ordinal,", "SELECT landing_payload AS payload, landing_ordinal AS ordinal,", 1
    )
    columns = ", ".join(f"came_{source.column.name}" for source in loaded.mapping.sources)
    return (
        f"SELECT {loaded.number} AS file_no, ordinal, coalesce(CAST(to_json(broken) AS VARCHAR), payload) AS payload, "
        f"CAST(to_json(struct_pack({ours})) AS VARCHAR) AS texts, failed, broken, {columns} FROM ({texts})"
    )


def unreadable_faults(loaded: Loaded, came: str) -> str:
    """SQL for what is wrong with a file's unreadable rows, over the relation `came` (read_again's columns)."""
    faults = [
        "CASE WHEN broken IS NOT NULL THEN struct_pack(position := -2, field := CAST(NULL AS VARCHAR), "
        f"reason := '{Reason.BROKEN_ROW}', says := 'is no JSON object with each key once') END",
        "CASE WHEN broken IS NULL AND failed THEN struct_pack(position := -1, field := CAST(NULL AS VARCHAR), "
        f"reason := '{Reason.UNPARSABLE}', says := 'has values on which the expressions of company.yaml fail') END",
    ]
    for position, source in enumerate(loaded.mapping.sources):
        came_text, kind = f"came_{source.column.name}", source.column.kind
        why = "'" + Reason.UNPARSABLE + "'" if source.exact else exact.reason(came_text, kind)
        faults.append(
            f"CASE WHEN {came_text} IS NOT NULL AND ({_value(source, thorough=True)}) IS NULL THEN struct_pack("
            f"position := {position}, field := '{source.column.name}', reason := {why}, says := '') END"
        )
    says = " ".join(f"WHEN '{s.column.name}' THEN {exact.says(s.column.kind)}" for s in loaded.mapping.sources)
    return (
        "SELECT file_no, ordinal, position, field, reason, "
        f"CASE WHEN says <> '' THEN says ELSE CASE field {says} END END FROM ("
        "SELECT file_no, ordinal, fault.position AS position, fault.field AS field, fault.reason AS reason, "
        f"fault.says AS says FROM (SELECT file_no, ordinal, unnest([{', '.join(faults)}]) AS fault FROM {came}) "
        "WHERE fault IS NOT NULL)"
    )
