"""The months of the books: open, locked, closed, reopened, who signed them, and what was checked by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from billing_recon.control import audit, month_closes, recorded_decision, schema, spot_checks
from billing_recon.control.base import StoreBase, latest_row
from billing_recon.control.database import reading, writing
from billing_recon.control.month_closes import MonthClose
from billing_recon.control.records import MonthState
from billing_recon.control.schema import month_events, sign_offs
from billing_recon.control.spot_checks import SpotCheck
from billing_recon.core.errors import CloseRefused
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.signoff import Role, SignOff


class MonthStore(StoreBase):
    """Signatures, states and closes of months."""

    def sign_off(
        self, month: str, approver: str, role: Role, evidence_hash: str, actor: str = "", note: str = ""
    ) -> SignOff:
        """Record an approver's signature under a month with this evidence. CloseRefused if the month is closed.

        core.signoff decides whether the approver may sign, and whether three roles by three people are complete.
        """
        with writing(self._engine) as connection:
            if state_of(connection, month) is MonthState.CLOSED:
                raise CloseRefused([f"{month} is closed; {reopen_command(month)} before signing again"])
            row = {
                "month": month,
                "round": round_of(connection, month),
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
            here = round_of(connection, month)
            rows = connection.execute(select(t).where(t.c.month == month, t.c.round == here).order_by(t.c.id))
            return [_sign_off(dict(row)) for row in rows.mappings()]

    def lock_month(self, month: str, evidence_hash: str, actor: str = "") -> None:
        """Freeze a month's data at this evidence while people sign."""
        with writing(self._engine) as connection:
            if state_of(connection, month) is MonthState.CLOSED:
                raise CloseRefused([f"{month} is closed already; it cannot be locked"])
            self._move(connection, month, MonthState.LOCKED, evidence_hash, "", actor)

    def close_month(self, month: str, evidence_hash: str, actor: str = "", figures: str = "") -> None:
        """Open -> Locked -> Closed. CloseRefused if it was locked or closed with other evidence; closing again has no effect.

        `figures`: what the books said, to compare a restatement with.
        """
        with writing(self._engine) as connection:
            last = latest_row(connection, month_events, month=month)
            state = MonthState(last.state) if last else MonthState.OPEN
            if last is not None and state is not MonthState.OPEN and last.evidence_hash != evidence_hash:
                raise CloseRefused(
                    [
                        f"{month} is {state.value} with evidence {last.evidence_hash[:12]}, but its evidence is now "
                        f"{evidence_hash[:12]}; {reopen_command(month)}, then have it signed again"
                    ]
                )
            if state is MonthState.CLOSED:
                return
            if state is MonthState.OPEN:
                self._move(connection, month, MonthState.LOCKED, evidence_hash, "", actor)
            self._move(connection, month, MonthState.CLOSED, evidence_hash, "", actor)
            if figures:
                key = {"month": month, "round": round_of(connection, month), "evidence_hash": evidence_hash}
                month_closes.record(connection, {**key, "figures": figures, "actor": actor, "decided_at": self._now()})

    def month_closes(self, month: str = "") -> list[MonthClose]:
        """Every close of a month, or of all, with its figures, the first first."""
        with reading(self._engine) as connection:
            return month_closes.closes(connection, month)

    def closed_at(self, month: str) -> datetime | None:
        """When a month was closed; None if it is not closed now."""
        with reading(self._engine) as connection:
            last = latest_row(connection, month_events, month=month)
        closed = last is not None and last.state == MonthState.CLOSED.value
        return datetime.fromisoformat(last.decided_at) if last is not None and closed else None

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
            if state_of(connection, month) is MonthState.OPEN:
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
            return state_of(connection, month)

    def is_closed(self, day: date) -> bool:
        """Whether the day's month is locked or closed, so that its partitions must not be rewritten."""
        return self.month_state(month_of(day)) is not MonthState.OPEN

    def record_spot_check(self, check: SpotCheck) -> None:
        """Append what somebody saw when they checked a line by hand."""
        with writing(self._engine) as connection:
            spot_checks.record(connection, check)

    def spot_checks(self, period: str) -> list[SpotCheck]:
        """The checks of a day, or of a month and its days, the first first."""
        with reading(self._engine) as connection:
            return spot_checks.checks(connection, period)

    def _move(
        self, connection: Connection, month: str, state: MonthState, evidence_hash: str, reason: str, actor: str
    ) -> None:
        row = {"month": month, "state": state.value, "evidence_hash": evidence_hash, "reason": reason, "actor": actor}
        audit.decide(connection, month_events, {**row, "decided_at": self._now()})


def month_of(day: date) -> str:
    """The month of a day, as YYYY-MM."""
    return f"{day:%Y-%m}"


def state_of(connection: Connection, month: str) -> MonthState:
    """The state of a month: open until something else was recorded."""
    last = latest_row(connection, month_events, month=month)
    return MonthState(last.state) if last else MonthState.OPEN


def round_of(connection: Connection, month: str) -> int:
    """How often a month was reopened: what was signed before no longer counts."""
    t = month_events
    reopened = select(func.count()).where(t.c.month == month, t.c.state == MonthState.OPEN.value)
    return int(connection.execute(reopened).scalar_one())


def refuse_if_shut(connection: Connection, table: str, day: date) -> None:
    """CloseRefused when the day's month is locked or closed, or forged to be open."""
    state = state_of(connection, month_of(day))
    if state is not MonthState.OPEN:
        raise CloseRefused(
            [
                f"{table} {day}: {month_of(day)} is {state.value} and its partitions are not rewritten; "
                f"{reopen_command(month_of(day))} opens it again"
            ]
        )
    refuse_if_forged(connection, month_of(day))


def refuse_if_forged(connection: Connection, month: str) -> None:
    """Refuse to take a month for open if what says so is not what was decided."""
    if forged := recorded_decision.problems(connection, month_events, month):
        raise CloseRefused([f"{month} may not be open: {forged[0]}; see: billing-recon audit verify"])


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
