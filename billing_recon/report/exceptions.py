"""Exceptions as tables and exports: age, owner, assignee, decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.core.schema import BREAKS
from billing_recon.report.exports import rows_csv, rows_json, text
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.exceptions import ExceptionRow

COLUMNS = (
    *BREAKS.names,
    "age_days",
    "assignee",
    "decided",
    "decided_by",
    "decided_at",
    "decision_reason",
    "decision_holds",
    "gone",
)


def decided(found: ExceptionRow) -> str:
    """The status of a break, in a few words."""
    made = found.resolution
    if found.gone:
        return f"gone; was {made.disposition}" if made else "gone"
    if made is None:
        return found.disposition.value
    by = f"{made.disposition} by {made.decided_by}"
    if found.lapsed:
        return f"OPEN; {by} applied to {with_currency(made.delta, made.currency, signed=True)}"
    return f"{by}, in effect once the day is run again" if found.waiting else by


def listed(found: Sequence[ExceptionRow]) -> Table:
    """Exceptions, one per line, the oldest first."""
    columns = (
        Col("break_id", lambda one: one.row["break_id"]),
        Col("day", lambda one: str(one.row["day"]), spare=True),
        Col("age", lambda one: f"{one.age} d", right=True),
        Col("code", lambda one: one.row["code"] or ""),
        Col("delta", lambda one: with_currency(one.row["delta"], one.row["currency"], signed=True), right=True),
        Col("owner", lambda one: one.row["owner"] or "", spare=True),
        Col("assignee", lambda one: one.assignee, spare=True),
        Col("status", decided, wrap=True),
    )
    return table_of(found, columns)


def sums(found: Sequence[ExceptionRow]) -> Table:
    """Exceptions by owner and currency: how many, the oldest, net and gross. Currencies are never added."""
    table = Table(
        [
            Col("owner"),
            Col("exceptions", right=True),
            Col("oldest", right=True),
            Col("currency"),
            Col("net", right=True),
            Col("gross", right=True),
        ],
        title="By owner",
    )
    groups: dict[tuple[str, str], list[ExceptionRow]] = {}
    for one in found:
        groups.setdefault((one.row["owner"] or "", one.row["currency"] or ""), []).append(one)
    for (owner, currency), ones in sorted(groups.items()):
        net = sum((o.row["delta"] for o in ones), Decimal(0))
        gross = sum((abs(o.row["delta"]) for o in ones), Decimal(0))
        table.add(
            owner,
            f"{len(ones):,}",
            f"{max(o.age for o in ones)} d",
            currency or "units",
            delta(net, currency or None),
            amount(gross, currency or None),
        )
    return table


def _record(one: ExceptionRow) -> dict[str, str]:
    made = one.resolution
    values = {name: text(one.row.get(name), one.row["currency"]) or "" for name in BREAKS.names}
    return values | {
        "age_days": str(one.age),
        "assignee": one.assignee,
        "decided": str(made.disposition) if made else "",
        "decided_by": made.decided_by if made else "",
        "decided_at": made.decided_at if made else "",
        "decision_reason": made.reason if made else "",
        "decision_holds": "" if made is None else "no" if one.lapsed else "yes",
        "gone": "yes" if one.gone else "no",
    }


def as_csv(found: Sequence[ExceptionRow]) -> str:
    """Every exception with the columns of its break and what was decided."""
    return rows_csv(map(_record, found), COLUMNS)


def as_json(found: Sequence[ExceptionRow]) -> str:
    """One object per line; all its values are strings."""
    return rows_json(map(_record, found), ensure_ascii=False)


EXPORTS: dict[str, Callable[[Sequence[ExceptionRow]], str]] = {"csv": as_csv, "json": as_json}
