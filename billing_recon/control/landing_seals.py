"""Landing reports in the audit chain: each verdict seals those that it rests on, so that a change of one is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from billing_recon.control import audit
from billing_recon.control.schema import landing_reports, landing_seals


def seal(connection: Connection, partition: str, decided_at: str) -> None:
    """Append a digest of the day's latest landing reports; nothing if there are none, or they are sealed already."""
    try:
        day = date.fromisoformat(partition)
    except ValueError:
        return
    t = landing_reports
    latest = select(func.max(t.c.id)).where(t.c.day == day).group_by(t.c.table_name)
    ids = sorted(connection.execute(latest).scalars())
    if not ids:
        return
    row = {"partition": partition, "reports": json.dumps(ids), "digest": _digest(_reports(connection, ids))}
    s = landing_seals
    last = connection.execute(
        select(s.c.reports, s.c.digest).where(s.c.partition == partition).order_by(s.c.id.desc()).limit(1)
    ).first()
    if last is None or (last.reports, last.digest) != (row["reports"], row["digest"]):
        audit.decide(connection, landing_seals, row | {"decided_at": decided_at})


def problems(connection: Connection) -> list[str]:
    """A sentence for each seal whose landing reports were changed or removed."""
    return [
        f"landing reports of {one.partition} were changed or removed after they were judged at {one.decided_at}"
        for one in connection.execute(select(landing_seals).order_by(landing_seals.c.id)).all()
        if _digest(_reports(connection, json.loads(one.reports))) != one.digest
    ]


def _reports(connection: Connection, ids: Sequence[int]) -> Iterable[str]:
    t = landing_reports
    rows = connection.execute(select(t).where(t.c.id.in_(ids)).order_by(t.c.id)).mappings()
    return (audit.canonical({name: value for name, value in row.items() if name != "seal"}) for row in rows)


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
