"""The common form of every table format: rows of the file's own columns, in file order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason

REJECTS = "landing_rejects"
"""Temporary table that DuckDB fills with the lines it could not split into fields."""

ROW_NUMBER, ROW_CONTENT = "row_number", "row_content"
"""Columns that a mapping can name although no file has them: the position of a row in its file, and the SHA-256 of all that it says."""
_MADE: dict[str, str] = {ROW_NUMBER: "BIGINT", ROW_CONTENT: "VARCHAR"}


def single(con: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    """Return a statement's single row, read to the end: an unfinished result would block the connection."""
    (row,) = con.execute(statement).fetchall()
    return tuple(row)


def quoted(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """Return SQL identifiers separated by commas, all quoted, because `at` is a keyword."""
    return ", ".join(quoted(name) for name in names)


def text(value: str) -> str:
    """Return an SQL string."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as a relation: `landing_ordinal` (BIGINT, 1 is the first row that could be split), `landing_broken` (the
    line if it is not a row, else NULL), and the file's columns by name.

    `columns` maps the file's columns to SQL types (VARCHAR for text formats). `rows` is the SELECT; `rows_once` also
    stores rejected lines in REJECTS and is run once. `lines_before` counts the lines before the first row.

    `bundled`: the relation holds many files; `landing_file` is the number of a row's file and `landing_row` its row there.
    `broken` is the reason why a row is broken, and SQL over the column `broken` for the message. `binary` names
    columns of binary floats, which must not be money; `width` is the number of fields in a line of text; `dates` is the
    notation in which the reader writes days and times.
    """

    columns: dict[str, str]
    rows: str
    rows_once: str
    lines_before: int
    bundled: bool = False
    broken: tuple[Reason, str] = (Reason.BROKEN_ROW, "'is not a JSON object with distinct keys'")
    binary: frozenset[str] = frozenset()
    width: int = 0
    dates: tuple[str, ...] = ()

    @property
    def named(self) -> dict[str, str]:
        """The columns that a mapping can name: the file's, and those that are made unless the file has such a column."""
        folded = {name.casefold() for name in self.columns}
        return self.columns | {name: kind for name, kind in _MADE.items() if name not in folded}

    def with_made(self, source: str, names: Iterable[str]) -> str:
        """Return SQL for rows of the file (SQL `source`) with those of `names` that are made."""
        folded = {name.casefold() for name in names} & (set(_MADE) - {name.casefold() for name in self.columns})
        made = f", landing_ordinal AS {ROW_NUMBER}" if ROW_NUMBER in folded else ""
        if ROW_CONTENT in folded:
            said = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in self.columns)
            made += f", sha256(CAST([{said}] AS VARCHAR)) AS {ROW_CONTENT}"
        return f"SELECT *{made} FROM ({source})" if made else source

    def with_columns(self, names: Iterable[str]) -> RawFile:
        """Add these columns, empty if the file lacks them."""
        folded = {name.casefold() for name in self.columns}
        lacking = [name for name in names if name.casefold() not in folded]
        if not lacking:
            return self
        empty = "".join(f", CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in lacking)
        return replace(
            self,
            columns=self.columns | dict.fromkeys(lacking, "VARCHAR"),
            rows=f"SELECT *{empty} FROM ({self.rows})",
            rows_once=f"SELECT *{empty} FROM ({self.rows_once})",
        )

    def filled_down(self, names: Iterable[str]) -> RawFile:
        """Give blank cells of these columns the value of the row above."""
        columns = [name for name in self.columns if name in set(names)]
        if not columns:
            return self
        within = "PARTITION BY landing_file ORDER BY landing_ordinal" if self.bundled else "ORDER BY landing_ordinal"
        filled = ", ".join(
            f"last_value({_unless_blank(quoted(name), self.columns[name])} IGNORE NULLS) OVER ({within}) AS {quoted(name)}"
            for name in columns
        )
        select = f"SELECT * REPLACE ({filled}) FROM "
        return replace(self, rows=f"{select}({self.rows})", rows_once=f"{select}({self.rows_once})")

    def without(self, words: Iterable[str]) -> RawFile:
        """Take texts that stand for no value as none, in every column, so that expressions see none either."""
        listed_words = ", ".join(map(text, words))
        texts = [name for name, kind in self.columns.items() if kind == "VARCHAR"]
        if not listed_words or not texts:
            return self
        kept = ", ".join(
            f"CASE WHEN trim({quoted(name)}) NOT IN ({listed_words}) THEN {quoted(name)} END AS {quoted(name)}"
            for name in texts
        )
        select = f"SELECT * REPLACE ({kept}) FROM "
        return replace(self, rows=f"{select}({self.rows})", rows_once=f"{select}({self.rows_once})")


def _unless_blank(name: str, kind: str) -> str:
    return f"CASE WHEN trim({name}) <> '' THEN {name} END" if kind == "VARCHAR" else name
