"""Exceptions as tables and exports: age, owner, who looks at them, what was decided. Cells are text for a reader."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.core.schema import BREAKS
from billing_recon.report.figures import amount, delta, with_currency
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.exceptions import Exceptional

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


def decided(found: Exceptional) -> str:
    """What stands about a break, in few words."""
    made = found.resolution
    if found.gone:
        return f"gone; was {made.disposition}" if made else "gone"
    if made is None:
        return found.disposition.value
    by = f"{made.disposition} by {made.decided_by}"
    if found.lapsed:
        return f"OPEN; {by} was about {with_currency(made.delta, made.currency, signed=True)}"
    return f"{by}, once the day is run again" if found.waiting else by


def listed(found: Sequence[Exceptional]) -> Table:
    """Exceptions, one a line, the oldest first."""
    table = Table(
        [
            Col("break_id"),
            Col("day", spare=True),
            Col("age", right=True),
            Col("code"),
            Col("delta", right=True),
            Col("owner", spare=True),
            Col("with", spare=True),
            Col("stands", wrap=True),
        ]
    )
    for one in found:
        row = one.row
        table.add(
            row["break_id"],
            str(row["day"]),
            f"{one.age} d",
            row["code"] or "",
            with_currency(row["delta"], row["currency"], signed=True),
            row["owner"] or "",
            one.assignee,
            decided(one),
        )
    return table


def sums(found: Sequence[Exceptional]) -> Table:
    """How many there are by owner and currency, how old the oldest is, gross and net. Currencies are never added."""
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
    groups: dict[tuple[str, str], list[Exceptional]] = {}
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


def _record(one: Exceptional) -> dict[str, str]:
    made = one.resolution
    values = {name: _text(one.row.get(name), one.row["currency"]) for name in BREAKS.names}
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


def _text(value: object, currency: str | None) -> str:
    if isinstance(value, Decimal):
        return plain(value, currency)
    return "" if value is None else str(value)


def _csv(found: Sequence[Exceptional]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(one) for one in found)
    return out.getvalue()


def _json(found: Sequence[Exceptional]) -> str:
    return "".join(json.dumps(_record(one), ensure_ascii=False) + "\n" for one in found)


EXPORTS: dict[str, Callable[[Sequence[Exceptional]], str]] = {"csv": _csv, "json": _json}
"""By the name of the format."""
