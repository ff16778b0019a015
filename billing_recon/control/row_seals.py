"""Seals on rows that are registered and not decided: what partitions hold, and what was landed.

A seal is an HMAC of the row under the key of the audit chain's records, so with that key set nobody can write or change such a row
with SQL alone. Decisions need none: each is an event of the chain. An earlier row written back with its seal is found by what it
is about: its partition's files are others by then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select, update

from billing_recon.control import audit
from billing_recon.control.audit_keys import RecordKey, record_key
from billing_recon.control.schema import landing_reports, partition_states, row_seals
from billing_recon.core.printed_command import REASON

_REGISTERED = "what is registered of"
SEALED: tuple[Table, ...] = (partition_states, landing_reports)


def sealed(table: Table, row: Mapping[str, Any], key: RecordKey | None = None) -> dict[str, Any]:
    """The row with its seal; without one if no key is set."""
    key = key or record_key()
    return {**row, "seal": f"{key.id} {key.link(_message(table, row))}" if key else ""}


def _message(table: Table, row: Mapping[str, Any]) -> bytes:
    """All of a row but its seal, and the number that the database gives it."""
    said = {name: value for name, value in row.items() if name not in ("id", "seal")}
    return audit.canonical({"table": table.name, "row": said}).encode()


def states_changed(connection: Connection, tables: Iterable[str], first: date, last: date) -> list[str]:
    """A sentence per partition of `tables` from `first` to `last` whose row the program did not write; none if no key is set.

    Incomplete partitions have no seal: nothing rests on them.
    """
    key, t = record_key(), partition_states
    if key is None:
        return []
    asked = select(t).where(t.c.table_name.in_(sorted(set(tables))), t.c.day.between(first, last), t.c.complete)
    return list(_broken(connection.execute(asked.order_by(t.c.day, t.c.table_name)).all(), t, key, _REGISTERED))


def reports_changed(connection: Connection, first: date, last: date) -> list[str]:
    """The same for the newest landing report of each table and day."""
    key, t = record_key(), landing_reports
    if key is None:
        return []
    latest = select(func.max(t.c.id)).where(t.c.day.between(first, last)).group_by(t.c.day, t.c.table_name)
    asked = select(t).where(t.c.id.in_(latest)).order_by(t.c.day, t.c.table_name)
    return list(_broken(connection.execute(asked).all(), t, key, "the landing report of"))


def _broken(rows: Iterable[Row[Any]], table: Table, key: RecordKey, what: str) -> Iterable[str]:
    for row in rows:
        if row.seal == sealed(table, row._asdict(), key)["seal"]:
            continue
        said = f"{what} {row.table_name} {row.day}"
        if row.seal == "":
            yield (
                f"{said} was written without the key of records, or with SQL; run the day again with the key: billing-recon run "
                f"--day {row.day}; if it is from before the key was set: billing-recon state seal {REASON}"
            )
        elif not row.seal.startswith(f"{key.id} "):
            yield f"{said} is sealed with another key than the one that is set; run the day again: billing-recon run --day {row.day}"
        else:
            yield f"{said} was changed in the database; run the day again: billing-recon run --day {row.day}"


def reports_of_other_landings(connection: Connection, day: date) -> list[str]:
    """A sentence per newest landing report of a day that is not about what its partition holds; whether a key is set or not.

    A landing writes both in one run: a report of before, put back, has the run or the count of another.
    """
    r, p = landing_reports, partition_states
    latest = select(func.max(r.c.id)).where(r.c.day == day).group_by(r.c.table_name)
    held = p.c.table_name.is_(None) & (r.c.accepted != 0) | p.c.complete & (
        (p.c.rows != r.c.accepted) | (p.c.run_id != r.c.run_id)
    )
    both = r.outerjoin(p, (p.c.table_name == r.c.table_name) & (p.c.day == r.c.day))
    asked = select(r.c.table_name).select_from(both).where(r.c.id.in_(latest), held).order_by(r.c.table_name)
    return [
        f"the newest landing report of {table} {day} is not about the rows that are landed; run the day again: billing-recon run "
        f"--day {day}"
        for table in connection.execute(asked).scalars()
    ]


def problems(connection: Connection) -> list[str]:
    """All of either kind."""
    tables = connection.execute(select(partition_states.c.table_name).distinct()).scalars().all()
    return [
        *states_changed(connection, tables, date.min, date.max),
        *reports_changed(connection, date.min, date.max),
    ]


def seal_unsealed(connection: Connection) -> tuple[int, str]:
    """Seal whatever has no seal, as it is now; return how many rows, and a digest of them. Nothing without a key."""
    key, count, digest = record_key(), 0, hashlib.sha256()
    if key is not None:
        for table in SEALED:
            named = table.primary_key.columns
            where = (table.c.seal == "") & (table.c.complete if "complete" in table.c else True)
            for row in connection.execute(select(table).where(where).order_by(*named)).all():
                digest.update(_message(table, row._asdict()) + b"\n")
                this = [column == row._asdict()[column.name] for column in named]
                connection.execute(update(table).where(*this).values(seal=sealed(table, row._asdict(), key)["seal"]))
                count += 1
    return count, digest.hexdigest()


def record(connection: Connection, by: str, reason: str, actor: str, decided_at: str) -> int:
    """Seal whatever has no seal, and append who had it done and why; return how many rows."""
    count, digest = seal_unsealed(connection)
    if count:
        row = {"rows": count, "digest": digest, "decided_by": by, "reason": reason, "actor": actor}
        audit.decide(connection, row_seals, {**row, "decided_at": decided_at})
    return count
