"""The audit chain: a copy of every decision's row, each event hashed together with the one before it.

A changed, removed or inserted event breaks the chain from there on; a decision changed despite the triggers no longer
agrees with the chain. `verify` reports which.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, Date, Table, insert, select

from billing_recon.control.audit_keys import RECORD_KEY_ENV, RecordKey, record_key
from billing_recon.control.schema import DECISIONS, audit_events, baseline_values, baselines

GENESIS = "0" * 64
_AT_ONCE, _BATCH = 500, 5_000
"""Events that are asked for by number at once, and rows that are read at once."""


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


def link(prev_hash: str, payload: str, key: RecordKey | None = None) -> str:
    """The hash of an event: SHA-256 over the previous hash, a line feed, and the payload; HMAC-SHA256 with a key."""
    message = f"{prev_hash}\n{payload}".encode()
    return key.link(message) if key else hashlib.sha256(message).hexdigest()


ABOUT = {
    "verdicts": "partition",
    "quarantine_decisions": "day",
    "break_decisions": "day",
    "month_events": "month",
}
"""The column by which decisions of a kind are asked for: those about one day or month."""


def about(table: str, row: Mapping[str, Any]) -> str:
    """Where an event is looked for. It is no part of what is hashed: it only helps to find, and what it finds is compared."""
    return f"{table} {row[ABOUT[table]]}" if table in ABOUT else table


def decide(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert a decision, append it to the chain and return its id. The caller's transaction holds the lock."""
    return decide_all(connection, table, [row])[0]


def decide_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert decisions, append each to the chain in their order, and return their ids."""
    if not rows:
        return []
    inserting = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids = [int(identity) for identity in connection.execute(inserting, [dict(row) for row in rows]).scalars()]
    seq, prev_hash = head(connection)
    key = record_key()
    keyed = {"key": key.id} if key else {}
    links: list[dict[str, Any]] = []
    for identity, row in zip(ids, rows, strict=True):
        seq += 1
        content = {"seq": seq, "table": table.name, "row": decided(table, {"id": identity, **row}), **keyed}
        payload = canonical(content)
        made = link(prev_hash, payload, key)
        found_by = about(table.name, row)
        links.append({"seq": seq, "payload": payload, "prev_hash": prev_hash, "hash": made, "about": found_by})
        prev_hash = made
    connection.execute(insert(audit_events), links)
    return ids


def decided(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the chain has it: without columns that were added since and are empty."""
    empty = [name for name in _later(table) if row.get(name) == ""]
    return {name: value for name, value in row.items() if name not in empty} if empty else dict(row)


@cache
def _later(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.info.get("later"))


def events(connection: Connection) -> list[AuditEvent]:
    """The chain, in order."""
    return [
        AuditEvent(row.seq, row.payload, row.prev_hash, row.hash)
        for row in connection.execute(select(audit_events).order_by(audit_events.c.seq))
    ]


def head(connection: Connection) -> tuple[int, str]:
    """The number of the newest event and its hash; 0 and 64 zeros if there is none."""
    t = audit_events
    last = connection.execute(select(t.c.seq, t.c.hash).order_by(t.c.seq.desc()).limit(1)).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def newest(connection: Connection) -> tuple[str, dict[str, Any]]:
    """The table and the row of the newest event; empty if there is none."""
    t = audit_events
    payload = connection.execute(select(t.c.payload).order_by(t.c.seq.desc()).limit(1)).scalar_one_or_none()
    content: dict[str, Any] = json.loads(payload) if payload else {"table": "", "row": {}}
    return content["table"], content["row"]


def hashes(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The hashes of events by their numbers; those that are not there are left out."""
    t = audit_events
    found: dict[int, str] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        wanted = numbers[start : start + _AT_ONCE]
        found |= {row.seq: row.hash for row in connection.execute(select(t.c.seq, t.c.hash).where(t.c.seq.in_(wanted)))}
    return found


def verify(connection: Connection) -> list[str]:
    """Every problem of the chain, and every decision that does not agree with it; empty if all is well.

    Chain and decisions are read side by side, since both are in the order in which they were made: memory does not grow with
    the chain.
    """
    problems: list[str] = []
    rows = {table.name: _Decisions(connection, table) for table in DECISIONS}
    key = record_key()
    key_id = key.id if key else None
    expected_seq, expected_prev, keyed_since = 1, GENESIS, 0
    for seq, payload, prev_hash, stated, found_by in _raw(connection, audit_events, "seq"):
        if seq != expected_seq:
            problems.append(f"audit event {expected_seq} is missing: the chain continues at {seq}")
        elif prev_hash != expected_prev:
            problems.append(f"audit event {seq} does not follow from event {seq - 1}")
        expected_seq, expected_prev = seq + 1, stated
        try:
            content = from_json(payload)
            name, recorded, keyed = str(content["table"]), content["row"], content.get("key")
            identity, table, looked_for = int(recorded["id"]), rows[name], about(name, recorded)
        except (ValueError, KeyError, TypeError):
            problems.append(f"audit event {seq} is not an event of this chain: {payload[:80]!r}")
            continue
        if keyed is None and keyed_since:
            problems.append(
                f"audit event {seq} is not keyed, as events since {keyed_since} are: it was written without the key"
            )
        if keyed is not None:
            keyed_since = keyed_since or seq
        if keyed is not None and key_id != keyed:
            problems.append(f"audit event {seq} is keyed with key {keyed}; set it as {RECORD_KEY_ENV} to verify it")
        elif link(prev_hash, payload, key if keyed is not None else None) != stated:
            problems.append(f"audit event {seq} was changed: its content does not match its hash")
        if found_by not in ("", looked_for):
            problems.append(f"audit event {seq} was hidden from the gate: it is registered as one of '{found_by[:80]}'")
        stored = table.of(identity)
        if stored is None:
            problems.append(f"{name} {identity} was decided in audit event {seq} but is missing from its table")
        elif stored != recorded:
            problems.append(f"{name} {identity} was changed after audit event {seq}")
    for name, table in sorted(rows.items()):
        problems += [f"{name} {identity} has no audit event" for identity in table.rest()]
    return problems + _baselines(connection)


class _Decisions:
    """The rows of one table of decisions, taken in the order of their ids."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._table = table
        self._names = [column.name for column in table.columns]
        self._days = [n for n, column in enumerate(table.columns) if isinstance(column.type, Date)]
        self._rows = _raw(connection, table, "id")
        self._place = self._names.index("id")
        self._passed: dict[int, dict[str, Any]] = {}
        self._ended = False

    def of(self, identity: int) -> dict[str, Any] | None:
        """The row with this id, once; None if it is not there, or was asked for before."""
        if identity in self._passed:
            return self._passed.pop(identity)
        while not self._ended:
            row = next(self._rows, None)
            if row is None:
                self._ended = True
                break
            if row[self._place] == identity:
                return self._as_recorded(row)
            self._passed[row[self._place]] = self._as_recorded(row)
            if row[self._place] > identity:
                break
        return None

    def rest(self) -> list[int]:
        """The ids that nobody asked for."""
        return sorted([*self._passed, *(row[self._place] for row in self._rows)])

    def _as_recorded(self, row: Sequence[Any]) -> dict[str, Any]:
        found = dict(zip(self._names, row, strict=True))
        for n in self._days:
            found[self._names[n]] = str(row[n])
        return decided(self._table, found)


def _raw(connection: Connection, table: Table, order: str) -> Iterator[Any]:
    """A table's rows as the driver gives them, batch by batch: a chain may have millions of events."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    driver = connection.connection
    # On PostgreSQL only a named cursor leaves the rows on the server.
    cursor = driver.cursor(f"verify_{table.name}") if connection.dialect.name == "postgresql" else driver.cursor()
    try:
        cursor.execute(f'SELECT {names} FROM "{table.name}" ORDER BY "{order}"')
        while batch := cursor.fetchmany(_BATCH):
            yield from batch
    finally:
        cursor.close()


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
