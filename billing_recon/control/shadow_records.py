"""What people and runs recorded of shadow billing: snapshots, runs, causes, samples, approvals, decisions. Append-only, chained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from billing_recon.control import audit
from billing_recon.control.schema import shadow_records


class Recorded(StrEnum):
    """What a record is about; `name` and `version` identify it."""

    SNAPSHOT = "snapshot"
    """name: the snapshot's label; version: its digest."""
    RUN = "run"
    """name: the candidate; version: the digest of what was compared; content: the digest of the results."""
    CAUSE = "cause"
    """content: a cause, and what was said of it."""
    SAMPLE = "sample"
    """content: a line of the hand-checked sample, and what was found."""
    APPROVAL = "approval"
    """content: the part that is approved, and the evidence that it was given for."""
    DECISION = "decision"
    """content: go or no-go, with dates and rollback trigger."""
    CUTOVER = "cutover"
    """version: the evidence that the go was given for; content: the launch."""
    PARALLEL = "parallel"
    """`version` is a day, `content` what the candidate gave on it beside live billing."""


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """One record. `content` is JSON; `decided_by` is the person in whose name it stands."""

    kind: Recorded
    name: str
    version: str
    content: str
    decided_by: str
    reason: str
    actor: str
    decided_at: str


def append(connection: Connection, record: ShadowRecord) -> None:
    """Append a record, and its copy to the audit chain."""
    row = {column: str(getattr(record, column)) for column in ShadowRecord.__dataclass_fields__}
    audit.decide(connection, shadow_records, row)


def recorded(connection: Connection, kind: Recorded, name: str) -> list[ShadowRecord]:
    """The records of one kind and name, in the order in which they were made."""
    t = shadow_records
    rows = connection.execute(select(t).where(t.c.kind == kind.value, t.c.name == name).order_by(t.c.id)).mappings()
    columns = tuple(ShadowRecord.__dataclass_fields__)[1:]
    return [ShadowRecord(Recorded(row["kind"]), *(row[column] for column in columns)) for row in rows]
