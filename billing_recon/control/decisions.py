"""What people decided about quarantined rows and about breaks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from billing_recon.control import audit, break_records
from billing_recon.control.base import StoreBase
from billing_recon.control.database import reading, writing
from billing_recon.control.landings import put_incomplete
from billing_recon.control.months import month_of, refuse_if_forged, state_of
from billing_recon.control.records import BREAKS_DECIDED, ROWS_DECIDED, MonthState
from billing_recon.control.schema import break_decisions, quarantine_decisions
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.quarantine import RowDecision, Verb, standing


class DecisionStore(StoreBase):
    """Decisions about rows and breaks, all of a call or none."""

    def decide_rows(self, decisions: Sequence[RowDecision]) -> list[RowDecision]:
        """Append decisions on quarantined rows, all or none; return the new ones with `decided_at`.

        A decision equal to the one in force is not new. Each touched quarantine partition counts as incomplete from
        here until it is landed again, so that no verdict stands on rows that were decided otherwise since.
        CloseRefused when a month is locked or closed.
        """
        made: list[RowDecision] = []
        with writing(self._engine) as connection:
            for decision in decisions:
                month = month_of(decision.day)
                state = state_of(connection, month)
                if state is not MonthState.OPEN:
                    raise CloseRefused(
                        [
                            f"row {decision.row_id} of {decision.table} {decision.day}: {month} is {state.value}; "
                            f"{reopen_command(month)} opens it again"
                        ]
                    )
                refuse_if_forged(connection, month)
                before = _decisions(connection, quarantine_decisions.c.row_id == decision.row_id)
                if decision.same_as(before[-1] if before else None):
                    continue
                row = _decision_row(decision) | {"decided_at": self._now()}
                audit.decide(connection, quarantine_decisions, row)
                made.append(_row_decision(row))
            for table, day in sorted({(f"quarantine_{d.table}", d.day) for d in made}):
                put_incomplete(connection, table, day, ROWS_DECIDED)
        return made

    def standing_decisions(self, table: str, day: date) -> list[RowDecision]:
        """The decisions in force on a partition's rows, one a row, in the order in which they were made."""
        t = quarantine_decisions
        with reading(self._engine) as connection:
            found = _decisions(connection, (t.c.day == day) & (t.c.table_name == table))
        return list(standing(found).values())

    def row_decisions(self, row_id: str) -> list[RowDecision]:
        """Every decision on rows with an id that begins with `row_id`, in order; "" means all rows."""
        with reading(self._engine) as connection:
            return _decisions(connection, quarantine_decisions.c.row_id.startswith(row_id, autoescape=True))

    def decide_breaks(self, decisions: Sequence[BreakDecision]) -> list[BreakDecision]:
        """Append decisions about breaks, all or none; return the new ones with `decided_at`.

        A decision equal to the last one of its kind is not new. A resolution makes the day's breaks incomplete until they
        are reconciled again, so that no verdict rests on breaks that were decided differently since. CloseRefused if a
        month is locked or closed; only the assignee may change even then.
        """
        with writing(self._engine) as connection:
            months = {month_of(decision.day) for decision in decisions}
            states = {month: state_of(connection, month) for month in months}
            for month in months:
                refuse_if_forged(connection, month)
            last = break_records.latest(connection, (decision.break_id for decision in decisions))
            new: list[dict[str, Any]] = []
            now = self._now()
            for decision in decisions:
                month = month_of(decision.day)
                state = states[month]
                if decision.verb is BreakVerb.RESOLVE and state is not MonthState.OPEN:
                    raise CloseRefused(
                        [
                            f"break {decision.break_id} of {decision.day}: {month} is {state.value}; "
                            f"{reopen_command(month)} opens it again"
                        ]
                    )
                if not decision.same_as(last.get((decision.break_id, decision.verb))):
                    last[decision.break_id, decision.verb] = decision
                    new.append(break_records.row_of(decision) | {"decided_at": now})
            audit.decide_all(connection, break_decisions, new)
            made = [break_records.decision_of(row) for row in new]
            for day in sorted({d.day for d in made if d.verb is BreakVerb.RESOLVE}):
                put_incomplete(connection, "breaks", day, BREAKS_DECIDED)
        return made

    def break_decisions(self, first: date, last: date) -> list[BreakDecision]:
        """Every decision about breaks from `first` to `last`, in the order in which they were made."""
        with reading(self._engine) as connection:
            return break_records.read(connection, break_decisions.c.day.between(first, last))

    def resolved_until(self, day: date) -> str:
        """Which decision about the breaks of a day is the last that takes effect on them; empty if there is none."""
        t = break_decisions
        last = select(func.max(t.c.id)).where(t.c.day == day, t.c.verb == BreakVerb.RESOLVE.value)
        with reading(self._engine) as connection:
            found = connection.execute(last).scalar()
        return f"decision {found}" if found else ""


def _decisions(connection: Connection, where: ColumnElement[bool]) -> list[RowDecision]:
    t = quarantine_decisions
    rows = connection.execute(select(t).where(where).order_by(t.c.id)).mappings()
    return [_row_decision(dict(row)) for row in rows]


def _decision_row(decision: RowDecision) -> dict[str, Any]:
    return {
        "row_id": decision.row_id,
        "table_name": decision.table,
        "day": decision.day,
        "verb": decision.verb.value,
        "corrections": audit.canonical(dict(decision.corrections)),
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "role": decision.role,
        "actor": decision.actor or decision.decided_by,
        "came": decision.came,
    }


def _row_decision(row: dict[str, Any]) -> RowDecision:
    return RowDecision(
        row_id=row["row_id"],
        table=row["table_name"],
        day=row["day"],
        verb=Verb(row["verb"]),
        reason=row["reason"],
        decided_by=row["decided_by"],
        corrections=tuple(json.loads(row["corrections"]).items()),
        role=row["role"],
        actor=row["actor"],
        came=row["came"],
        decided_at=row["decided_at"],
    )
