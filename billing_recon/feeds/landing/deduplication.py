"""Rows that come more than once: repeats are collapsed, contradictions set aside."""

from __future__ import annotations

from datetime import date

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import USAGE_EVENTS, TableSpec
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED
from billing_recon.feeds.tables.raw_rows import listed, quoted, single

COLLAPSED = "landing_collapsed"
"""Rows that repeat one that is kept: file_no, ordinal; and which: kept_no and kept_row in this landing, or kept_on,
kept_file and kept_row of an earlier one."""

KEPT = ("landed_on", "source_file", "source_row")
"""Where a landed row lies; beside its columns in what `collapse` takes as known."""

CANDIDATES = "landing_candidates"
"""TYPED without the rows that something is wrong with and the repeats."""

SUSPECT = "landing_suspect"
"""Hashes of keys that may come more than once in the day: key_hash."""

_POSITION = 2000


def content_of(spec: TableSpec) -> tuple[str, ...]:
    """The columns that make two rows of one key the same row.

    When an event was received is a matter of the delivery: sent again, it is received again and is still that event.
    """
    skipped = ("received_at",) if spec is USAGE_EVENTS else ()
    return tuple(name for name in spec.names if name not in spec.key + skipped)


def no_repeats(con: duckdb.DuckDBPyConnection) -> None:
    """COLLAPSED, empty."""
    con.execute(
        f"CREATE OR REPLACE TABLE {COLLAPSED} (file_no INTEGER, ordinal BIGINT, kept_no INTEGER, kept_on DATE, "
        "kept_file VARCHAR, kept_row BIGINT)"
    )


def repeats(spec: TableSpec, day: date, file: str, kept_file: str) -> str:
    """SQL for the collapsed rows: the columns of `spec`, where each came from and which row is kept; `file` and `kept_file`
    are SQL for the names of the files `file_no` and `kept_no`."""
    names = ", ".join(f"t.{quoted(name)}" for name in spec.names)
    return (
        f"SELECT {listed(spec.names)}, {file} AS source_file, source_row, coalesce(kept_on, DATE '{day}') AS kept_on, "
        f"coalesce(kept_file, {kept_file}) AS kept_file, kept_row FROM (SELECT {names}, t.file_no AS file_no, "
        f"t.source_row AS source_row, c.kept_no AS kept_no, c.kept_on AS kept_on, c.kept_file AS kept_file, "
        f"c.kept_row AS kept_row FROM {TYPED} t JOIN {COLLAPSED} c USING (file_no, ordinal))"
    )


def collapse(con: duckdb.DuckDBPyConnection, spec: TableSpec, known_usage: str | None) -> int:
    """Fill COLLAPSED with repeats, and add to FAULTS the rows that contradict another of the same key; how many of both.

    Against earlier days (`known_usage`: the columns of usage_events and KEPT) first: what was landed stands, so a repeat of it
    collapses and a contradiction of it is set aside alone. Within the file nobody can say which of two is right, so all
    rows of the key are set aside; of exact repeats the first received, then the first in the file, is kept.
    """
    con.execute(f"CREATE OR REPLACE VIEW {CANDIDATES} AS {standing()}")
    found = _against_known(con, spec, known_usage) if known_usage else 0
    # Comparing hashes first: a day has many keys and hardly one twice, and a hash is smaller than a key.
    (twice,) = single(
        con,
        f"CREATE OR REPLACE TEMP TABLE {SUSPECT} AS SELECT {_hash(spec)} AS key_hash FROM {TYPED} WHERE NOT unreadable "
        "GROUP BY ALL HAVING count(*) > 1",
    )
    if twice:
        _within(con, spec)
    return found + int(twice)


def _hash(spec: TableSpec) -> str:
    return f"hash({listed(spec.key)})"


def standing() -> str:
    """SQL for the rows that nothing is wrong with and that repeat no other."""
    return (
        f"SELECT t.* FROM {TYPED} AS t ANTI JOIN (SELECT file_no, ordinal FROM {FAULTS} UNION ALL "
        f"SELECT file_no, ordinal FROM {COLLAPSED}) AS gone ON gone.file_no = t.file_no AND gone.ordinal = t.ordinal "
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
        f"INSERT INTO {COLLAPSED} SELECT file_no, ordinal, NULL, kept.on_day, kept.file, kept.place "
        "FROM landing_known WHERE same"
    )
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', "
        f"'{Reason.CONFLICTING_DUPLICATE}', 'was landed on an earlier day with other content, which stands; send a "
        f"correction with an {spec.key[-1]} of its own' FROM landing_known WHERE NOT same"
    )
    return int(found)


def _within(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    key = listed(spec.key)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_alike AS SELECT * FROM {CANDIDATES} "
        f"WHERE {_hash(spec)} IN (SELECT key_hash FROM {SUSPECT})"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_twice AS SELECT {key} FROM landing_alike GROUP BY {key} HAVING count(*) > 1"
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
        f"struct_pack({content}) AS content FROM landing_alike SEMI JOIN landing_twice USING ({key}))"
    )
    con.execute(
        f"INSERT INTO {COLLAPSED} SELECT file_no, ordinal, kept_no, NULL, NULL, kept_row FROM landing_groups "
        "WHERE contents = 1 AND turn > 1"
    )
    named = " and ".join(spec.key)
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', '{Reason.DUPLICATE_KEY}', "
        f"'is given more than once in the day with different content ({named} must be unique); all of its rows are set "
        "aside, ask which one counts' FROM landing_groups WHERE contents > 1"
    )
