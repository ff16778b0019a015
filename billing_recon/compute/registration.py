"""Tables of a session, made from their specs in core.schema and rows. What the rows mean is for whoever gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from billing_recon.compute.statements import parsed
from billing_recon.core.schema import Column, Kind, TableSpec

if TYPE_CHECKING:
    import pyarrow as pa

_READ: dict[Kind, Callable[[Any], Any]] = {
    **dict.fromkeys((Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE, Kind.RAW), Decimal),
    **dict.fromkeys((Kind.INTEGER, Kind.SMALL), int),
    Kind.DATE: lambda given: date.fromisoformat(given) if isinstance(given, str) else given,
    Kind.TIMESTAMP: lambda given: (datetime.fromisoformat(given) if isinstance(given, str) else given).astimezone(UTC),
    Kind.NAMES: lambda given: [str(name) for name in given],
}
"""How a value is read, where Arrow would not take text, or would take an instant's zone as it pleases."""

_GIVEN = "rows_given"


@cache
def arrow_types() -> dict[Kind, pa.DataType]:
    """The counterpart of core.schema.SQL_TYPE; decimals keep the same scale. Arrow is loaded here, so that who only reads does not wait for it."""
    import pyarrow as pa

    return {
        Kind.TEXT: pa.string(),
        Kind.QUANTITY: pa.decimal128(28, 10),
        Kind.PRICE: pa.decimal128(24, 12),
        Kind.AMOUNT: pa.decimal128(38, 12),
        Kind.RATE: pa.decimal128(12, 8),
        Kind.DATE: pa.date32(),
        Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
        Kind.INTEGER: pa.int64(),
        Kind.JSON: pa.string(),
        Kind.CURRENCY: pa.string(),
        Kind.TIMEZONE: pa.string(),
        Kind.RAW: pa.decimal128(38, 22),
        Kind.SMALL: pa.int32(),
        Kind.FLAG: pa.bool_(),
        Kind.NAMES: pa.list_(pa.string()),
    }


def register(
    con: duckdb.DuckDBPyConnection,
    table: TableSpec,
    rows: Iterable[Sequence[Any] | Mapping[str, Any]] = (),
    name: str | None = None,
) -> None:
    """Create `table` in the session, as `name` if given, with the columns that a session sees; replace an earlier one.

    A row is a sequence in the order of the columns, or a mapping by their names in which a column left out is empty. Values
    may be text, which is read exactly. ValueError: a float, a figure with too many decimals, an unknown column, or a
    sequence of another length.
    """
    columns, called = table.registered, name or table.name
    names = [c.name for c in columns]
    values = [_values(table, names, row) for row in rows]
    if not values:
        typed = ", ".join(f'"{c.name}" {c.sql_type}' for c in columns)
        con.execute(parsed(con, f"CREATE OR REPLACE TABLE {called} ({typed})"))
        return
    import pyarrow as pa

    arrays = [_array(c, [row[n] for row in values]) for n, c in enumerate(columns)]
    con.register(_GIVEN, pa.Table.from_arrays(arrays, names=names))
    con.execute(f"CREATE OR REPLACE TABLE {called} AS FROM {_GIVEN}")
    con.unregister(_GIVEN)


def _values(table: TableSpec, names: Sequence[str], row: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any]:
    if isinstance(row, Mapping):
        found = [row.get(name) for name in names]
        if sum(name in row for name in names) < len(row):
            unknown = sorted(set(row) - set(names))
            raise ValueError(f"{table.name} has no column {', '.join(unknown)}; it has {', '.join(names)}")
        return found
    if len(row) != len(names):
        raise ValueError(f"{table.name} takes {len(names)} values ({', '.join(names)}), not {len(row)}")
    return row


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if any(isinstance(value, float) for value in values):
        raise ValueError(f"{column.name} is given as a float; give a Decimal, an integer or text")
    import pyarrow as pa

    read = _READ.get(column.kind)
    if read:
        values = [None if value is None else read(value) for value in values]
    return pa.array(values, type=arrow_types()[column.kind])
