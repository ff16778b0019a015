"""Whether decisions are as the audit chain has them: what the gate asks about those it rests on, without reading the whole chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Date, Row, Table, select

from billing_recon.control.audit import ABOUT, about, decided, head, link
from billing_recon.control.audit_keys import RecordKey, record_key
from billing_recon.control.schema import audit_events, baselines, catalog_versions, policies, rollout_events, rollouts

OF_THE_HOME: tuple[Table, ...] = (policies, catalog_versions, baselines, rollouts, rollout_events)
"""Decisions that every day's results may rest on."""
_FEW = 20


def problem(connection: Connection, table: Table, row: Row[Any]) -> str:
    """Why a row of a table of decisions is not the decision that was made; empty if it is.

    A key that is not set here is not asked for: then only `audit verify` where it is set can tell a forged event.
    """
    event = _events(connection, [about(table.name, row._asdict())]).get(row.id)
    older = _older(connection, table, [] if event else [row.id])
    return _problem(connection, table, row, event or older.get(row.id), record_key())


def problems(connection: Connection, table: Table, *of: date | str) -> list[str]:
    """Why rows of a table are not the decisions that were made: changed, inserted, or missing.

    `of`: the days or months that they are about, where the table has one of them (audit.ABOUT).
    """
    rows, column = select(table).order_by(table.c.id), ABOUT.get(table.name)
    if column is not None:
        rows = rows.where(table.c[column].in_(of))
    events = _events(connection, [about(table.name, {column: one}) for one in of] if column else [table.name])
    key, stored = record_key(), connection.execute(rows).all()
    older = _older(connection, table, [row.id for row in stored if row.id not in events])
    found = [_problem(connection, table, row, events.pop(row.id, older.get(row.id)), key) for row in stored]
    return [problem for problem in found if problem] + [
        f"{table.name} {identity} was decided in audit event {event.seq} but is missing from its table"
        for identity, event in events.items()
    ]


def _events(connection: Connection, places: Sequence[str]) -> dict[int, Row[Any]]:
    """The events that are looked for in these places, by the id of their decision."""
    t = audit_events
    events = connection.execute(select(t).where(t.c.about.in_(places)).order_by(t.c.seq)).all()
    return {_identity(event): event for event in events}


def _problem(connection: Connection, table: Table, row: Row[Any], event: Row[Any] | None, key: RecordKey | None) -> str:
    name = f"{table.name} {row.id}"
    if event is None:
        return f"{name} has no audit event: nobody decided it"
    content = json.loads(event.payload)
    days = {column.name for column in table.columns if isinstance(column.type, Date)}
    stored = {field: str(value) if field in days else value for field, value in row._mapping.items()}
    if content["table"] != table.name or decided(table, stored) != content["row"]:
        return f"{name} was changed after audit event {event.seq}"
    keyed = content.get("key")
    if keyed is None and key is not None and _is_keyed_before(connection, event.seq):
        return f"audit event {event.seq} of {name} was written without the key"
    if keyed is not None and (key is None or key.id != keyed):
        return ""
    if link(event.prev_hash, event.payload, key if keyed is not None else None) != event.hash:
        return f"audit event {event.seq} of {name} was changed"
    return ""


def _identity(event: Row[Any]) -> int:
    """The id of an event's decision; below zero for one that says none, which is then missing from its table."""
    try:
        return int(json.loads(event.payload)["row"]["id"])
    except (ValueError, KeyError, TypeError):
        return -int(event.seq)


def _older(connection: Connection, table: Table, identities: Sequence[int]) -> dict[int, Row[Any]]:
    """Events of versions that did not say where to look for them, by the id of their decision.

    A few are found by halving, since events and ids of one table are in one order; many by one pass over the chain.
    """
    t = audit_events
    unmarked = select(t).where(t.c.about == "")
    if not identities or connection.execute(unmarked.limit(1)).first() is None:
        return {}
    if len(identities) <= _FEW:
        return {one: event for one in identities if (event := _halved(connection, table, one)) is not None}
    of_table = unmarked.where(t.c.payload.like(_of_table(table))).order_by(t.c.seq)
    return {_identity(event): event for event in connection.execute(of_table).all()}


def _of_table(table: Table) -> str:
    return f'%"table":"{table.name}"}}'


def _halved(connection: Connection, table: Table, identity: int) -> Row[Any] | None:
    t, (first, last) = audit_events, (1, head(connection)[0])
    while first <= last:
        middle = (first + last) // 2
        of_table = t.c.payload.like(_of_table(table))
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


def _is_keyed_before(connection: Connection, seq: int) -> bool:
    """Whether any earlier event has a key. Keys come first in what is hashed."""
    t = audit_events
    keyed = select(t.c.seq).where(t.c.seq < seq, t.c.payload.like('{"key":%')).order_by(t.c.seq.desc()).limit(1)
    return connection.execute(keyed).first() is not None
