"""Where a rollout stands in figures: exposed customers, what the new path billed, open breaks, and its last bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import FIGURES
from billing_recon.control.rollout_records import RolloutEvent, Verb
from billing_recon.core.schema import BREAKS, INVOICE_LINES, KEY_MAP
from billing_recon.core.schema.rollout import ROLLOUT_MEMBERS, ROLLOUTS_WATCHED
from billing_recon.day.home import Home
from billing_recon.day.rollout import flags
from billing_recon.day.rollout.corrections import OpenCorrections, open_corrections
from billing_recon.day.rollout.members import add_members
from billing_recon.day.rollout.state import Answer, State, Status, current_verdict
from billing_recon.day.session import open_session, register_landed, register_window

_READ = ("mapped_keys", "engine_superseded", "engine_lines")


@dataclass(frozen=True, slots=True)
class Progress:
    """One rollout, as `rollout status` shows it. Money is by currency."""

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
            waits.append(f"somebody to resume it: it is {self.state.status.value.replace('_', ' ')}")
        if not self.flags_agree:
            waits.append("the flag files to agree with the record; billing-recon rollout export writes them again")
        if self.uncorrected.count and self.state.status is not Status.CLOSED:
            waits.append(
                f"{self.uncorrected.says}: billing-recon rollout corrections {self.state.name}; a promotion may accept them"
            )
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
        return Progress(state, answer, {}, 0, {}, None, None, 0, agree)
    last = days[-1]
    with open_session(home, last) as con:
        for table in (INVOICE_LINES, BREAKS):
            register_window(con, home, table, first, last)
        register_landed(con, home, KEY_MAP, last, (last - first).days + home.policy.windows.lookback_days)
        register(con, ROLLOUTS_WATCHED, [(state.name, first, state.closed_on, True)])
        register(con, ROLLOUT_MEMBERS)
        for span in state.spans:
            add_members(con, home, state, span)
        build(con, [relation for relation in ENGINE_OUTPUT if relation.name in _READ])
        build(con, FIGURES)
        money = dict(con.execute("SELECT currency, billed FROM exposed_money ORDER BY currency").fetchall())
        broken = con.execute("SELECT currency, breaks, gross FROM exposed_breaks ORDER BY currency").fetchall()
        ended = con.execute("SELECT last_day, last_at, invoices_after FROM last_new_path").fetchall()
    return Progress(
        state,
        answer,
        money,
        sum(count for _, count, _ in broken),
        {currency: gross for currency, _, gross in broken if currency},
        ended[0][0] if ended else None,
        ended[0][1] if ended else None,
        int(ended[0][2]) if ended else 0,
        agree,
        open_corrections(home, state),
    )
