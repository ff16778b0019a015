"""The last word on a row that came more than once. Invoice lines, whose status counts, have their own rule in engine_output."""

from __future__ import annotations


def repeated(table: str, key: str) -> str:
    """The CTE `again`: keys of `table` that came more than once.

    Nearly none do, and grouping millions of texts to learn that costs more than comparing them: hashes are grouped, and only
    keys of a hash that came twice are looked at.
    """
    return f"""again AS (
    SELECT {key} FROM {table}
    WHERE hash({key}) IN (SELECT hash({key}) FROM {table} GROUP BY hash({key}) HAVING count(*) > 1)
    GROUP BY {key} HAVING count(*) > 1
)"""


def last_word(table: str, key: str, columns: str) -> str:
    """CTEs ending in `current`: the rows of `table` with `columns`, each `key` once, as its latest file has it.

    `known_on` is the day on which the key was first observed, `changed_on` that of the row that holds. Keys that came once,
    nearly all, are only counted.
    """
    keys = key.split(", ")
    chosen = ", ".join(f"t.{name}" for name in columns.split(", "))
    same = " AND ".join(f"l.{name} = t.{name}" for name in keys)
    return f"""{repeated(table, key)},
latest AS (
    SELECT {", ".join(f"t.{name}" for name in keys)}, min(t.observed_on) AS known_on,
        max(struct_pack(seen := t.observed_on, file := t.source_file, place := t.source_row)) AS last
    FROM {table} AS t SEMI JOIN again USING ({key})
    GROUP BY {", ".join(f"t.{name}" for name in keys)}
),
current AS NOT MATERIALIZED (
    SELECT {chosen}, t.source_file, t.source_row, coalesce(l.known_on, t.observed_on) AS known_on, t.observed_on AS changed_on
    FROM {table} AS t
    LEFT JOIN latest AS l ON {same}
    WHERE l.last IS NULL
        OR (l.last.seen = t.observed_on AND l.last.file = t.source_file AND l.last.place = t.source_row)
)"""
