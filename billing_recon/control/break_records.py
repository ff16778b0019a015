"""Decisions about breaks, to and from rows of the control database. The store checks who may decide, and when."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from billing_recon.control.schema import break_decisions
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.reason import Disposition


def row_of(decision: BreakDecision) -> dict[str, Any]:
    """The decision's columns, without `decided_at`."""
    return {
        "break_id": decision.break_id,
        "day": decision.day,
        "verb": decision.verb.value,
        "disposition": decision.disposition.value if decision.disposition else "",
        "assignee": decision.assignee,
        "delta": f"{decision.delta:f}",
        "currency": decision.currency,
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "role": decision.role,
        "actor": decision.actor or decision.decided_by,
        "came": decision.came,
    }


def decision_of(row: Mapping[str, Any]) -> BreakDecision:
    """The decision in a row."""
    return BreakDecision(
        break_id=row["break_id"],
        day=row["day"],
        verb=BreakVerb(row["verb"]),
        decided_by=row["decided_by"],
        delta=Decimal(row["delta"]),
        currency=row["currency"],
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        assignee=row["assignee"],
        reason=row["reason"],
        role=row["role"],
        actor=row["actor"],
        came=row["came"],
        decided_at=row["decided_at"],
    )


def read(connection: Connection, where: ColumnElement[bool]) -> list[BreakDecision]:
    """Decisions in the order in which they were made."""
    t = break_decisions
    rows = connection.execute(select(t).where(where).order_by(t.c.id)).mappings()
    return [decision_of(dict(row)) for row in rows]
