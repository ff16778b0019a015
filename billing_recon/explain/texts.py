"""What `explain` reads from a session and writes back: facts as rows, texts as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa


def rows_of(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """Every row by column name."""
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def decimals_of(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """At how many decimals the amounts of each currency settle."""
    return dict(con.execute("SELECT currency, decimals FROM currencies").fetchall())


def write_texts(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Create `table` with these text columns."""
    if not next(iter(columns.values())):
        con.execute(f"CREATE OR REPLACE TABLE {table} ({', '.join(f'{name} VARCHAR' for name in columns)})")
        return
    con.register("texts", _arrow(columns))
    con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(columns)} FROM texts")
    con.unregister("texts")


def append_texts(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Add rows with these text columns to `table`."""
    if next(iter(columns.values())):
        con.register("texts", _arrow(columns))
        con.execute(f"INSERT INTO {table} BY NAME SELECT {', '.join(columns)} FROM texts")
        con.unregister("texts")


def _arrow(columns: Mapping[str, Sequence[str]]) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
