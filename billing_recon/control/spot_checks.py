"""Spot checks: who looked at which sampled line, and what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from billing_recon.control import audit
from billing_recon.control.schema import spot_checks


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """One look at one line. `billed` is what the line came to, `seen` what the person found it should be."""

    period: str
    invoice_id: str
    line_id: str
    currency: str
    billed: Decimal
    seen: Decimal
    note: str
    checked_by: str
    actor: str
    decided_at: str = ""

    @property
    def right(self) -> bool:
        """Whether the line is what it should be."""
        return self.seen == self.billed


def record(connection: Connection, check: SpotCheck) -> None:
    """Append a check."""
    row: Mapping[str, Any] = {
        name: f"{value:f}" if isinstance(value := getattr(check, name), Decimal) else value
        for name in SpotCheck.__dataclass_fields__
    }
    audit.decide(connection, spot_checks, row)


def checks(connection: Connection, period: str) -> list[SpotCheck]:
    """The checks of a month or day, and of a month's days, in the order in which they were made."""
    t = spot_checks
    rows = connection.execute(select(t).where(t.c.period.startswith(period, autoescape=True)).order_by(t.c.id))
    return [
        SpotCheck(
            r.period,
            r.invoice_id,
            r.line_id,
            r.currency,
            Decimal(r.billed),
            Decimal(r.seen),
            r.note,
            r.checked_by,
            r.actor,
            r.decided_at,
        )
        for r in rows
    ]
