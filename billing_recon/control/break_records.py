"""Decisions about breaks, to and from rows of the control database. The store checks who may decide, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from billing_recon.control.schema import break_decisions
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told

_MANY = 500  # keys in one IN list


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
        "resolution": decision.resolution.value if decision.resolution else "",
        "evidence": decision.evidence,
        "told": decision.told.value if decision.told else "",
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
        resolution=Resolution(row["resolution"]) if row["resolution"] else None,
        evidence=row["evidence"],
        told=Told(row["told"]) if row["told"] else None,
        decided_at=row["decided_at"],
    )


def read(connection: Connection, where: ColumnElement[bool]) -> list[BreakDecision]:
    """Decisions in the order in which they were made."""
    t = break_decisions
    rows = connection.execute(select(t).where(where).order_by(t.c.id)).mappings()
    return [decision_of(dict(row)) for row in rows]


def latest(connection: Connection, break_ids: Iterable[str]) -> dict[tuple[str, BreakVerb], BreakDecision]:
    """The last decision of each kind about each of these breaks."""
    ids = sorted(set(break_ids))
    found: dict[tuple[str, BreakVerb], BreakDecision] = {}
    for start in range(0, len(ids), _MANY):
        these = break_decisions.c.break_id.in_(ids[start : start + _MANY])
        found |= {(one.break_id, one.verb): one for one in read(connection, these)}
    return found
