"""What people decide about a break: who is assigned, and how it is resolved. Control stores it, reconciliation applies it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told


class BreakVerb(StrEnum):
    """The kind of a decision."""

    ASSIGN = "assign"
    """Somebody is to look at it; nothing is resolved."""
    RESOLVE = "resolve"
    """Its disposition is decided; OPEN withdraws an earlier decision."""
    INVESTIGATE = "investigate"
    """Somebody is looking into it; nothing is resolved."""
    COMMENT = "comment"
    """Something that was found out; nothing is resolved."""


DECIDABLE: tuple[Disposition, ...] = (
    Disposition.TIMING,
    Disposition.EXPECTED_CHANGE,
    Disposition.DEFECT,
    Disposition.DATA_ERROR,
    Disposition.OPEN,
)
"""What a person may decide by disposition. ACCEPTED_TOLERANCE follows only from the resolution of that kind, up to its bound."""


@dataclass(frozen=True, slots=True)
class BreakDecision:
    """One decision about one break. `decided_by` is who is responsible for it, `actor` who entered it.

    A resolution holds for the difference that it was made about (`delta` in `currency`, or in units without one): if the
    figure changes, the break is open again. `came` is the break at that time as JSON, so the record can be read after the
    break is gone. `resolution` is how it is resolved, `evidence` what proves that (CN-17, a ticket), `told` whether the
    customer knows. `reason` is the comment of a comment.
    """

    break_id: str
    day: date
    verb: BreakVerb
    decided_by: str
    delta: Decimal
    currency: str | None = None
    disposition: Disposition | None = None
    assignee: str = ""
    reason: str = ""
    role: str = ""
    actor: str = ""
    came: str = "{}"
    decided_at: str = ""
    resolution: Resolution | None = None
    evidence: str = ""
    told: Told | None = None

    def same_as(self, other: BreakDecision | None) -> bool:
        """Whether both decide the same about the same difference, regardless of who decided and when."""
        return other is not None and (self._what == other._what)

    @property
    def _what(self) -> tuple[object, ...]:
        about = (self.break_id, self.verb, self.delta, self.currency)
        return (*about, self.disposition, self.assignee, self.reason, self.resolution, self.evidence, self.told)


def resolutions(decisions: Iterable[BreakDecision]) -> dict[str, BreakDecision]:
    """The resolution in force for each break id: the last one given, unless it withdraws the decision.

    >>> made = [
    ...     BreakDecision("B1", date(2026, 3, 2), BreakVerb.RESOLVE, "ana", Decimal(5), "EUR", Disposition.TIMING),
    ...     BreakDecision("B2", date(2026, 3, 2), BreakVerb.RESOLVE, "ana", Decimal(5), "EUR", Disposition.DEFECT),
    ...     BreakDecision("B1", date(2026, 3, 2), BreakVerb.RESOLVE, "bo", Decimal(5), "EUR", Disposition.OPEN),
    ... ]
    >>> sorted(resolutions(made))
    ['B2']
    """
    last = {decision.break_id: decision for decision in decisions if decision.verb is BreakVerb.RESOLVE}
    return {key: one for key, one in last.items() if one.disposition not in (None, Disposition.OPEN)}


def assignees(decisions: Iterable[BreakDecision]) -> dict[str, str]:
    """Who is assigned to each break, by the last assignment."""
    return {one.break_id: one.assignee for one in decisions if one.verb is BreakVerb.ASSIGN and one.assignee}


def investigated(decisions: Iterable[BreakDecision]) -> dict[str, BreakDecision]:
    """The last word on each break that somebody is looking into it, unless a decision was revoked since."""
    found: dict[str, BreakDecision] = {}
    for one in decisions:
        if one.verb is BreakVerb.INVESTIGATE:
            found[one.break_id] = one
        elif one.verb is BreakVerb.RESOLVE and one.disposition is Disposition.OPEN:
            found.pop(one.break_id, None)
    return found
