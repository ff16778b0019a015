"""A row set aside: what may be decided about it, and where it then stands. Landing applies decisions, control keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verb(StrEnum):
    """What a person decides about a row."""

    RELEASE = "release"
    """The row counts, as it came or with fields corrected, provided that its contract then accepts it."""
    DISCARD = "discard"
    """The row does not count. It stays in the quarantine beside the decision."""


class Status(StrEnum):
    """Where a row stands. What the quarantine tables keep in their column `decision`; there OPEN is empty."""

    OPEN = "open"
    """Nothing was decided, or what was decided cannot be done: somebody has to look at it."""
    RELEASED = "released"
    """A decision took it out of quarantine: it is landed, or collapsed where the same row is landed already."""
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    """Decided, but its file no longer has the row as it came: the decision stands in the record and does nothing."""


class Fate(StrEnum):
    """What became of one decision in one landing."""

    LANDED = "landed"
    REPEATED = "repeated"
    """Released, and the same row is landed already: collapsed as a duplicate, so that nothing counts twice."""
    REFUSED = "refused"
    """Released, but something is wrong with it still (or again): it stays in quarantine, open."""
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    """No row of the file is the row that was decided about."""

    @property
    def took_effect(self) -> bool:
        """Whether the landing did what the decision says."""
        return self in (Fate.LANDED, Fate.REPEATED, Fate.DISCARDED)


@dataclass(frozen=True, slots=True)
class RowDecision:
    """One decision on one row. `decided_by` is who stands for it, `actor` who typed it, `role` what policy names that
    person for (empty: nothing).

    `row_id` names the row as it came (see compute.set_aside), so a decision never reaches a row that was sent anew with
    other content. `corrections` are (field, text) in the order of the names: our columns, and what to read instead.
    `came` is the quarantine's row at that time as JSON, so that the record can be read when the file has changed.
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
        """Whether both decide the same about the same row, whoever did and when."""
        return other is not None and (self.row_id, self.verb, self.corrections) == (
            other.row_id,
            other.verb,
            other.corrections,
        )

    def __str__(self) -> str:
        changed = ", ".join(f"{field}={value}" for field, value in self.corrections)
        return f"{self.verb.value} by {self.decided_by}" + (f" with {changed}" if changed else "")


def standing(decisions: Iterable[RowDecision]) -> dict[str, RowDecision]:
    """The decision in force for each row id: the last of those given in the order in which they were made.

    >>> from datetime import date
    >>> first = RowDecision("r1", "payments", date(2026, 3, 2), Verb.RELEASE, "typing error", "ana")
    >>> last = RowDecision("r1", "payments", date(2026, 3, 2), Verb.DISCARD, "sent again on the 3rd", "bo")
    >>> [d.verb.value for d in standing([first, last]).values()]
    ['discard']
    """
    return {decision.row_id: decision for decision in decisions}
