"""Breaks as exceptions for people to work on: which are open, how old they are, who is assigned, and how they were resolved.

A break is reported once, on the first day on which it can be known. It stays open and ages, over as many days as it takes,
until somebody resolves it. A resolution takes effect when the break's day is reconciled again. What may be decided, and
by whom, is in day.resolutions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.core.break_decision import BreakDecision, BreakVerb, assignees, investigated, resolutions
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import with_currency
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution
from billing_recon.core.schema import BREAKS
from billing_recon.day.home import Home

EARLIEST, LATEST = date(1, 1, 1), date(9999, 12, 31)


class State(StrEnum):
    """How far the work on an exception is."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    """Somebody looks into it, or it was found to be wrong and nothing corrects it yet."""
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One break in the exceptions list. `row` has the columns of core.schema.BREAKS; `age` is in days as of some day.

    `investigated` is the last word that somebody is looking into it, `comments` what was found out, in order, `due` the day
    by which the policy wants it resolved.

    `resolution` is the decision in force. It may be newer than the break's row (`waiting`: the day must be run again), or
    concern another figure than the break has now (`lapsed`). `gone`: the break no longer exists, and the row is as of the
    last decision.
    """

    row: dict[str, Any]
    age: int
    assignee: str = ""
    resolution: BreakDecision | None = None
    gone: bool = False
    investigated: BreakDecision | None = None
    comments: tuple[BreakDecision, ...] = ()
    due: date | None = None

    @property
    def state(self) -> State:
        """Resolved, unless the figure has changed since, or it was to be fixed at its source and is still there."""
        made = self.resolution
        if self.gone:
            return State.RESOLVED
        if made is not None and not self.reopened:
            finds_wrong = (
                made.resolution is None and made.disposition is not None and made.disposition.counts_against_gate
            )
            return State.INVESTIGATING if finds_wrong else State.RESOLVED
        if made is None and not self.disposition.counts_against_gate:
            return State.RESOLVED
        about = self.investigated
        return State.INVESTIGATING if about and (about.delta, about.currency) == self._figure else State.OPEN

    @property
    def reopened(self) -> str:
        """Why a decision no longer settles it; empty while it does."""
        made = self.resolution
        if made is None or self.gone:
            return ""
        if self.lapsed:
            return f"the figure was {with_currency(made.delta, made.currency, signed=True)} when it was decided"
        if made.resolution is Resolution.FIXED_AT_SOURCE and self._compared_since(made):
            return "it was to be fixed at its source, and reconciliation still finds it"
        return ""

    @property
    def overdue(self) -> int:
        """How many days it is past its deadline and not resolved; 0 while it is not."""
        late = 0 if self.due is None else (self.row["day"] + timedelta(days=self.age) - self.due).days
        return max(late, 0) if self.state is not State.RESOLVED else 0

    @property
    def size(self) -> Decimal:
        """The absolute difference; of a break without one (a wrong account) the largest amount concerned."""
        return size_of(self.row)

    @property
    def _figure(self) -> tuple[Decimal, str | None]:
        return self.row["delta"], self.row["currency"]

    def _compared_since(self, made: BreakDecision) -> bool:
        """Whether the break's row was computed after the decision, so that it takes it into account."""
        known = json.loads(self.row["evidence"] or "{}").get("decision") or {}
        return bool(known.get("decided_at") == made.decided_at)

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
        return made is not None and (made.delta, made.currency) != self._figure

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
    standing, who, looked = resolutions(decisions), assignees(decisions), investigated(decisions)
    said: dict[str, list[BreakDecision]] = {}
    for one in decisions:
        if one.verb is BreakVerb.COMMENT:
            said.setdefault(one.break_id, []).append(one)
    policies = {day: home.policy_on(day).policy.exceptions for day in {row["day"] for row in rows}}

    def exception(row: dict[str, Any], *, gone: bool = False) -> ExceptionRow:
        key = row["break_id"]
        return ExceptionRow(
            row,
            (as_of - row["day"]).days,
            who.get(key, ""),
            standing.get(key),
            gone,
            looked.get(key),
            tuple(said.get(key, ())),
            None if gone else policies[row["day"]].due(row["day"], size_of(row), row["currency"]),
        )

    here = [exception(row) for row in rows]
    known = {row["break_id"] for row in rows}
    last_of = {decision.break_id: decision for decision in decisions}
    gone = [exception(_came(one), gone=True) for key, one in last_of.items() if key not in known]
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


def size_of(row: dict[str, Any]) -> Decimal:
    """The money of a break: its absolute difference, or the largest amount concerned if it has none."""
    layers = ("expected", "billed", "rendered", "booked", "paid")
    amounts: list[Decimal] = [row["delta"]] if row["delta"] else [row[name] or Decimal(0) for name in layers]
    return max(map(abs, amounts))
