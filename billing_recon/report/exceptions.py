"""Exceptions as tables and exports: age, owner, assignee, decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.core.schema import BREAKS
from billing_recon.day.exceptions import ExceptionRow, State
from billing_recon.report.exports import rows_csv, rows_json, text
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.product_gaps import Gap

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
    "state",
    "reopened",
    "due",
    "days_overdue",
    "resolution",
    "resolution_evidence",
    "customer_told",
    "comments",
)


def decided(found: ExceptionRow) -> str:
    """The status of a break, in a few words."""
    made = found.resolution
    if found.gone:
        return f"gone; was {_made(made)}" if made else "gone"
    looked = found.investigated
    if made is None:
        undecided = found.disposition.value
        return f"investigating, {looked.decided_by}" if looked and found.state is State.INVESTIGATING else undecided
    by = f"{_made(made)} by {made.decided_by}"
    if found.lapsed:
        return f"OPEN; {by} applied to {with_currency(made.delta, made.currency, signed=True)}"
    if found.reopened:
        return f"OPEN; {by}, but {found.reopened}"
    return f"{by}, in effect once the day is run again" if found.waiting else by


def _made(made: BreakDecision) -> str:
    """How it was resolved, and what it counts as."""
    return f"{made.resolution.value} ({made.disposition})" if made.resolution else str(made.disposition)


def _due(one: ExceptionRow) -> str:
    """The deadline, and how long ago it was."""
    if one.due is None or one.state is State.RESOLVED:
        return ""
    return f"{one.overdue} d late" if one.overdue else str(one.due)


def listed(found: Sequence[ExceptionRow]) -> Table:
    """Exceptions, one per line, the oldest first."""
    columns = (
        Col("break_id", lambda one: one.row["break_id"]),
        Col("day", lambda one: str(one.row["day"]), spare=True),
        Col("age", lambda one: f"{one.age} d", right=True),
        Col("due", _due, spare=True),
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
        "state": one.state.value,
        "reopened": one.reopened,
        "due": str(one.due or ""),
        "days_overdue": str(one.overdue or ""),
        "resolution": made.resolution.value if made and made.resolution else "",
        "resolution_evidence": made.evidence if made else "",
        "customer_told": made.told.value if made and made.told else "",
        "comments": " | ".join(f"{said.decided_by}: {said.reason}" for said in one.comments),
    }


def as_csv(found: Sequence[ExceptionRow]) -> str:
    """Every exception with the columns of its break and what was decided."""
    return rows_csv(map(_record, found), COLUMNS)


def as_json(found: Sequence[ExceptionRow]) -> str:
    """One object per line; all its values are strings."""
    return rows_json(map(_record, found), ensure_ascii=False)


EXPORTS: dict[str, Callable[[Sequence[ExceptionRow]], str]] = {"csv": as_csv, "json": as_json}


_AGES = ((3, "to 3 days"), (7, "4 to 7 days"), (30, "8 to 30 days"), (10**6, "over 30 days"))


def aging(found: Sequence[ExceptionRow]) -> Table:
    """Exceptions that are not resolved, by age and currency: how many, how many are late, and their size, gross."""
    table = Table(
        [
            Col("age"),
            Col("exceptions", right=True),
            Col("past their deadline", right=True),
            Col("currency"),
            Col("gross", right=True),
        ],
        title="By age",
    )
    groups: dict[tuple[int, str], list[ExceptionRow]] = {}
    for one in found:
        if one.state is not State.RESOLVED:
            place = next(n for n, (days, _) in enumerate(_AGES) if one.age <= days)
            groups.setdefault((place, one.row["currency"] or ""), []).append(one)
    for (place, currency), ones in sorted(groups.items()):
        gross = sum((one.size for one in ones), Decimal(0))
        late = sum(one.overdue > 0 for one in ones)
        table.add(_AGES[place][1], str(len(ones)), str(late), currency or "units", amount(gross, currency))
    return table


def history(found: ExceptionRow, decisions: Sequence[BreakDecision]) -> Table:
    """Everything that people decided, found out and wrote about a break, in order."""
    table = Table([Col("when"), Col("who"), Col("what"), Col("about", right=True), Col("text", wrap=True)])
    for made in decisions:
        what = {
            BreakVerb.ASSIGN: f"assigned to {made.assignee or 'nobody'}",
            BreakVerb.RESOLVE: _made(made),
            BreakVerb.INVESTIGATE: "investigating",
            BreakVerb.COMMENT: "comment",
        }[made.verb]
        told = f"; customer told: {made.told.value.replace('_', ' ')}" if made.told else ""
        said = f"{made.reason}{'; evidence ' + made.evidence if made.evidence else ''}{told}"
        figure = with_currency(made.delta, made.currency, signed=True)
        table.add(made.decided_at, f"{made.decided_by} ({made.role or 'no approver'})", what, figure, said)
    return table


def gaps(found: Sequence[Gap]) -> Table:
    """Causes that come back, the dearest first. Currencies are never added."""
    table = Table(
        [
            Col("code"),
            Col("pair"),
            Col("owner", spare=True),
            Col("months", wrap=True),
            Col("breaks", right=True),
            Col("accepted", right=True),
            Col("net", right=True),
            Col("gross", right=True),
        ]
    )
    for one in found:
        months = f"{len(one.months)}: {one.months[0]} to {one.months[-1]}"
        net, gross = with_currency(one.net, one.currency, signed=True), with_currency(one.gross, one.currency)
        table.add(one.code, one.pair, one.owner, months, str(one.breaks), str(one.accepted), net, gross)
    return table
