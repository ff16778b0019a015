"""Quarantined rows: what may be decided about them, and their status. Landing applies decisions, control stores them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verb(StrEnum):
    """What a person decides about a row."""

    RELEASE = "release"
    """The row counts, as it was sent or with fields corrected, if its contract then accepts it."""
    DISCARD = "discard"
    """The row does not count. It stays in quarantine with the decision."""


class Status(StrEnum):
    """The status of a quarantined row. The quarantine tables keep it in the column `decision`, which is empty for OPEN."""

    OPEN = "open"
    """Nothing is decided, or the decision cannot be applied: somebody has to look at the row."""
    RELEASED = "released"
    """A decision released it: it is landed, or collapsed if the same row is landed already."""
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    """Decided, but its file no longer has the row as it was sent: the decision is kept and has no effect."""


class Fate(StrEnum):
    """The outcome of one decision in one landing."""

    LANDED = "landed"
    REPEATED = "repeated"
    """Released, but the same row is landed already: collapsed as a duplicate, so nothing counts twice."""
    REFUSED = "refused"
    """Released, but the row still (or again) has a fault: it stays open in quarantine."""
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    """The file no longer has the row that was decided about."""

    @property
    def took_effect(self) -> bool:
        """Whether the landing did what was decided."""
        return self in (Fate.LANDED, Fate.REPEATED, Fate.DISCARDED)


@dataclass(frozen=True, slots=True)
class RowDecision:
    """One decision about one row. `decided_by` is who is responsible for it, `actor` who entered it, `role` the roles that
    the policy gives that person.

    `row_id` names the row as it was sent (see compute.quarantine_rows), so a decision never applies to a row that was sent
    again with other content. `corrections` are (field, text) in the order of the names: our columns, and what to read
    instead. `came` is the quarantined row at that time as JSON, so the record can be read after the file has changed.
    """

    row_id: str
    table: str
    day: date
    verb: Verb
    reason: str
    decided_by: str
    corrections: tuple[tuple[str, str], ...] = ()
    role: str = ""
    actor: str = ""
    came: str = "{}"
    decided_at: str = ""

    def same_as(self, other: RowDecision | None) -> bool:
        """Whether both decide the same about the same row, regardless of who decided and when."""
        return other is not None and (self.row_id, self.verb, self.corrections) == (
            other.row_id,
            other.verb,
            other.corrections,
        )

    def __str__(self) -> str:
        changed = ", ".join(f"{field}={value}" for field, value in self.corrections)
        return f"{self.verb.value} by {self.decided_by}" + (f" with {changed}" if changed else "")


def standing(decisions: Iterable[RowDecision]) -> dict[str, RowDecision]:
    """The decision in force for each row id: the last one given.

    >>> from datetime import date
    >>> first = RowDecision("r1", "payments", date(2026, 3, 2), Verb.RELEASE, "typing error", "ana")
    >>> last = RowDecision("r1", "payments", date(2026, 3, 2), Verb.DISCARD, "sent again on the 3rd", "bo")
    >>> [d.verb.value for d in standing([first, last]).values()]
    ['discard']
    """
    return {decision.row_id: decision for decision in decisions}
