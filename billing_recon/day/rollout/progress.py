"""Where a rollout stands in figures: exposed customers, what the new path billed or collected, open breaks, its last bill or attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import COLLECTED, FIGURES
from billing_recon.control.rollout_records import RolloutEvent, Verb
from billing_recon.day.home import Home
from billing_recon.day.rollout import flags
from billing_recon.day.rollout.checklist import rehearsal_item
from billing_recon.day.rollout.corrections import OpenCorrections, correction_session, listed
from billing_recon.day.rollout.state import Answer, State, Status, current_verdict


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts to collect while their customer was exposed: how many, how many after the first, and what those collected, by currency."""

    count: int
    retries: int
    retried: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Progress:
    """One rollout, as `rollout status` shows it. Money is by currency: what the new path billed, or collected (`attempts`).

    `attempts`: of a rollout that switches only how payments are collected. A payment names no path, so what the new path did after it
    was switched off is not known.
    """

    state: State
    answer: Answer
    money: Mapping[str, Decimal]
    breaks: int
    break_money: Mapping[str, Decimal]
    last_new_path: date | None
    last_new_path_at: datetime | None
    invoices_after: int
    flags_agree: bool
    uncorrected: OpenCorrections = field(default_factory=OpenCorrections)
    attempts: Attempts | None = None

    @property
    def verdict(self) -> str:
        """The stage's verdict if it is current; else INCONCLUSIVE. Empty while nobody is exposed."""
        if self.state.stage is None:
            return ""
        held = self.answer.verdict
        return held.verdict.value if held and not self.answer.stale else "INCONCLUSIVE"

    @property
    def switched_back(self) -> RolloutEvent | None:
        """The switch that exposes nobody, while it holds."""
        return self.state.last(Verb.SWITCHED) if self.state.spans and not self.state.exposed else None

    @property
    def minutes_to_last_bill(self) -> int | None:
        """Minutes from the decision to switch back until the new path calculated its last line; 0 if that was before it.

        None while customers are exposed.
        """
        back = self.switched_back
        if back is None or self.last_new_path_at is None:
            return None
        took = self.last_new_path_at - datetime.fromisoformat(back.decided_at)
        return max(0, -(-int(took.total_seconds()) // 60))

    @property
    def waiting_for(self) -> list[str]:
        """Everything that has to happen before the next stage, as far as it is known without asking anybody."""
        waits = list(self.answer.verdict.waiting_for) if self.answer.verdict else []
        waits += self.answer.stale
        if self.state.status in (Status.PAUSED, Status.ROLLED_BACK):
            last = self.state.last(Verb.PAUSED, Verb.SWITCHED)
            why = f" ({last.reason})" if last and last.reason else ""
            waits.append(f"somebody to resume it: it is {self.state.status.value.replace('_', ' ')}{why}")
        if not self.flags_agree:
            waits.append("the flag files to agree with the record; billing-recon rollout export writes them again")
        if self.uncorrected.count and self.state.status is not Status.CLOSED:
            waits.append(
                f"{self.uncorrected.says}: billing-recon rollout corrections {self.state.name}; a promotion may accept them"
            )
        rehearsal = rehearsal_item(self.state, self.state.name)
        if not rehearsal.done and self.state.status is not Status.CLOSED:
            waits.append(f"a rehearsal of the plan as it is: {rehearsal.says}")
        following = self.state.plan.after(self.state.stage)
        if not waits and following and self.state.status in (Status.PLANNED, Status.EXPOSED):
            waits.append(f"approval of stage {following.name} by {', '.join(following.approvers)}")
        return waits


def progress(home: Home, state: State) -> Progress:
    """The figures of one rollout, over all days since its first exposure."""
    answer = current_verdict(home, state.name, state)
    agree = flags.agree(home, state)
    days = home.control.landed_days()
    first = min((span.since for span in state.spans), default=None)
    if first is None or not days or days[-1] < first:
        none = Attempts(0, 0, {}) if state.of_payments else None
        return Progress(state, answer, {}, 0, {}, None, None, 0, agree, attempts=none)
    with correction_session(home, state) as con:
        money, ended, attempts = (_collected if state.of_payments else _billed)(con, state.name)
        relation = "collected_breaks" if state.of_payments else "exposed_breaks"
        broken = con.execute(
            f"SELECT currency, breaks, gross FROM {relation} WHERE rollout = $rollout ORDER BY currency",
            {"rollout": state.name},
        ).fetchall()
        uncorrected = OpenCorrections.of(listed(con, state), state.of_payments)
    last_day, last_at, after = ended
    return Progress(
        state,
        answer,
        money,
        sum(count for _, count, _ in broken),
        {currency: gross for currency, _, gross in broken if currency},
        last_day,
        last_at,
        after,
        agree,
        uncorrected,
        attempts,
    )


_Figures = tuple[dict[str, Decimal], tuple[date | None, datetime | None, int], Attempts | None]


def _billed(con: duckdb.DuckDBPyConnection, rollout: str) -> _Figures:
    """What the new path billed; day and instant of its last bill, and how many bills it made after it was switched off."""
    build(con, FIGURES)
    own = {"rollout": rollout}
    money = con.execute(
        "SELECT currency, billed FROM exposed_money WHERE rollout = $rollout ORDER BY currency", own
    ).fetchall()
    ended = con.execute(
        "SELECT last_day, last_at, invoices_after FROM last_new_path WHERE rollout = $rollout", own
    ).fetchall()
    return dict(money), ended[0] if ended else (None, None, 0), None


def _collected(con: duckdb.DuckDBPyConnection, rollout: str) -> _Figures:
    """What was collected from customers while they were exposed, and the day of the last attempt."""
    build(con, COLLECTED)
    rows = con.execute(
        "SELECT currency, collected, retried, attempts, retries, last_day FROM exposed_collections WHERE rollout = $rollout "
        "ORDER BY currency",
        {"rollout": rollout},
    ).fetchall()
    retried = {row[0]: row[2] for row in rows if row[2]}
    attempts = Attempts(sum(row[3] for row in rows), sum(row[4] for row in rows), retried)
    last_day = max((row[5] for row in rows), default=None)
    return {row[0]: row[1] for row in rows}, (last_day, None, 0), attempts
