"""Rows that come more than once: repeats are collapsed, contradictions set aside."""

from __future__ import annotations

import duckdb

from billing_recon.contracts.quarantine import Reason
from billing_recon.core.tables import USAGE_EVENTS, TableSpec
from billing_recon.feeds.loading import FAULTS, TYPED
from billing_recon.feeds.raw import listed, quoted, single

COLLAPSED = "landing_collapsed"
"""Rows that repeat one that is kept: file_no, ordinal."""

CANDIDATES = "landing_candidates"
"""TYPED without the rows that something is wrong with and the repeats."""

_POSITION = 2000


def content_of(spec: TableSpec) -> tuple[str, ...]:
    """The columns that make two rows of one key the same row.

    When an event was received is a matter of the delivery: sent again, it is received again and is still that event.
    """
    skipped = ("received_at",) if spec is USAGE_EVENTS else ()
    return tuple(name for name in spec.names if name not in spec.key + skipped)


def collapse(con: duckdb.DuckDBPyConnection, spec: TableSpec, known_usage: str | None) -> int:
    """Fill COLLAPSED with repeats, and add to FAULTS the rows that contradict another of the same key; how many of both.

    Against earlier days (`known_usage`: the columns of usage_events) first: what was landed stands, so a repeat of it
    collapses and a contradiction of it is set aside alone. Within the file nobody can say which of two is right, so all
    rows of the key are set aside; of exact repeats the first received, then the first in the file, is kept.
    """
    con.execute(f"CREATE OR REPLACE VIEW {CANDIDATES} AS {standing()}")
    found = _against_known(con, spec, known_usage) if known_usage else 0
    key = listed(spec.key)
    (twice,) = single(
        con,
        f"SELECT count(*) FROM (SELECT {key} FROM {TYPED} WHERE NOT unreadable GROUP BY {key} HAVING count(*) > 1)",
    )
    if twice:
        _within(con, spec)
    return found + int(twice)


def standing() -> str:
    """SQL for the rows that nothing is wrong with and that repeat no other."""
    return (
        f"SELECT * FROM {TYPED} t WHERE NOT unreadable AND NOT EXISTS "
        f"(SELECT 1 FROM {FAULTS} f WHERE f.file_no = t.file_no AND f.ordinal = t.ordinal) AND NOT EXISTS "
        f"(SELECT 1 FROM {COLLAPSED} c WHERE c.file_no = t.file_no AND c.ordinal = t.ordinal)"
    )


def _against_known(con: duckdb.DuckDBPyConnection, spec: TableSpec, known_usage: str) -> int:
    same_key = " AND ".join(f"k.{quoted(name)} = c.{quoted(name)}" for name in spec.key)
    same = " AND ".join(f"k.{quoted(name)} IS NOT DISTINCT FROM c.{quoted(name)}" for name in content_of(spec))
    (found,) = single(
        con,
        f"CREATE OR REPLACE TEMP TABLE landing_known AS SELECT c.file_no, c.ordinal, bool_or({same}) AS same "
        f"FROM {CANDIDATES} c JOIN {known_usage} k ON {same_key} GROUP BY c.file_no, c.ordinal",
    )
    if not found:
        return 0
    con.execute(f"INSERT INTO {COLLAPSED} SELECT file_no, ordinal FROM landing_known WHERE same")
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', "
        f"'{Reason.CONFLICTING_DUPLICATE}', 'was landed on an earlier day with other content, which stands; send a "
        f"correction with an {spec.key[-1]} of its own' FROM landing_known WHERE NOT same"
    )
    return int(found)


def _within(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    key = listed(spec.key)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE landing_twice AS SELECT {key} FROM {CANDIDATES} GROUP BY {key} HAVING count(*) > 1"
    )
    content = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in content_of(spec)) or "nothing := true"
    first = ", ".join((*(("received_at",) if spec is USAGE_EVENTS else ()), "file_no", "ordinal"))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE landing_groups AS "
        f"SELECT file_no, ordinal, count(DISTINCT content) OVER (PARTITION BY {key}) AS contents, "
        f"row_number() OVER (PARTITION BY {key} ORDER BY {first}) AS turn FROM ("
        f"SELECT file_no, ordinal, {key}{', received_at' if spec is USAGE_EVENTS else ''}, "
        f"struct_pack({content}) AS content FROM {CANDIDATES} SEMI JOIN landing_twice USING ({key}))"
    )
    con.execute(f"INSERT INTO {COLLAPSED} SELECT file_no, ordinal FROM landing_groups WHERE contents = 1 AND turn > 1")
    named = " and ".join(spec.key)
    con.execute(
        f"INSERT INTO {FAULTS} SELECT file_no, ordinal, {_POSITION}, '{spec.key[-1]}', '{Reason.DUPLICATE_KEY}', "
        f"'is given more than once in the day with different content ({named} must be unique); all of its rows are set "
        "aside, ask which one counts' FROM landing_groups WHERE contents > 1"
    )
