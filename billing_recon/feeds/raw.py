"""What every format is read into: rows of their columns in the order of the file. One module a format reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

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
    """

    columns: dict[str, str]
    rows: str
    rows_once: str
    lines_before: int
