"""The control plane's methods: what was landed, decided, released, signed and closed. One transaction each.

Plain core types go in and come out. The clock is injected and stamps decisions for people; no logic reads it back.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, func, insert, select, update

from billing_recon.control import (
    approvers,
    audit,
    break_records,
    copies,
    landing_seals,
    month_closes,
    recorded_decision,
    row_seals,
    schema,
    shadow_records,
    spot_checks,
)
from billing_recon.control.approvers import Enrolment
from billing_recon.control.audit import AuditEvent
from billing_recon.control.database import close_here, connect, reading, writing
from billing_recon.control.migrate import upgrade
from billing_recon.control.month_closes import MonthClose
from billing_recon.control.pages import PageStore
from billing_recon.control.records import (
    BREAKS_DECIDED,
    ROWS_DECIDED,
    USAGE_BEFORE,
    Baseline,
    BaselineValue,
    CatalogVersion,
    MonthState,
    PartitionState,
    PolicyVersion,
    Release,
    VerdictRecord,
)
from billing_recon.control.rollout_records import RolloutStore
from billing_recon.control.schema import (
    baseline_values,
    baselines,
    break_decisions,
    catalog_versions,
    landing_reports,
    month_events,
    partition_states,
    policies,
    quarantine_decisions,
    releases,
    sign_offs,
    verdicts,
    withdrawals,
)
from billing_recon.control.shadow_records import Recorded, ShadowRecord
from billing_recon.control.spot_checks import SpotCheck
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import RowDecision, Verb, standing
from billing_recon.core.signoff import Role, SignOff
from billing_recon.core.verdict import Verdict

_MANY = 500  # keys in one IN list: SQLite's default limit of bound variables is 999 in old builds


def utc_now() -> datetime:
    """The default clock for `decided_at`."""
    return datetime.now(UTC)


class ControlStore:
    """One home's control database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        weakref.finalize(self, close_here, os.getpid(), engine).atexit = False

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = utc_now) -> ControlStore:
        """Open, and bring to the current schema where needed. Safe when two processes open a new database at once."""
        store = cls(connect(url), clock)
        upgrade(store._engine)
        return store

    def close(self) -> None:
        """Give the connections back; the store can be used again afterwards."""
        self._engine.dispose()

    @property
    def pages(self) -> PageStore:
        """The incidents and pages of this database."""
        return PageStore(self._engine)

    @property
    def rollouts(self) -> RolloutStore:
        """The plans and logs of rollouts of this database."""
        return RolloutStore(self._engine, self._now)

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
            self._refuse_if_shut(connection, table, day)
            self._put_incomplete(connection, table, day, run_id)

    def end_write(
        self, table: str, day: date, rows: int, digest: str, run_id: str, made_from: str = "", files: str = ""
    ) -> None:
        """Record what the partition holds now, the digest of what it was made from, and which files hold it."""
        values = {"rows": rows, "digest": digest, "run_id": run_id, "made_from": made_from, "files": files}
        with writing(self._engine, durable=False) as connection:
            row = {"table_name": table, "day": day, "complete": True, **values}
            self._put_state(connection, row_seals.sealed(partition_states, row))

    def land_again(self, table: str, day: date) -> None:
        """Mark a landed partition incomplete: earlier usage was landed after it, so it must be landed again.

        CloseRefused when the day's month is locked or closed.
        """
        with writing(self._engine, durable=False) as connection:
            self._refuse_if_shut(connection, table, day)
            self._put_incomplete(connection, table, day, USAGE_BEFORE)

    def _refuse_if_shut(self, connection: Connection, table: str, day: date) -> None:
        state = self._state(connection, month_of(day))
        if state is not MonthState.OPEN:
            raise CloseRefused(
                [
                    f"{table} {day}: {month_of(day)} is {state.value} and its partitions are not rewritten; "
                    f"billing-recon reopen {month_of(day)} --reason ... opens it again"
                ]
            )
        self._refuse_if_forged(connection, month_of(day))

    @staticmethod
    def _refuse_if_forged(connection: Connection, month: str) -> None:
        """Refuse to take a month for open if what says so is not what was decided."""
        if forged := recorded_decision.problems(connection, month_events, month):
            raise CloseRefused([f"{month} may not be open: {forged[0]}; see: billing-recon audit verify"])

    @staticmethod
    def _put_incomplete(connection: Connection, table: str, day: date, run_id: str) -> None:
        """What the partition held last stays on record, so that what was made from it is still known to be."""
        t = partition_states
        done = connection.execute(
            update(t).where(t.c.table_name == table, t.c.day == day).values(complete=False, run_id=run_id, seal="")
        )
        if done.rowcount == 0:
            values = {"rows": 0, "digest": "", "complete": False, "run_id": run_id}
            connection.execute(insert(t).values(table_name=table, day=day, **values))

    @staticmethod
    def _put_state(connection: Connection, row: dict[str, Any]) -> None:
        t = partition_states
        this = (t.c.table_name == row["table_name"]) & (t.c.day == row["day"])
        if connection.execute(update(t).where(this).values(row)).rowcount == 0:
            connection.execute(insert(t).values(row))

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
        return [_partition_state(row) for row in rows]

    def incomplete_partitions(self, tables: Iterable[str], first: date, last: date) -> list[PartitionState]:
        """Those of `partition_states` that are not complete."""
        t = partition_states
        query = select(t).where(t.c.complete.is_(False), t.c.day.between(first, last)).order_by(t.c.table_name, t.c.day)
        wanted = set(tables)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [_partition_state(row) for row in rows if row.table_name in wanted]

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

    def apply_policy(self, text: str, actor: str, note: str, approved_by: str = "") -> PolicyVersion:
        """Make `text` the policy in force. A text equal to the current one is no new version."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with writing(self._engine) as connection:
            current = self._current_policy(connection)
            if current is not None and current.digest == digest:
                return current
            number = current.number + 1 if current else 1
            version = PolicyVersion(number, digest, text, actor, note, self._now(), approved_by)
            audit.decide(connection, policies, asdict(version))
        return version

    @staticmethod
    def _current_policy(connection: Connection) -> PolicyVersion | None:
        row = connection.execute(select(policies).order_by(policies.c.number.desc()).limit(1)).first()
        return _policy(row) if row else None

    def current_policy(self) -> PolicyVersion | None:
        """The policy in force; None before the first was applied."""
        with reading(self._engine) as connection:
            return self._current_policy(connection)

    def policy_history(self) -> list[PolicyVersion]:
        """Every version, the first first."""
        with reading(self._engine) as connection:
            return [_policy(row) for row in connection.execute(select(policies).order_by(policies.c.number))]

    def apply_catalog(self, changes: Mapping[str, str | None], actor: str, note: str) -> CatalogVersion | None:
        """Record entries of the catalog that are new, other or gone (None). Those recorded already are no change."""
        with writing(self._engine) as connection:
            known = _recorded_entries(self._catalog_versions(connection))
            real = {entry: text for entry, text in changes.items() if known.get(entry) != text}
            if not real:
                return None
            number = len(self._catalog_versions(connection)) + 1
            version = CatalogVersion(number, audit.canonical(real), actor, note, self._now())
            audit.decide(connection, catalog_versions, asdict(version))
        return version

    @staticmethod
    def _catalog_versions(connection: Connection) -> list[CatalogVersion]:
        rows = connection.execute(select(catalog_versions).order_by(catalog_versions.c.number))
        return [CatalogVersion(r.number, r.changes, r.actor, r.note, r.decided_at) for r in rows]

    def catalog_history(self) -> list[CatalogVersion]:
        """Every recorded change of the catalog, the first first."""
        with reading(self._engine) as connection:
            return self._catalog_versions(connection)

    def catalog_entries(self) -> dict[str, str]:
        """The catalog as recorded: each entry with its terms."""
        return _recorded_entries(self.catalog_history())

    def record_verdict(self, record: VerdictRecord) -> VerdictRecord:
        """Append a gate's verdict and return it with `decided_at`."""
        row = {
            "gate": record.gate,
            "partition": record.partition,
            "verdict": record.verdict.value,
            "evidence_hash": record.evidence_hash,
            "policy_version": record.policy_version,
            "code_version": record.code_version,
            "conditions": _conditions_to_json(record.conditions),
            "run_id": record.run_id,
            "decided_at": self._now(),
        }
        with writing(self._engine) as connection:
            audit.decide(connection, verdicts, row)
            landing_seals.seal(connection, record.partition, str(row["decided_at"]))
        return _verdict(row)

    def latest_verdict(self, gate: str, partition: str) -> VerdictRecord | None:
        """The last answer of a gate for a partition; None when it was never asked."""
        return self.verdicts(gate, [partition]).get(partition)

    def verdicts(self, gate: str, partitions: Sequence[str]) -> dict[str, VerdictRecord]:
        """The last answer for each of `partitions` that has one."""
        found: dict[str, VerdictRecord] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(partitions), _MANY):
                wanted = list(partitions[start : start + _MANY])
                t = verdicts
                latest = select(func.max(t.c.id)).where(t.c.gate == gate, t.c.partition.in_(wanted))
                rows = connection.execute(select(t).where(t.c.id.in_(latest.group_by(t.c.partition)))).mappings()
                found.update({row["partition"]: _verdict(dict(row)) for row in rows})
        return dict(sorted(found.items()))

    def verdict_problem(self, gate: str, partition: str) -> str:
        """Why the last answer of a gate for a partition is not the one that was recorded; empty if it is."""
        with reading(self._engine) as connection:
            row = _latest(connection, verdicts, gate=gate, partition=partition)
            return recorded_decision.problem(connection, verdicts, row) if row else ""

    def unproven(self, first: date, day: date, read_back: Iterable[str], of_the_day: Iterable[str]) -> list[str]:
        """What a verdict of `day` rests on and this program did not write: registered rows, and decisions.

        `read_back` are the tables that it reads from `first` on, `of_the_day` those of which it reads only its own day.
        """
        days = [first + timedelta(days=n) for n in range((day - first).days + 1)]
        with reading(self._engine) as c:
            return [
                *row_seals.states_changed(c, read_back, first, day),
                *row_seals.states_changed(c, of_the_day, day, day),
                *row_seals.reports_changed(c, first, day),
                *row_seals.reports_of_other_landings(c, day),
                *(p for table in recorded_decision.OF_THE_HOME for p in recorded_decision.problems(c, table)),
                *recorded_decision.problems(c, quarantine_decisions, *days),
                *recorded_decision.problems(c, break_decisions, day),
            ]

    def seal_registered(self, by: str, reason: str, actor: str) -> int:
        """Seal what was registered before the key of records was set; return how many rows."""
        with writing(self._engine) as connection:
            return row_seals.record(connection, by, reason, actor, self._now())

    def answers(self, gate: str) -> dict[str, Verdict]:
        """The last answer of a gate for every partition that it was asked about, by partition."""
        t = verdicts
        latest = select(func.max(t.c.id)).where(t.c.gate == gate).group_by(t.c.partition)
        query = select(t.c.partition, t.c.verdict).where(t.c.id.in_(latest)).order_by(t.c.partition)
        with reading(self._engine) as connection:
            return {row.partition: Verdict(row.verdict) for row in connection.execute(query)}

    def record_release(self, partition: str, evidence_hash: str, run_id: str) -> Release:
        """Append that a partition was released on this evidence. The caller has asked the gate."""
        row = {"partition": partition, "evidence_hash": evidence_hash, "run_id": run_id, "decided_at": self._now()}
        with writing(self._engine) as connection:
            audit.decide(connection, releases, row)
        return Release(**row)

    def latest_release(self, partition: str) -> Release | None:
        """The last release of a partition."""
        with reading(self._engine) as connection:
            row = _latest(connection, releases, partition=partition)
        return Release(row.partition, row.evidence_hash, row.run_id, row.decided_at) if row else None

    def record_withdrawal(self, partition: str, evidence_hash: str, reason: str) -> None:
        """Append that the release of a partition on this evidence no longer holds, and why."""
        row = {"partition": partition, "evidence_hash": evidence_hash, "reason": reason, "decided_at": self._now()}
        with writing(self._engine) as connection:
            audit.decide(connection, withdrawals, row)

    def decide_rows(self, decisions: Sequence[RowDecision]) -> list[RowDecision]:
        """Append decisions on quarantined rows, all or none; return the new ones with `decided_at`.

        A decision equal to the one in force is not new. Each touched quarantine partition counts as incomplete from
        here until it is landed again, so that no verdict stands on rows that were decided otherwise since.
        CloseRefused when a month is locked or closed.
        """
        made: list[RowDecision] = []
        with writing(self._engine) as connection:
            for decision in decisions:
                month = month_of(decision.day)
                state = self._state(connection, month)
                if state is not MonthState.OPEN:
                    raise CloseRefused(
                        [
                            f"row {decision.row_id} of {decision.table} {decision.day}: {month} is {state.value}; "
                            f"billing-recon reopen {month} --reason ... opens it again"
                        ]
                    )
                self._refuse_if_forged(connection, month)
                before = self._decisions(connection, quarantine_decisions.c.row_id == decision.row_id)
                if decision.same_as(before[-1] if before else None):
                    continue
                row = _decision_row(decision) | {"decided_at": self._now()}
                audit.decide(connection, quarantine_decisions, row)
                made.append(_row_decision(row))
            for table, day in sorted({(f"quarantine_{d.table}", d.day) for d in made}):
                self._put_incomplete(connection, table, day, ROWS_DECIDED)
        return made

    def standing_decisions(self, table: str, day: date) -> list[RowDecision]:
        """The decisions in force on a partition's rows, one a row, in the order in which they were made."""
        t = quarantine_decisions
        with reading(self._engine) as connection:
            found = self._decisions(connection, (t.c.day == day) & (t.c.table_name == table))
        return list(standing(found).values())

    def row_decisions(self, row_id: str) -> list[RowDecision]:
        """Every decision on rows with an id that begins with `row_id`, in order; "" means all rows."""
        with reading(self._engine) as connection:
            return self._decisions(connection, quarantine_decisions.c.row_id.startswith(row_id, autoescape=True))

    @staticmethod
    def _decisions(connection: Connection, where: ColumnElement[bool]) -> list[RowDecision]:
        t = quarantine_decisions
        rows = connection.execute(select(t).where(where).order_by(t.c.id)).mappings()
        return [_row_decision(dict(row)) for row in rows]

    def decide_breaks(self, decisions: Sequence[BreakDecision]) -> list[BreakDecision]:
        """Append decisions about breaks, all or none; return the new ones with `decided_at`.

        A decision equal to the last one of its kind is not new. A resolution makes the day's breaks incomplete until they
        are reconciled again, so that no verdict rests on breaks that were decided differently since. CloseRefused if a
        month is locked or closed; only the assignee may change even then.
        """
        with writing(self._engine) as connection:
            months = {month_of(decision.day) for decision in decisions}
            states = {month: self._state(connection, month) for month in months}
            for month in months:
                self._refuse_if_forged(connection, month)
            last = break_records.latest(connection, (decision.break_id for decision in decisions))
            new: list[dict[str, Any]] = []
            now = self._now()
            for decision in decisions:
                month = month_of(decision.day)
                state = states[month]
                if decision.verb is BreakVerb.RESOLVE and state is not MonthState.OPEN:
                    raise CloseRefused(
                        [
                            f"break {decision.break_id} of {decision.day}: {month} is {state.value}; "
                            f"billing-recon reopen {month} --reason ... opens it again"
                        ]
                    )
                if not decision.same_as(last.get((decision.break_id, decision.verb))):
                    last[decision.break_id, decision.verb] = decision
                    new.append(break_records.row_of(decision) | {"decided_at": now})
            audit.decide_all(connection, break_decisions, new)
            made = [break_records.decision_of(row) for row in new]
            for day in sorted({d.day for d in made if d.verb is BreakVerb.RESOLVE}):
                self._put_incomplete(connection, "breaks", day, BREAKS_DECIDED)
        return made

    def break_decisions(self, first: date, last: date) -> list[BreakDecision]:
        """Every decision about breaks from `first` to `last`, in the order in which they were made."""
        with reading(self._engine) as connection:
            return break_records.read(connection, break_decisions.c.day.between(first, last))

    def resolved_until(self, day: date) -> str:
        """Which decision about the breaks of a day is the last that takes effect on them; empty if there is none."""
        t = break_decisions
        last = select(func.max(t.c.id)).where(t.c.day == day, t.c.verb == BreakVerb.RESOLVE.value)
        with reading(self._engine) as connection:
            found = connection.execute(last).scalar()
        return f"decision {found}" if found else ""

    def closed_at(self, month: str) -> datetime | None:
        """When a month was closed; None if it is not closed now."""
        with reading(self._engine) as connection:
            last = _latest(connection, month_events, month=month)
        closed = last is not None and last.state == MonthState.CLOSED.value
        return datetime.fromisoformat(last.decided_at) if last is not None and closed else None

    def capture_baseline(
        self,
        name: str,
        first: date,
        last: date,
        rows: Sequence[tuple[str, str | None, str, str, date, Decimal | None]],
        actor: str,
    ) -> int:
        """Store the metrics (metric, currency, cohort, variant, day, value) of a range as the next version of `name`."""
        values = [
            {
                "metric": metric,
                "currency": currency,
                "cohort": cohort,
                "variant": variant,
                "day": day,
                "value": None if value is None else f"{value:f}",
            }
            for metric, currency, cohort, variant, day, value in sorted(rows, key=_baseline_order)
        ]
        digest = audit.values_digest(values)
        with writing(self._engine) as connection:
            before = connection.execute(select(func.max(baselines.c.version)).where(baselines.c.name == name)).scalar()
            version = int(before or 0) + 1
            row = {"name": name, "version": version, "first": first, "last": last, "digest": digest}
            identity = audit.decide(connection, baselines, {**row, "actor": actor, "decided_at": self._now()})
            if values:
                connection.execute(insert(baseline_values), [{"baseline_id": identity, **v} for v in values])
        return version

    def baseline(self, name: str, version: int | None = None) -> Baseline | None:
        """A baseline with its values, by default its newest version; None if there is none."""
        query = select(baselines).where(baselines.c.name == name).order_by(baselines.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(baselines.c.version == version)
        with reading(self._engine) as connection:
            head = connection.execute(query).first()
            if head is None:
                return None
            t = baseline_values
            rows = connection.execute(select(t).where(t.c.baseline_id == head.id).order_by(t.c.id)).all()
        values = tuple(
            BaselineValue(
                r.metric, r.currency, r.cohort, r.variant, r.day, None if r.value is None else Decimal(r.value)
            )
            for r in rows
        )
        return _baseline(head, values)

    def baselines(self) -> list[Baseline]:
        """Every version of every baseline, without values, by name and version."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(baselines).order_by(baselines.c.name, baselines.c.version)).all()
        return [_baseline(row, ()) for row in rows]

    def enrolled(self) -> list[Enrolment]:
        """The people who are enrolled with a one-time password, by name."""
        with reading(self._engine) as connection:
            return approvers.enrolled(connection)

    def enrol(self, name: str, secret: str, *, approved_by: str, actor: str, reason: str) -> None:
        """Append that a person is enrolled with this secret from now on; an earlier one of theirs is void."""
        with writing(self._engine) as connection:
            approvers.record(connection, Enrolment(name, "enrol", approved_by, actor, reason, self._now()), secret)

    def remove_approver(self, name: str, *, approved_by: str, actor: str, reason: str) -> None:
        """Append that a person is enrolled no more."""
        with writing(self._engine) as connection:
            approvers.record(connection, Enrolment(name, "remove", approved_by, actor, reason, self._now()))

    def use_code(self, name: str, code: str, purpose: str) -> None:
        """Use up a person's one-time code. CloseRefused, and the attempt recorded, if it is wrong, used, or one guess too many."""
        with writing(self._engine) as connection:
            refused = approvers.try_code(connection, name, code, purpose, self._clock().astimezone(UTC))
        if refused:
            raise CloseRefused([refused])

    def record_shadow(
        self, kind: Recorded, name: str, version: str, content: str, *, by: str, actor: str, reason: str = ""
    ) -> None:
        """Append what was recorded of shadow billing."""
        with writing(self._engine) as connection:
            record = ShadowRecord(kind, name, version, content, by, reason, actor, self._now())
            shadow_records.append(connection, record)

    def shadow_records(self, kind: Recorded, name: str) -> list[ShadowRecord]:
        """What was recorded of shadow billing under a name, in order."""
        with reading(self._engine) as connection:
            return shadow_records.recorded(connection, kind, name)

    def sign_off(
        self, month: str, approver: str, role: Role, evidence_hash: str, actor: str = "", note: str = ""
    ) -> SignOff:
        """Record an approver's signature under a month with this evidence. CloseRefused if the month is closed.

        core.signoff decides whether the approver may sign, and whether three roles by three people are complete.
        """
        with writing(self._engine) as connection:
            if self._state(connection, month) is MonthState.CLOSED:
                raise CloseRefused(
                    [f"{month} is closed; billing-recon reopen {month} --reason ... before signing again"]
                )
            row = {
                "month": month,
                "round": self._round(connection, month),
                "approver": approver,
                "role": Role(role).value,
                "evidence_hash": evidence_hash,
                "actor": actor or approver,
                "note": note,
                "decided_at": self._now(),
            }
            audit.decide(connection, sign_offs, row)
        return _sign_off(row)

    def signoffs(self, month: str) -> list[SignOff]:
        """The sign-offs of a month since it was last reopened, in the order given."""
        t = sign_offs
        with reading(self._engine) as connection:
            here = self._round(connection, month)
            rows = connection.execute(select(t).where(t.c.month == month, t.c.round == here).order_by(t.c.id))
            return [_sign_off(dict(row)) for row in rows.mappings()]

    def lock_month(self, month: str, evidence_hash: str, actor: str = "") -> None:
        """Freeze a month's data at this evidence while people sign."""
        with writing(self._engine) as connection:
            if self._state(connection, month) is MonthState.CLOSED:
                raise CloseRefused([f"{month} is closed already; it cannot be locked"])
            self._move(connection, month, MonthState.LOCKED, evidence_hash, "", actor)

    def close_month(self, month: str, evidence_hash: str, actor: str = "", figures: str = "") -> None:
        """Open -> Locked -> Closed. CloseRefused if it was locked or closed with other evidence; closing again has no effect.

        `figures`: what the books said, to compare a restatement with.
        """
        with writing(self._engine) as connection:
            last = _latest(connection, month_events, month=month)
            state = MonthState(last.state) if last else MonthState.OPEN
            if last is not None and state is not MonthState.OPEN and last.evidence_hash != evidence_hash:
                raise CloseRefused(
                    [
                        f"{month} is {state.value} with evidence {last.evidence_hash[:12]}, but its evidence is now "
                        f"{evidence_hash[:12]}; billing-recon reopen {month} --reason ..., then have it signed again"
                    ]
                )
            if state is MonthState.CLOSED:
                return
            if state is MonthState.OPEN:
                self._move(connection, month, MonthState.LOCKED, evidence_hash, "", actor)
            self._move(connection, month, MonthState.CLOSED, evidence_hash, "", actor)
            if figures:
                key = {"month": month, "round": self._round(connection, month), "evidence_hash": evidence_hash}
                month_closes.record(connection, {**key, "figures": figures, "actor": actor, "decided_at": self._now()})

    def month_closes(self, month: str = "") -> list[MonthClose]:
        """Every close of a month, or of all, with its figures, the first first."""
        with reading(self._engine) as connection:
            return month_closes.closes(connection, month)

    def record_spot_check(self, check: SpotCheck) -> None:
        """Append what somebody saw when they checked a line by hand."""
        with writing(self._engine) as connection:
            spot_checks.record(connection, check)

    def spot_checks(self, period: str) -> list[SpotCheck]:
        """The checks of a day, or of a month and its days, the first first."""
        with reading(self._engine) as connection:
            return spot_checks.checks(connection, period)

    def month_problems(self, month: str) -> list[str]:
        """Why the moves, signatures and closes of a month are not those that were decided; of the latter two, of any month."""
        with reading(self._engine) as c:
            of_month = recorded_decision.problems(c, month_events, month)
            return [*of_month, *(p for t in (sign_offs, schema.month_closes) for p in recorded_decision.problems(c, t))]

    def month_history(self, month: str) -> list[dict[str, Any]]:
        """Every move of a month, in order: state, evidence_hash, reason, actor, decided_at."""
        t = month_events
        with reading(self._engine) as connection:
            rows = connection.execute(select(t).where(t.c.month == month).order_by(t.c.id)).mappings()
            return [dict(row) for row in rows]

    def reopen_month(self, month: str, reason: str, actor: str) -> None:
        """Open a locked or closed month again. Its sign-offs so far no longer count. A reason is required."""
        if not reason.strip():
            raise CloseRefused([f"reopening {month} needs a reason, which is recorded in the audit chain"])
        with writing(self._engine) as connection:
            if self._state(connection, month) is MonthState.OPEN:
                raise CloseRefused([f"{month} is open; there is nothing to reopen"])
            self._move(connection, month, MonthState.OPEN, "", reason, actor)

    def shut_months_after(self, month: str) -> list[str]:
        """The months after `month` that are locked or closed, in order."""
        t = month_events
        latest = select(func.max(t.c.id)).where(t.c.month > month).group_by(t.c.month)
        shut = select(t.c.month).where(t.c.id.in_(latest), t.c.state != MonthState.OPEN.value).order_by(t.c.month)
        with reading(self._engine) as connection:
            return list(connection.execute(shut).scalars())

    def month_state(self, month: str) -> MonthState:
        """The state of a month (YYYY-MM): open, locked or closed."""
        with reading(self._engine) as connection:
            return self._state(connection, month)

    def is_closed(self, day: date) -> bool:
        """Whether the day's month is locked or closed, so that its partitions must not be rewritten."""
        return self.month_state(month_of(day)) is not MonthState.OPEN

    def _move(
        self, connection: Connection, month: str, state: MonthState, evidence_hash: str, reason: str, actor: str
    ) -> None:
        row = {"month": month, "state": state.value, "evidence_hash": evidence_hash, "reason": reason, "actor": actor}
        audit.decide(connection, month_events, {**row, "decided_at": self._now()})

    @staticmethod
    def _state(connection: Connection, month: str) -> MonthState:
        last = _latest(connection, month_events, month=month)
        return MonthState(last.state) if last else MonthState.OPEN

    @staticmethod
    def _round(connection: Connection, month: str) -> int:
        t = month_events
        reopened = select(func.count()).where(t.c.month == month, t.c.state == MonthState.OPEN.value)
        return int(connection.execute(reopened).scalar_one())

    def verify_audit(self) -> list[str]:
        """Every problem of the audit chain, as sentences; empty if all is well."""
        with reading(self._engine) as connection:
            return [
                *audit.verify(connection),
                *landing_seals.problems(connection),
                *row_seals.problems(connection),
            ]

    def dump(self) -> list[str]:
        """Every row of the database, as lines of JSON (control.copies)."""
        with reading(self._engine) as connection:
            return list(copies.rows(connection))

    def load(self, lines: Iterable[str]) -> int:
        """Insert what `dump` gave into this database, which has no rows. ConfigurationError if it has some."""
        with writing(self._engine) as connection:
            return copies.insert_rows(connection, lines)

    def audit_events(self) -> list[AuditEvent]:
        """The whole chain, in order."""
        with reading(self._engine) as connection:
            return audit.events(connection)

    def audit_head(self) -> tuple[int, str]:
        """How many events the chain has, and the hash of the last; 64 zeros if there is none."""
        with reading(self._engine) as connection:
            return audit.head(connection)

    def newest_decision(self) -> tuple[str, dict[str, Any]]:
        """The table and the row of the chain's newest event."""
        with reading(self._engine) as connection:
            return audit.newest(connection)

    def audit_hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        """The hashes of the chain's events by their numbers."""
        with reading(self._engine) as connection:
            return audit.hashes(connection, numbers)

    def now(self) -> str:
        """The clock, as decisions are stamped with it."""
        return self._now()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")


def month_of(day: date) -> str:
    """The month of a day, as YYYY-MM."""
    return f"{day:%Y-%m}"


def _latest(connection: Connection, table: Table, **key: str) -> Row[Any] | None:
    where = [table.c[name] == value for name, value in key.items()]
    return connection.execute(select(table).where(*where).order_by(table.c.id.desc()).limit(1)).first()


def _baseline_order(row: tuple[str, str | None, str, str, date, Decimal | None]) -> tuple[str, str, str, str, date]:
    metric, currency, cohort, variant, day, _ = row
    return metric, currency or "", cohort, variant, day


def _partition_state(row: Row[Any]) -> PartitionState:
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


def _decision_row(decision: RowDecision) -> dict[str, Any]:
    return {
        "row_id": decision.row_id,
        "table_name": decision.table,
        "day": decision.day,
        "verb": decision.verb.value,
        "corrections": audit.canonical(dict(decision.corrections)),
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "role": decision.role,
        "actor": decision.actor or decision.decided_by,
        "came": decision.came,
    }


def _row_decision(row: dict[str, Any]) -> RowDecision:
    return RowDecision(
        row_id=row["row_id"],
        table=row["table_name"],
        day=row["day"],
        verb=Verb(row["verb"]),
        reason=row["reason"],
        decided_by=row["decided_by"],
        corrections=tuple(json.loads(row["corrections"]).items()),
        role=row["role"],
        actor=row["actor"],
        came=row["came"],
        decided_at=row["decided_at"],
    )


def _recorded_entries(versions: Iterable[CatalogVersion]) -> dict[str, str]:
    known: dict[str, str | None] = {}
    for version in versions:
        known |= json.loads(version.changes)
    return {entry: text for entry, text in known.items() if text is not None}


def _policy(row: Row[Any]) -> PolicyVersion:
    return PolicyVersion(row.number, row.digest, row.text, row.actor, row.note, row.decided_at, row.approved_by)


def _conditions_to_json(conditions: Iterable[Condition]) -> str:
    return json.dumps(
        [
            {
                "name": c.name,
                "verdict": c.verdict.value,
                "sentence": c.sentence,
                "observed": c.observed,
                "bound": c.bound,
                "blocking": c.blocking,
            }
            for c in conditions
        ],
        ensure_ascii=False,
    )


def _verdict(row: dict[str, Any]) -> VerdictRecord:
    return VerdictRecord(
        gate=row["gate"],
        partition=row["partition"],
        verdict=Verdict(row["verdict"]),
        evidence_hash=row["evidence_hash"],
        policy_version=row["policy_version"],
        code_version=row["code_version"],
        conditions=tuple(
            Condition(c["name"], Verdict(c["verdict"]), c["sentence"], c["observed"], c["bound"], c["blocking"])
            for c in json.loads(row["conditions"])
        ),
        run_id=row["run_id"],
        decided_at=row["decided_at"],
    )


def _baseline(row: Row[Any], values: tuple[BaselineValue, ...]) -> Baseline:
    return Baseline(row.name, row.version, row.first, row.last, row.actor, row.decided_at, values)


def _sign_off(row: dict[str, Any]) -> SignOff:
    return SignOff(
        month=row["month"],
        approver=row["approver"],
        role=Role(row["role"]),
        evidence_hash=row["evidence_hash"],
        actor=row["actor"],
        note=row["note"],
        decided_at=row["decided_at"],
    )
