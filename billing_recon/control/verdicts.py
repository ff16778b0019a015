"""What the gates answered, what was released on it, and what an answer rests on that this program did not write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from billing_recon.control import audit, landing_seals, recorded_decision, row_seals
from billing_recon.control.base import MANY, StoreBase, latest_row
from billing_recon.control.database import reading, writing
from billing_recon.control.records import Release, VerdictRecord
from billing_recon.control.schema import break_decisions, quarantine_decisions, releases, verdicts, withdrawals
from billing_recon.core.gate import Condition
from billing_recon.core.verdict import Verdict


class VerdictStore(StoreBase):
    """Verdicts, releases and withdrawals."""

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
            for start in range(0, len(partitions), MANY):
                wanted = list(partitions[start : start + MANY])
                t = verdicts
                latest = select(func.max(t.c.id)).where(t.c.gate == gate, t.c.partition.in_(wanted))
                rows = connection.execute(select(t).where(t.c.id.in_(latest.group_by(t.c.partition)))).mappings()
                found.update({row["partition"]: _verdict(dict(row)) for row in rows})
        return dict(sorted(found.items()))

    def verdict_problem(self, gate: str, partition: str) -> str:
        """Why the last answer of a gate for a partition is not the one that was recorded; empty if it is."""
        with reading(self._engine) as connection:
            row = latest_row(connection, verdicts, gate=gate, partition=partition)
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
            row = latest_row(connection, releases, partition=partition)
        return Release(row.partition, row.evidence_hash, row.run_id, row.decided_at) if row else None

    def record_withdrawal(self, partition: str, evidence_hash: str, reason: str) -> None:
        """Append that the release of a partition on this evidence no longer holds, and why."""
        row = {"partition": partition, "evidence_hash": evidence_hash, "reason": reason, "decided_at": self._now()}
        with writing(self._engine) as connection:
            audit.decide(connection, withdrawals, row)


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
