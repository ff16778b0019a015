"""A digest per day of all that is registered about it, in two queries: equal digests, equal registrations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

from sqlalchemy import text

from billing_recon.control.database import reading
from billing_recon.control.store import ControlStore

_STATES = text(
    "SELECT CAST(day AS TEXT), table_name || ' | ' || rows || ' | ' || digest || ' | ' || CAST(complete AS TEXT) || ' | ' || run_id || ' | ' "
    "|| made_from || ' | ' || files FROM partition_states WHERE day >= :first ORDER BY 1, 2"
)
# Landings are only ever appended.
_LANDINGS = text(
    "SELECT CAST(day AS TEXT), table_name, max(id) FROM landing_reports WHERE day >= :first "
    "GROUP BY day, table_name ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A day's digest, and the tables that were landed on it, empty ones too."""

    digest: bytes
    landed: frozenset[str]


def partition_marks(store: ControlStore, first: date) -> dict[str, Mark]:
    """The marks of all days from `first` on that have any, by day (ISO text) in order."""
    asked = {"first": str(first)}
    with reading(store._engine) as connection:
        landings = connection.execute(_LANDINGS, asked).all()
        states = connection.execute(_STATES, asked).all()
    found = {day: "\n".join([row[1] for row in rows]) for day, rows in groupby(states, itemgetter(0))}
    landed = {day: {table: last for _, table, last in rows} for day, rows in groupby(landings, itemgetter(0))}
    return {
        day: Mark(
            hashlib.sha256(f"{landed.get(day)}{found.get(day)}".encode()).digest(), frozenset(landed.get(day, ()))
        )
        for day in sorted({*found, *landed})
    }
