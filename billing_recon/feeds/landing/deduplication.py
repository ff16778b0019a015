"""Deduplicate rows: collapse identical ones, quarantine contradictory ones."""

from __future__ import annotations

from datetime import date

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import USAGE_EVENTS, TableSpec
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED
from billing_recon.feeds.tables.raw_rows import listed, quoted, single

DUPLICATES = "landing_duplicates"
"""Collapsed rows: file_no, ordinal; and the kept row: kept_no and kept_row of this landing, or kept_on, kept_file and
kept_row of an earlier one."""

KEPT = ("landed_on", "source_file", "source_row")
"""Location of a landed row: extra columns of `known_usage`."""

CANDIDATES = "landing_candidates"
"""TYPED without faulty rows and duplicates."""

SUSPECT = "landing_suspect_keys"
"""Hashes of keys that may occur more than once in the day: key_hash."""

SAME_HASH = "landing_same_hash"
"""The rows with a suspect key: columns of TYPED. No temporary table, since views of it are read by other cursors."""

_POSITION = 2000


def content_of(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns that two rows of one key must share to be the same row.

    `received_at` is not one of them: an event that is sent again is received again and is still the same event.
    """
    skipped = ("received_at",) if spec is USAGE_EVENTS else ()
    return tuple(name for name in spec.names if name not in spec.key + skipped)


def clear_duplicates(con: duckdb.DuckDBPyConnection) -> None:
    """Create DUPLICATES, empty."""
    con.execute(
        f"CREATE OR REPLACE TABLE {DUPLICATES} (file_no INTEGER, ordinal BIGINT, kept_no INTEGER, kept_on DATE, "
        "kept_file VARCHAR, kept_row BIGINT)"
    )


def rows_with_duplicates(con: duckdb.DuckDBPyConnection) -> str:
    """Return the smallest table of this landing that has all collapsed rows: a large file is not read again for a few of them."""
    found, known = single(con, f"SELECT count(*), count(kept_on) FROM {DUPLICATES}")
    return SAME_HASH if found and not known else TYPED


def duplicate_rows(spec: TableSpec, day: date, file: str, kept_file: str, rows: str = TYPED) -> str:
    """Return SQL for the collapsed rows: the columns of `spec`, their source, and the kept row.

    `file` and `kept_file` are SQL for the names of the files `file_no` and `kept_no`; `rows` names the table that has the rows.
    """
    names = ", ".join(f"t.{quoted(name)}" for name in spec.names)
    return (
        f"SELECT {listed(spec.names)}, {file} AS source_file, source_row, coalesce(kept_on, DATE '{day}') AS kept_on, "
        f"coalesce(kept_file, {kept_file}) AS kept_file, kept_row FROM (SELECT {names}, t.file_no AS file_no, "
        f"t.source_row AS source_row, c.kept_no AS kept_no, c.kept_on AS kept_on, c.kept_file AS kept_file, "
        f"c.kept_row AS kept_row FROM {rows} t JOIN {DUPLICATES} c USING (file_no, ordinal))"
    )


def deduplicate(con: duckdb.DuckDBPyConnection, spec: TableSpec, known_usage: str | None) -> int:
    """Fill DUPLICATES, add contradictory rows to FAULTS, and return the number of both.

    Earlier days (`known_usage`: the columns of usage_events and KEPT) come first: what landed is kept, so a row that repeats
    it is collapsed and a row that contradicts it is quarantined. Within the day no row takes precedence, so all
    contradictory rows of a key are quarantined; of identical rows the first received, then the first in the file, is kept.
    """
    con.execute(f"CREATE OR REPLACE VIEW {CANDIDATES} AS {accepted_rows()}")
    found = _against_known(con, spec, known_usage) if known_usage else 0
    # Compare hashes first: few keys of a day repeat, and a hash is smaller than a key.
    (twice,) = single(
        con,
        f"CREATE OR REPLACE TEMP TABLE {SUSPECT} AS SELECT {_hash(spec)} AS key_hash FROM {TYPED} WHERE NOT unreadable "
        "GROUP BY ALL HAVING count(*) > 1",
    )
    if twice:
        _within_day(con, spec)
    return found + int(twice)


def _hash(spec: TableSpec) -> str:
    return f"hash({listed(spec.key)})"


def accepted_rows() -> str:
    """Return SQL for the rows that are neither faulty nor duplicates."""
    return (
        f"SELECT t.* FROM {TYPED} AS t ANTI JOIN (SELECT file_no, ordinal FROM {FAULTS} UNION ALL "
        f"SELECT file_no, ordinal FROM {DUPLICATES}) AS excluded ON excluded.file_no = t.file_no AND excluded.ordinal = t.ordinal "
        "WHERE NOT t.unreadable"
    )


def _against_known(con: duckdb.DuckDBPyConnection, spec: TableSpec, known_usage: str) -> int:
    same_key = " AND ".join(f"k.{quoted(name)} = c.{quoted(name)}" for name in spec.key)
    same = " AND ".join(f"k.{quoted(name)} IS NOT DISTINCT FROM c.{quoted(name)}" for name in content_of(spec))
    (found,) = single(
        con,
        f"CREATE OR REPLACE TEMP TABLE landing_known AS SELECT c.file_no, c.ordinal, bool_or({same}) AS same, "
        f"min(struct_pack(on_day := k.landed_on, file := k.source_file, place := k.source_row)) FILTER (WHERE {same}) AS kept "
        f"FROM {CANDIDATES} c JOIN {known_usage} k ON {same_key} GROUP BY c.file_no, c.ordinal",
    )
    if not found:
        return 0
    con.execute(
        f"INSERT INTO {DUPLICATES} SELECT file_no, ordinal, NULL, kept.on_day, kept.file, kept.place "
        "FROM landing_known WHERE same"
    )
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', "
        f"'{Reason.CONFLICTING_DUPLICATE}', 'landed on an earlier day with different content, which is kept; send a "
        f"correction with a new {spec.key[-1]}' FROM landing_known WHERE NOT same"
    )
    return int(found)


def _within_day(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    key = listed(spec.key)
    con.execute(
        f"CREATE OR REPLACE TABLE {SAME_HASH} AS SELECT * FROM {CANDIDATES} "
        f"WHERE {_hash(spec)} IN (SELECT key_hash FROM {SUSPECT})"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_repeated_keys AS SELECT {key} FROM {SAME_HASH} GROUP BY {key} HAVING count(*) > 1"
    )
    content = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in content_of(spec)) or "nothing := true"
    first = ", ".join((*(("received_at",) if spec is USAGE_EVENTS else ()), "file_no", "ordinal"))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE landing_groups AS "
        f"SELECT file_no, ordinal, count(DISTINCT content) OVER (PARTITION BY {key}) AS contents, "
        f"row_number() OVER (PARTITION BY {key} ORDER BY {first}) AS turn, "
        f"first_value(file_no) OVER (PARTITION BY {key} ORDER BY {first}) AS kept_no, "
        f"first_value(source_row) OVER (PARTITION BY {key} ORDER BY {first}) AS kept_row FROM ("
        f"SELECT file_no, ordinal, source_row, {key}{', received_at' if spec is USAGE_EVENTS else ''}, "
        f"struct_pack({content}) AS content FROM {SAME_HASH} SEMI JOIN landing_repeated_keys USING ({key}))"
    )
    con.execute(
        f"INSERT INTO {DUPLICATES} SELECT file_no, ordinal, kept_no, NULL, NULL, kept_row FROM landing_groups "
        "WHERE contents = 1 AND turn > 1"
    )
    named = " and ".join(spec.key)
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', '{Reason.DUPLICATE_KEY}', "
        f"'occurs more than once in the day with different content ({named} must be unique); all of its rows are "
        "quarantined, ask which one counts' FROM landing_groups WHERE contents > 1"
    )
