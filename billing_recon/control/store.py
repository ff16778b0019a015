"""The control plane's methods: what was landed, decided, released, signed and closed. One transaction each.

Plain core types go in and come out. The clock is injected and stamps decisions for people; no logic reads it back.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from billing_recon.control import approvers, audit, copies, landing_seals, row_seals, shadow_records
from billing_recon.control.approvers import Enrolment
from billing_recon.control.audit import AuditEvent
from billing_recon.control.database import close_here, connect, reading, writing
from billing_recon.control.decisions import DecisionStore
from billing_recon.control.landings import LandingStore
from billing_recon.control.migrate import upgrade
from billing_recon.control.months import MonthStore
from billing_recon.control.pages import PageStore
from billing_recon.control.rollout_records import RolloutStore
from billing_recon.control.shadow_records import Recorded, ShadowRecord
from billing_recon.control.verdicts import VerdictStore
from billing_recon.control.versions import VersionStore
from billing_recon.core.errors import CloseRefused


def utc_now() -> datetime:
    """The default clock for `decided_at`."""
    return datetime.now(UTC)


class ControlStore(LandingStore, VersionStore, VerdictStore, DecisionStore, MonthStore):
    """One home's control database: what its parts record, and its approvers, shadow records and audit chain."""

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
