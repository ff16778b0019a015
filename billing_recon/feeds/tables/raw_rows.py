"""What every format is read into: rows of their columns in the order of the file. One module a format reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason

REJECTS = "landing_rejects"
"""Temporary table that DuckDB fills with the lines it could not split into fields."""


def single(con: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    """The one row that a statement answers, read to its end: an unfinished result would block the connection."""
    (row,) = con.execute(statement).fetchall()
    return tuple(row)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """SQL identifiers separated by commas; our own column names are quoted too, since `at` is a keyword."""
    return ", ".join(quoted(name) for name in names)


def text(value: str) -> str:
    """An SQL string."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as a relation: `landing_ordinal` (BIGINT, 1 is the first row that could be split), `landing_broken` (the
    line as it came where it is no row, else empty), and their columns by their names.

    `columns` maps their names to SQL types: VARCHAR from text formats. `rows` is the SELECT; `rows_once` is the same
    with rejected lines stored in REJECTS, to be run once. `lines_before` are the lines before the first row.

    `bundled`: many files in one relation, which says of each row in `landing_file` which of the day's files it is from and
    in `landing_row` which row of it. `broken` says why a row is none, as reason and SQL over the column `broken`.
    `binary` names columns of binary figures, which must not be money; `width` is how many fields a line of text has.
    """

    columns: dict[str, str]
    rows: str
    rows_once: str
    lines_before: int
    bundled: bool = False
    broken: tuple[Reason, str] = (Reason.BROKEN_ROW, "'is no JSON object with each key once'")
    binary: frozenset[str] = frozenset()
    width: int = 0

    def having(self, names: Iterable[str]) -> RawFile:
        """The same with these columns too, empty where the file has them not."""
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
