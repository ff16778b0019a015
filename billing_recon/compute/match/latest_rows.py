"""The last word on a row that came more than once. Invoice lines, whose status counts, have their own rule in engine_output."""

from __future__ import annotations


def repeated(table: str, key: str) -> str:
    """CTEs ending in `again`: keys of `table` that came more than once.

    Landing sees to it that a key comes once in a day, so a repeat is in two days. Of the days that are read one is often far
    fuller than all others together (a month's invoices): its keys are held against those of the others, and only the
    others' among themselves. Hashes are compared first, since nearly no key repeats and texts are slow; what has a hash in
    common is then compared by its key.
    """
    others = f"SELECT hash({key}) AS h FROM {table} SEMI JOIN (SELECT day FROM days WHERE place > 1) AS d USING (day)"
    return f"""days AS (
    SELECT day, row_number() OVER (ORDER BY count(*) DESC, day) AS place FROM {table} GROUP BY day
),
suspects AS (
    SELECT hash({key}) AS h FROM {table} SEMI JOIN ({others}) AS o ON o.h = hash({key})
    SEMI JOIN (SELECT day FROM days WHERE place = 1) AS d USING (day)
    UNION ALL
    {others} GROUP BY h HAVING count(*) > 1
),
again AS (
    SELECT {key} FROM {table} SEMI JOIN suspects AS s ON s.h = hash({key}) GROUP BY {key} HAVING count(*) > 1
)"""


def last_word(table: str, key: str, columns: str) -> str:
    """CTEs ending in `current`: the rows of `table` with `columns`, each `key` once, as its latest file has it.

    `known_on` is the day on which the key was first observed, `changed_on` that of the row that holds. Keys that came once,
    nearly all, are only counted: which rows came again is told by their places, so that the key of all others is not read.
    """
    chosen = ", ".join(f"t.{name}" for name in columns.split(", "))
    return f"""{repeated(table, key)},
versions AS (
    SELECT t.day, t.source_file, t.source_row, min(t.observed_on) OVER same_key AS known_on, row_number() OVER (
            PARTITION BY {key} ORDER BY t.observed_on DESC, t.source_file DESC, t.source_row DESC, t.day DESC) = 1 AS holds
    FROM {table} AS t SEMI JOIN again USING ({key})
    WINDOW same_key AS (PARTITION BY {key})
),
current AS NOT MATERIALIZED (
    SELECT {chosen}, t.source_file, t.source_row, coalesce(v.known_on, t.observed_on) AS known_on, t.observed_on AS changed_on
    FROM {table} AS t
    LEFT JOIN versions AS v ON v.day = t.day AND v.source_file = t.source_file AND v.source_row = t.source_row
    WHERE coalesce(v.holds, true)
)"""
