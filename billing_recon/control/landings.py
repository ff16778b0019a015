"""What was landed and what each partition holds: reports, and the marks of writes that began and ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from billing_recon.control import audit, row_seals
from billing_recon.control.base import StoreBase
from billing_recon.control.database import reading, writing
from billing_recon.control.months import refuse_if_shut
from billing_recon.control.records import USAGE_BEFORE, PartitionState
from billing_recon.control.schema import landing_reports, partition_states
from billing_recon.core.landing import LandingReport, LandingStatus


class LandingStore(StoreBase):
    """Landing reports and the states of partitions."""

    def record_landing(self, report: LandingReport, run_id: str) -> None:
        """Store a landing report; a later report of the same table and day supersedes it."""
        row = {
            "table_name": report.table,
            "day": report.day,
            "status": report.status.value,
            "rows_in": report.rows_in,
            "accepted": report.accepted,
            "quarantined": report.quarantined,
            "duplicates": report.duplicates,
            "released": report.released,
            "discarded": report.discarded,
            "files": audit.canonical({"files": [list(f) for f in report.files], **_apart(report)}),
            "message": report.message,
            "reasons": audit.canonical(report.reasons),
            "run_id": run_id,
        }
        with writing(self._engine, durable=False) as connection:
            connection.execute(insert(landing_reports).values(row_seals.sealed(landing_reports, row)))

    def landing_reports(self, day: date) -> list[LandingReport]:
        """The latest report of each table for a day, by table name."""
        t = landing_reports
        latest = select(func.max(t.c.id)).where(t.c.day == day).group_by(t.c.table_name)
        with reading(self._engine) as connection:
            rows = connection.execute(select(t).where(t.c.id.in_(latest)).order_by(t.c.table_name)).all()
        return [_landing_report(row) for row in rows]

    def landing_statuses(self, first: date, last: date) -> dict[tuple[str, date], LandingStatus]:
        """The latest status of each table and day from `first` to `last`."""
        t = landing_reports
        latest = select(func.max(t.c.id)).where(t.c.day.between(first, last)).group_by(t.c.day, t.c.table_name)
        query = select(t.c.table_name, t.c.day, t.c.status).where(t.c.id.in_(latest))
        with reading(self._engine) as connection:
            return {(row.table_name, row.day): LandingStatus(row.status) for row in connection.execute(query)}

    def landed_days(self) -> list[date]:
        """Every day with a landing report, in order."""
        t = landing_reports
        with reading(self._engine) as connection:
            return list(connection.execute(select(t.c.day).distinct().order_by(t.c.day)).scalars())

    def begin_write(self, table: str, day: date, run_id: str) -> None:
        """Mark a partition incomplete before it is replaced, so that a killed write is never taken for current.

        CloseRefused when the day's month is locked or closed.
        """
        with writing(self._engine, durable=False) as connection:
            refuse_if_shut(connection, table, day)
            put_incomplete(connection, table, day, run_id)

    def end_write(
        self, table: str, day: date, rows: int, digest: str, run_id: str, made_from: str = "", files: str = ""
    ) -> None:
        """Record what the partition holds now, the digest of what it was made from, and which files hold it."""
        values = {"rows": rows, "digest": digest, "run_id": run_id, "made_from": made_from, "files": files}
        with writing(self._engine, durable=False) as connection:
            row = {"table_name": table, "day": day, "complete": True, **values}
            _put_state(connection, row_seals.sealed(partition_states, row))

    def land_again(self, table: str, day: date) -> None:
        """Mark a landed partition incomplete: earlier usage was landed after it, so it must be landed again.

        CloseRefused when the day's month is locked or closed.
        """
        with writing(self._engine, durable=False) as connection:
            refuse_if_shut(connection, table, day)
            put_incomplete(connection, table, day, USAGE_BEFORE)

    def partition_states(self, tables: Iterable[str], first: date, last: date) -> list[PartitionState]:
        """Every partition of `tables` ever written from `first` to `last` (both counted), by table and day."""
        t = partition_states
        query = (
            select(t)
            .where(t.c.table_name.in_(sorted(set(tables))), t.c.day >= first, t.c.day <= last)
            .order_by(t.c.table_name, t.c.day)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [partition_state(row) for row in rows]

    def incomplete_partitions(self, tables: Iterable[str], first: date, last: date) -> list[PartitionState]:
        """Those of `partition_states` that are not complete."""
        t = partition_states
        query = select(t).where(t.c.complete.is_(False), t.c.day.between(first, last)).order_by(t.c.table_name, t.c.day)
        wanted = set(tables)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [partition_state(row) for row in rows if row.table_name in wanted]

    def partition_digests(self, tables: Iterable[str], first: date, last: date) -> dict[str, str]:
        """The digests of `partition_states` with rows, by table/day; of an incomplete one only that it is incomplete."""
        t = partition_states
        query = (
            select(t.c.table_name, t.c.day, t.c.digest, t.c.complete)
            .where(t.c.table_name.in_(sorted(set(tables))), t.c.day.between(first, last))
            .where((t.c.rows > 0) | t.c.complete.is_(False))
            .order_by(t.c.table_name, t.c.day)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {f"{table}/{day}": digest if complete else "incomplete" for table, day, digest, complete in rows}


def put_incomplete(connection: Connection, table: str, day: date, run_id: str) -> None:
    """What the partition held last stays on record, so that what was made from it is still known to be."""
    t = partition_states
    done = connection.execute(
        update(t).where(t.c.table_name == table, t.c.day == day).values(complete=False, run_id=run_id, seal="")
    )
    if done.rowcount == 0:
        values = {"rows": 0, "digest": "", "complete": False, "run_id": run_id}
        connection.execute(insert(t).values(table_name=table, day=day, **values))


def _put_state(connection: Connection, row: dict[str, Any]) -> None:
    t = partition_states
    this = (t.c.table_name == row["table_name"]) & (t.c.day == row["day"])
    if connection.execute(update(t).where(this).values(row)).rowcount == 0:
        connection.execute(insert(t).values(row))


def partition_state(row: Row[Any]) -> PartitionState:
    """What a row says of its partition: of an incomplete one not how many rows it has, nor their digest."""
    rows, digest = (row.rows, row.digest) if row.complete else (0, "")
    held = row.digest if row.rows else ""
    return PartitionState(
        row.table_name, row.day, rows, digest, row.complete, row.run_id, row.made_from, held, row.files
    )


def _apart(report: LandingReport) -> dict[str, int]:
    """The counts of what is in the files besides the day's rows, as far as there is any."""
    counts = {
        "skipped": report.skipped,
        "left_out": report.left_out,
        "of_other_days": report.of_other_days,
        "in_files": report.in_files or 0,
    }
    return {name: count for name, count in counts.items() if count}


def _landing_report(row: Row[Any]) -> LandingReport:
    files = json.loads(row.files)
    return LandingReport(
        table=row.table_name,
        day=row.day,
        status=LandingStatus(row.status),
        rows_in=row.rows_in,
        accepted=row.accepted,
        quarantined=row.quarantined,
        duplicates=row.duplicates,
        files=tuple((path, digest) for path, digest in files["files"]),
        skipped=files.get("skipped", 0),
        left_out=files.get("left_out", 0),
        of_other_days=files.get("of_other_days", 0),
        in_files=files.get("in_files"),
        message=row.message,
        reasons=json.loads(row.reasons),
        released=row.released,
        discarded=row.discarded,
    )
