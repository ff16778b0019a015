"""The audit chain: a copy of every decision's row, each event hashed together with the one before it.

A changed, removed or inserted event breaks the chain from there on; a decision changed despite the triggers no longer
agrees with the chain. `verify` reports which.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, insert, select

from billing_recon.control.schema import DECISIONS, audit_events, baseline_values, baselines

GENESIS = "0" * 64


class AuditEvent(NamedTuple):
    """One link: `payload` is the JSON that was hashed, after `prev_hash` and a line feed."""

    seq: int
    payload: str
    prev_hash: str
    hash: str


def canonical(payload: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces, so that equal content gives equal bytes. Days are ISO text."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_text)


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form here; store it as text")


def link(prev_hash: str, payload: str) -> str:
    """The hash of an event: SHA-256 over the previous hash, a line feed, and the payload."""
    return hashlib.sha256(f"{prev_hash}\n{payload}".encode()).hexdigest()


def decide(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert a decision, append it to the chain and return its id. The caller's transaction holds the lock."""
    done = connection.execute(insert(table).values(**row)).inserted_primary_key
    assert done is not None
    identity = int(done[0])
    last = connection.execute(
        select(audit_events.c.seq, audit_events.c.hash).order_by(audit_events.c.seq.desc()).limit(1)
    ).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    payload = canonical({"seq": seq, "table": table.name, "row": {"id": identity, **row}})
    connection.execute(
        insert(audit_events).values(seq=seq, payload=payload, prev_hash=prev_hash, hash=link(prev_hash, payload))
    )
    return identity


def events(connection: Connection) -> list[AuditEvent]:
    """The chain, in order."""
    return [
        AuditEvent(row.seq, row.payload, row.prev_hash, row.hash)
        for row in connection.execute(select(audit_events).order_by(audit_events.c.seq))
    ]


def verify(connection: Connection) -> list[str]:
    """Every problem of the chain, and every decision that does not agree with it; empty if all is well."""
    problems: list[str] = []
    rows: dict[tuple[str, int], str] = {
        (table.name, row["id"]): canonical(dict(row))
        for table in DECISIONS
        for row in connection.execute(select(table)).mappings()
    }
    expected_seq, expected_prev = 1, GENESIS
    for event in connection.execute(select(audit_events).order_by(audit_events.c.seq)):
        if event.seq != expected_seq:
            problems.append(f"audit event {expected_seq} is missing: the chain continues at {event.seq}")
        elif event.prev_hash != expected_prev:
            problems.append(f"audit event {event.seq} does not follow from event {event.seq - 1}")
        if link(event.prev_hash, event.payload) != event.hash:
            problems.append(f"audit event {event.seq} was changed: its content does not match its hash")
        expected_seq, expected_prev = event.seq + 1, event.hash
        try:
            content = json.loads(event.payload)
            name, recorded = str(content["table"]), content["row"]
            key = (name, int(recorded["id"]))
        except (ValueError, KeyError, TypeError):
            problems.append(f"audit event {event.seq} is not an event of this chain: {event.payload[:80]!r}")
            continue
        stored = rows.pop(key, None)
        if stored is None:
            problems.append(f"{name} {key[1]} was decided in audit event {event.seq} but is missing from its table")
        elif stored != canonical(recorded):
            problems.append(f"{name} {key[1]} was changed after audit event {event.seq}")
    problems += [f"{name} {identity} has no audit event" for name, identity in sorted(rows)]
    return problems + _baselines(connection)


def values_digest(values: Sequence[Mapping[str, Any]]) -> str:
    """The digest of a baseline's figures, as recorded in the chain with its decision; their order matters."""
    fields = ("metric", "currency", "cohort", "variant", "day", "value")
    listed = [{field: value[field] for field in fields} for value in values]
    return hashlib.sha256(canonical({"values": listed}).encode()).hexdigest()


def _baselines(connection: Connection) -> list[str]:
    problems: list[str] = []
    for head in connection.execute(select(baselines).order_by(baselines.c.name, baselines.c.version)):
        t = baseline_values
        values = connection.execute(select(t).where(t.c.baseline_id == head.id).order_by(t.c.id)).mappings().all()
        if values_digest([dict(value) for value in values]) != head.digest:
            problems.append(
                f"baseline '{head.name}' version {head.version}: its figures were changed after it was captured"
            )
    return problems
