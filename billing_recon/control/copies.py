"""A control database as lines of JSON, and back: the same for SQLite and PostgreSQL, so that a copy moves between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from sqlalchemy import Connection, Date, Table, func, insert, select, text

from billing_recon.control.audit import canonical
from billing_recon.control.schema import metadata
from billing_recon.core.errors import ConfigurationError

_AT_ONCE = 1000


def rows(connection: Connection) -> Iterator[str]:
    """Every row of every table as one line, in an order that can be inserted again."""
    for table in metadata.sorted_tables:
        for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings():
            yield canonical({"table": table.name, "row": dict(row)})


def insert_rows(connection: Connection, lines: Iterable[str]) -> int:
    """Insert what `rows` gave into a database without rows; return how many. ConfigurationError if there are any."""
    for table in metadata.sorted_tables:
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise ConfigurationError(f"the control database has rows in {table.name}; restore into an empty one")
    count = 0
    waiting: list[dict[str, Any]] = []
    current: Table | None = None
    for line in lines:
        content = json.loads(line)
        table = metadata.tables[content["table"]]
        if current is not None and (table is not current or len(waiting) == _AT_ONCE):
            connection.execute(insert(current), waiting)
            waiting = []
        current = table
        waiting.append(_typed(table, content["row"]))
        count += 1
    if current is not None and waiting:
        connection.execute(insert(current), waiting)
    if connection.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            if "id" in table.c:
                connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                        f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name}), false)"
                    )
                )
    return count


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    days = {column.name for column in table.columns if isinstance(column.type, Date)}
    return {
        name: date.fromisoformat(value) if name in days and value is not None else value for name, value in row.items()
    }
