"""What every part of the control store stands on: the database, the injected clock, and the newest row of a key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, select

MANY = 500
"""Keys in one IN list: SQLite's default limit of bound variables is 999 in old builds."""


class StoreBase:
    """One home's control database and the clock that stamps decisions."""

    _engine: Engine
    _clock: Callable[[], datetime]

    def now(self) -> str:
        """The clock, as decisions are stamped with it."""
        return self._now()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")


def latest_row(connection: Connection, table: Table, **key: str) -> Row[Any] | None:
    """The newest row with these values; None if there is none."""
    where = [table.c[name] == value for name, value in key.items()]
    return connection.execute(select(table).where(*where).order_by(table.c.id.desc()).limit(1)).first()
