"""What a month's books said when it was closed: a copy of the figures for each close, so that a restatement can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, true

from billing_recon.control import audit
from billing_recon.control.schema import month_closes


@dataclass(frozen=True, slots=True)
class MonthClose:
    """One close of a month. `round` counts its reopenings before; `figures` is JSON (day.month_figures)."""

    month: str
    round: int
    evidence_hash: str
    figures: str
    actor: str
    decided_at: str


def record(connection: Connection, row: Mapping[str, Any]) -> None:
    """Append a close with its figures."""
    audit.decide(connection, month_closes, row)


def closes(connection: Connection, month: str) -> list[MonthClose]:
    """Every close of a month, or of all if it is empty, the first first."""
    t = month_closes
    rows = connection.execute(select(t).where((t.c.month == month) if month else true()).order_by(t.c.id))
    return [MonthClose(r.month, r.round, r.evidence_hash, r.figures, r.actor, r.decided_at) for r in rows]
