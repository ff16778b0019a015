"""A look at one home's control database that reads what every day asks about once, for questions about hundreds of days.

It answers as of when it was first asked; whoever writes asks the store itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from functools import cached_property

from sqlalchemy import select

from billing_recon.control.database import reading
from billing_recon.control.landings import partition_state
from billing_recon.control.records import Baseline, MonthState, PartitionState
from billing_recon.control.schema import partition_states
from billing_recon.control.store import ControlStore
from billing_recon.core.landing import LandingStatus


class ReadOnce(ControlStore):
    """The store's answers about partitions, landings, months and baselines, from memory."""

    def __init__(self, store: ControlStore) -> None:
        # The store that was given keeps the connections, and gives them back.
        self._engine, self._clock = store._engine, store._clock
        self._months: dict[str, MonthState] = {}

    @cached_property
    def _partitions(self) -> dict[str, tuple[list[date], list[PartitionState]]]:
        """Per table the days and states, in the order in which the database sorts tables."""
        found: dict[str, tuple[list[date], list[PartitionState]]] = {}
        t = partition_states
        with reading(self._engine) as connection:
            rows = connection.execute(select(t).order_by(t.c.table_name, t.c.day)).all()
        for state in map(partition_state, rows):
            days, states = found.setdefault(state.table, ([], []))
            days.append(state.day)
            states.append(state)
        return found

    @cached_property
    def _statuses(self) -> tuple[list[date], list[tuple[str, date, LandingStatus]]]:
        rows = super().landing_statuses(date.min, date.max)
        ordered = sorted(((table, day, status) for (table, day), status in rows.items()), key=lambda row: row[1])
        return [day for _, day, _ in ordered], ordered

    @cached_property
    def _baselines(self) -> list[Baseline]:
        return super().baselines()

    def partition_states(self, tables: Iterable[str], first: date, last: date) -> list[PartitionState]:
        wanted, found = set(tables), list[PartitionState]()
        for table, (days, states) in self._partitions.items():
            if table in wanted:
                found += states[bisect_left(days, first) : bisect_right(days, last)]
        return found

    def incomplete_partitions(self, tables: Iterable[str], first: date, last: date) -> list[PartitionState]:
        return [state for state in self.partition_states(tables, first, last) if not state.complete]

    def partition_digests(self, tables: Iterable[str], first: date, last: date) -> dict[str, str]:
        return {
            f"{s.table}/{s.day}": s.digest if s.complete else "incomplete"
            for s in self.partition_states(tables, first, last)
            if s.rows > 0 or not s.complete
        }

    def landing_statuses(self, first: date, last: date) -> dict[tuple[str, date], LandingStatus]:
        days, rows = self._statuses
        these = rows[bisect_left(days, first) : bisect_right(days, last)]
        return {(table, day): status for table, day, status in these}

    def month_state(self, month: str) -> MonthState:
        if month not in self._months:
            self._months[month] = super().month_state(month)
        return self._months[month]

    def baselines(self) -> list[Baseline]:
        return self._baselines
