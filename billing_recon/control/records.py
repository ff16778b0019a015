"""Records read from the control database, in core types. Their tables are in control.schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from billing_recon.core.gate import Condition, Unknown
from billing_recon.core.verdict import Verdict

ROWS_DECIDED, BREAKS_DECIDED, USAGE_BEFORE = "quarantine", "exceptions", "earlier usage"
WAITING: dict[str, Unknown] = {
    ROWS_DECIDED: Unknown.ROWS_DECIDED,
    BREAKS_DECIDED: Unknown.BREAKS_DECIDED,
    USAGE_BEFORE: Unknown.LANDED_TOO_EARLY,
}
"""What an incomplete partition waits for, by the word that stands in the place of its run."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The content of one partition of one table. Not `complete`: it must be written again before anything rests on it.

    `run_id` is the run that wrote it; of an incomplete one the run that began to, or the word of a decision (WAITING).
    `files` identifies the files that held it when it was written; empty: not recorded.
    `made_from` is the digest of what a computed partition was made from; empty: not recorded. `held` is the digest of the
    rows that it held when it was last written, complete or not; empty: none.
    """

    table: str
    day: date
    rows: int
    digest: str
    complete: bool
    run_id: str = field(default="", compare=False)
    made_from: str = field(default="", compare=False)
    held: str = field(default="", compare=False)
    files: str = field(default="", compare=False)

    @property
    def waits_for(self) -> Unknown:
        """Of an incomplete partition: what has to happen before it is complete."""
        return WAITING.get(self.run_id, Unknown.BEING_WRITTEN)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy as it was applied. `text` is the YAML, `digest` the SHA-256 of its bytes.

    `approved_by` are the people who proved with a code that they allow what it loosens; empty: nothing, or nobody was named.
    """

    number: int
    digest: str
    text: str
    actor: str = ""
    note: str = ""
    decided_at: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class CatalogVersion:
    """One recorded change of the catalog. `changes` is JSON: entry -> its terms, or null if it was removed."""

    number: int
    changes: str
    actor: str
    note: str
    decided_at: str


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """A gate's answer for one partition, bound to its evidence. `decided_at` is set by the store."""

    gate: str
    partition: str
    verdict: Verdict
    evidence_hash: str
    policy_version: int
    code_version: str
    conditions: tuple[Condition, ...]
    run_id: str
    decided_at: str = ""

    @property
    def held_back_by(self) -> tuple[Condition, ...]:
        """The conditions that keep the gate shut."""
        return tuple(c for c in self.conditions if c.blocking and c.verdict is not Verdict.PASS)


class BaselineValue(NamedTuple):
    """One metric of one day of a baseline. `value` None is NO DATA."""

    metric: str
    currency: str | None
    cohort: str
    variant: str
    day: date
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """A captured range of days under a name. `rows` is empty in listings."""

    name: str
    version: int
    first: date
    last: date
    actor: str
    decided_at: str
    rows: tuple[BaselineValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """That a partition was released, and on which evidence."""

    partition: str
    evidence_hash: str
    run_id: str
    decided_at: str


class MonthState(StrEnum):
    """How far a month's close has come."""

    OPEN = "Open"
    LOCKED = "Locked"
    """Data is frozen at one evidence hash while people sign."""
    CLOSED = "Closed"
