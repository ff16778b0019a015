"""Breaks as exceptions for people to work on: which are open, how old they are, who is assigned, and how they were resolved.

A break is reported once, on the first day on which it can be known. It stays open and ages until somebody resolves it. A
resolution takes effect when the break's day is reconciled again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.core.break_decision import DECIDABLE, BreakDecision, BreakVerb, assignees, resolutions
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Disposition
from billing_recon.core.schema import BREAKS
from billing_recon.core.signoff import roles_of
from billing_recon.day.home import Home
from billing_recon.day.releases import withdraw_stale

EARLIEST, LATEST = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One break in the exceptions list. `row` has the columns of core.schema.BREAKS; `age` is in days as of some day.

    `resolution` is the decision in force. It may be newer than the break's row (`waiting`: the day must be run again), or
    concern another figure than the break has now (`lapsed`). `gone`: the break no longer exists, and the row is as of the
    last decision.
    """

    row: dict[str, Any]
    age: int
    assignee: str = ""
    resolution: BreakDecision | None = None
    gone: bool = False

    @property
    def day(self) -> date:
        day: date = self.row["day"]
        return day

    @property
    def disposition(self) -> Disposition:
        return Disposition(self.row["disposition"])

    @property
    def lapsed(self) -> bool:
        """Whether the decision was about a difference that has changed since."""
        made = self.resolution
        return made is not None and (made.delta, made.currency) != (self.row["delta"], self.row["currency"])

    @property
    def waiting(self) -> bool:
        """Whether a decision is in force that the break's row does not show yet."""
        made = self.resolution
        return made is not None and not self.gone and not self.lapsed and made.disposition != self.disposition

    @property
    def open(self) -> bool:
        """Whether it still counts against its day's gate: undecided, or decided to be wrong and not fixed yet."""
        decided = self.resolution.disposition if self.resolution and not self.lapsed else self.disposition
        return not self.gone and decided is not None and decided.counts_against_gate


def exceptions(home: Home, first: date, last: date, as_of: date) -> list[ExceptionRow]:
    """The breaks of some days with the decisions about them, oldest first, then largest first."""
    decisions = home.control.break_decisions(first, last)
    names = BREAKS.names
    with scratch() as con:
        found = con.execute(
            f"SELECT {', '.join(names)} FROM ({home.warehouse.scan(BREAKS, first, last)}) "
            "ORDER BY day, currency NULLS LAST, abs(delta) DESC, break_id"
        ).fetchall()
    rows = [dict(zip(names, row, strict=True)) for row in found]
    decisions = followed(decisions, rows)
    standing, who = resolutions(decisions), assignees(decisions)
    here = [
        ExceptionRow(row, (as_of - row["day"]).days, who.get(row["break_id"], ""), standing.get(row["break_id"]))
        for row in rows
    ]
    known = {row["break_id"] for row in rows}
    last_of = {decision.break_id: decision for decision in decisions}
    gone = [
        ExceptionRow(_came(one), (as_of - one.day).days, who.get(key, ""), standing.get(key), gone=True)
        for key, one in last_of.items()
        if key not in known
    ]
    return [*here, *sorted(gone, key=lambda e: (e.day, e.row["break_id"]))]


def followed(decisions: Sequence[BreakDecision], rows: Sequence[dict[str, Any]]) -> list[BreakDecision]:
    """The decisions, those about an id of an earlier version under the id that the same difference has now."""
    known = {row["break_id"] for row in rows}
    now = {}
    for row in rows:
        former = json.loads(row["evidence"] or "{}").get("former_id")
        if former:
            now[former, row["day"], row["delta"], row["currency"]] = row["break_id"]
    return [
        one
        if one.break_id in known
        else replace(one, break_id=now.get((one.break_id, one.day, one.delta, one.currency), one.break_id))
        for one in decisions
    ]


def _came(decision: BreakDecision) -> dict[str, Any]:
    """The break as of the last decision about it."""
    row: dict[str, Any] = dict.fromkeys(BREAKS.names) | json.loads(decision.came)
    row |= {"break_id": decision.break_id, "day": decision.day, "delta": decision.delta, "currency": decision.currency}
    return row | {"disposition": row["disposition"] or Disposition.OPEN.value}


def find(home: Home, *break_ids: str) -> list[ExceptionRow]:
    """Find breaks by their ids or the beginnings of ids; ConfigurationError lists every one that fits no break, or several."""
    everything = exceptions(home, EARLIEST, LATEST, EARLIEST + timedelta(days=1))
    problems: list[str] = []
    chosen: dict[str, ExceptionRow] = {}
    for asked in break_ids:
        these = [e for e in everything if asked and not e.gone and e.row["break_id"].startswith(asked)]
        exact = [e for e in these if e.row["break_id"] == asked] or these
        if len(exact) == 1:
            chosen[exact[0].row["break_id"]] = exact[0]
        elif exact:
            ids = ", ".join(e.row["break_id"] for e in exact)
            problems.append(f"'{asked}' matches several break ids ({ids}); give more characters")
        else:
            problems.append(f"no break '{asked}' in {home.path}; list them with: billing-recon exceptions list")
    if problems:
        raise ConfigurationError(problems)
    return list(chosen.values())


def assign(home: Home, break_ids: Sequence[str], to: str, *, by: str, reason: str, actor: str) -> list[BreakDecision]:
    """Assign breaks to somebody and return the new assignments. An empty `to` removes the assignment."""
    return home.control.decide_breaks(
        [
            replace(_about(e, home, by, reason, actor), verb=BreakVerb.ASSIGN, assignee=to)
            for e in find(home, *break_ids)
        ]
    )


def resolve(
    home: Home, break_ids: Sequence[str], disposition: Disposition, *, by: str, reason: str, actor: str
) -> list[BreakDecision]:
    """Resolve breaks and return the new decisions. Either all of them are made or none.

    A decision needs a name and a reason. If the policy names approvers, only an approver may take a break off the gate.
    ConfigurationError lists everything that is missing.
    """
    problems = []
    if disposition not in DECIDABLE:
        names = ", ".join(one.value for one in DECIDABLE)
        problems.append(f"{disposition.value} cannot be chosen by a person; choose one of {names}")
    if not by.strip():
        problems.append("a decision needs a name: --as NAME")
    if not reason.strip():
        problems.append("a decision needs a reason: --reason TEXT")
    approvers = home.policy.approvers
    if by.strip() and not disposition.counts_against_gate and approvers and not roles_of(by, approvers):
        known = ", ".join(f"{a.name} ({a.role})" for a in approvers)
        problems.append(
            f"{disposition.value} takes a break off the gate, which only an approver may do; policy names {known}"
        )
    if problems:
        raise ConfigurationError(problems)
    made = home.control.decide_breaks(
        [replace(_about(e, home, by, reason, actor), disposition=disposition) for e in find(home, *break_ids)]
    )
    for day in {decision.day for decision in made}:
        withdraw_stale(home, day, day)
    return made


def _about(found: ExceptionRow, home: Home, by: str, reason: str, actor: str) -> BreakDecision:
    row = found.row
    kept = {name: value for name, value in row.items() if value is not None and name not in ("evidence", "day")}
    return BreakDecision(
        break_id=row["break_id"],
        day=row["day"],
        verb=BreakVerb.RESOLVE,
        decided_by=by or actor,
        delta=row["delta"],
        currency=row["currency"],
        reason=reason,
        role=", ".join(role.value for role in roles_of(by, home.policy.approvers)),
        actor=actor,
        came=json.dumps({n: f"{v:f}" if isinstance(v, Decimal) else v for n, v in kept.items()}, ensure_ascii=False),
    )
