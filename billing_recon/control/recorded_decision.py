"""Whether one decision is as the audit chain has it: what the gate asks about a verdict, without reading the whole chain."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Date, Row, Table, select

from billing_recon.control.audit import decided, head, link
from billing_recon.control.audit_keys import record_key
from billing_recon.control.schema import audit_events


def problem(connection: Connection, table: Table, row: Row[Any]) -> str:
    """Why a row of a table of decisions is not the decision that was made; empty if it is.

    Its event is found by halving, since events and ids of one table are in one order. A key that is not set here is not asked
    for: then only `audit verify` where it is set can tell a forged event.
    """
    name = f"{table.name} {row.id}"
    event = _event(connection, table, row.id)
    if event is None:
        return f"{name} has no audit event: nobody decided it"
    content, key = json.loads(event.payload), record_key()
    days = {column.name for column in table.columns if isinstance(column.type, Date)}
    stored = {field: str(value) if field in days else value for field, value in row._mapping.items()}
    if decided(table, stored) != content["row"]:
        return f"{name} was changed after audit event {event.seq}"
    keyed = content.get("key")
    if keyed is None and key is not None and _is_keyed(connection, event.seq - 1):
        return f"audit event {event.seq} of {name} was written without the key"
    if keyed is not None and (key is None or key.id != keyed):
        return ""
    if link(event.prev_hash, event.payload, key if keyed is not None else None) != event.hash:
        return f"audit event {event.seq} of {name} was changed"
    return ""


def _event(connection: Connection, table: Table, identity: int) -> Row[Any] | None:
    t, (first, last) = audit_events, (1, head(connection)[0])
    while first <= last:
        middle = (first + last) // 2
        of_table = t.c.payload.like(f'%"table":"{table.name}"}}')
        newest = select(t).where(t.c.seq.between(first, middle), of_table).order_by(t.c.seq.desc()).limit(1)
        event = connection.execute(newest).first()
        if event is None:
            first = middle + 1
            continue
        found = int(json.loads(event.payload)["row"]["id"])
        if found == identity:
            return event
        if found < identity:
            first = middle + 1
        else:
            last = event.seq - 1
    return None


def _is_keyed(connection: Connection, seq: int) -> bool:
    payload = connection.execute(select(audit_events.c.payload).where(audit_events.c.seq == seq)).scalar_one_or_none()
    return payload is not None and "key" in json.loads(payload)
