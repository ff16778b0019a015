"""The stage gate of a rollout: gather the facts of the exposed stage as of a day, judge them, store the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.control.rollout_records import StageVerdict
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.period import parse_day
from billing_recon.core.schema import (
    BREAKS,
    DETECTIONS,
    EXPECTED_LINES,
    INVOICE_LINES,
    KEY_MAP,
    PAYMENTS,
    SIGNALS,
    SUBSCRIPTIONS,
    UNBILLED_USAGE,
)
from billing_recon.core.schema.stage import STAGE_PARAMS
from billing_recon.core.stage_gate import Phase, StageFacts, StageJudgement, judge_stage
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE, stale_reason
from billing_recon.day.home import Home
from billing_recon.day.rollout.members import register_members
from billing_recon.day.rollout.stage_facts import stage_facts
from billing_recon.day.rollout.state import State, live, state_of
from billing_recon.day.rollout.switch import act_on
from billing_recon.day.session import MIRRORED_ROWS, open_session, register_landed, register_window

_READ = ("mapped_keys", "engine_superseded", "engine_lines")


@dataclass(frozen=True, slots=True)
class StageDays:
    """The widest stage that is exposed on a day, its days up to it, and those before the launch that it is compared with."""

    stage: str
    day: date
    since: date
    exposed_since: date
    before_first: date
    before_last: date

    @classmethod
    def of(cls, home: Home, state: State, day: date, *, ended: bool = False) -> StageDays:
        """ConfigurationError if no stage is exposed on the day. `ended`: one that was switched off later counts too."""
        held = [
            span for span in state.spans if span.since <= day and (span.until is None or (ended and day < span.until))
        ]
        if not held:
            raise ConfigurationError(
                f"rollout {state.name} exposes nobody on {day}; see: billing-recon rollout status {state.name}"
            )
        widest = max(held, key=lambda span: state.plan.names.index(span.stage))
        before = min(span.since for span in state.spans) - timedelta(days=1)
        first = before - timedelta(days=home.policy.windows.lookback_days - 1)
        return cls(widest.stage, day, widest.since, min(span.since for span in held), first, before)

    @property
    def of_stage(self) -> list[date]:
        return [self.since + timedelta(days=n) for n in range((self.day - self.since).days + 1)]


def judge_rollout(home: Home, name: str, day: date, actor: str = "") -> StageVerdict:
    """Judge the exposed stage of a rollout as of the end of a day, and store the answer with what it rests on.

    GateRefused if the day itself was never judged; ConfigurationError if nobody is exposed on it.
    """
    state = state_of(home, name)
    days = StageDays.of(home, state, day)
    own = home.control.latest_verdict(DAY_GATE, str(day))
    if own is None:
        raise GateRefused(f"{day} was never judged, so no stage is; run: billing-recon run --day {day}")
    stage = state.plan.stage(days.stage)
    facts = _facts(home, state, days)
    judgement = judge_stage(stage, state.plan.triggers, facts)
    answer = StageVerdict(
        rollout=name,
        stage=stage.name,
        day=day,
        verdict=judgement.verdict,
        plan=state.version.digest,
        members=state.members,
        evidence_hash=own.evidence_hash,
        waiting_for=judgement.waiting_for,
        figures=_figures(home, judgement, facts, days),
        triggered=judgement.triggered,
    )
    return home.control.rollouts.add_verdict(answer, actor)


def judge_stages(home: Home, day: date, actor: str = "") -> list[StageVerdict]:
    """Judge every rollout that exposes anybody on a day that was just judged, and do what the answers do by themselves.

    If later days are judged already, their newest is judged again, since it rests on this one. Only the newest day's answer acts.
    """
    newest = max((parse_day(one) for one in home.control.answers(DAY_GATE)), default=day)
    found = []
    for state in live(home):
        for one in sorted({day, newest}):
            if any(span.since <= one and span.until is None for span in state.spans):
                answer = judge_rollout(home, state.name, one, actor)
                found.append(answer)
                if one == newest:
                    act_on(home, answer, actor)
    return found


def _figures(home: Home, judgement: StageJudgement, facts: StageFacts, days: StageDays) -> dict[str, Any]:
    """What `rollout status` and the page show of an answer: every clause in words, and the evidence of the stage's days."""
    judged = home.control.verdicts(DAY_GATE, [str(day) for day in days.of_stage])
    return {
        "state": judgement.state.value,
        "since": str(days.since),
        "because": [
            f"{c.name}: {c.says}"
            for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
            for c in judgement.clauses
            if c.decides and c.verdict is verdict
        ],
        "clauses": [
            {"name": c.name, "kind": c.kind, "verdict": c.verdict.value, "says": c.says, "decides": c.decides}
            for c in judgement.clauses
        ],
        "plotted": _plotted(facts),
        "days": {str(day): judged[str(day)].evidence_hash if str(day) in judged else "" for day in days.of_stage},
    }


def _plotted(facts: StageFacts) -> list[dict[str, Any]]:
    """Each day's open breaks and bills of the cohort and of the control cohort, for the page."""
    found: dict[date, dict[str, Any]] = {}
    for one in facts.figures:
        if one.metric == "breaks" and one.phase is Phase.STAGE:
            day = found.setdefault(one.day, {"day": str(one.day)})
            day[one.arm.value] = int(one.numerator)
            day[f"{one.arm.value}_invoices"] = one.population
    return [found[day] for day in sorted(found)]


def _facts(home: Home, state: State, days: StageDays) -> StageFacts:
    unknown = dict(_unknown_days(home, days))
    with open_session(home, days.day) as con:
        register_stage(con, home, state, days)
        return stage_facts(con, unknown)


def register_stage(con: duckdb.DuckDBPyConnection, home: Home, state: State, days: StageDays) -> None:
    """The tables that the relations of a stage read, from the time before the launch up to the day."""
    back = (days.day - days.before_first).days
    for table in (BREAKS, DETECTIONS, EXPECTED_LINES):
        register_window(con, home, table, days.before_first, days.day, in_memory=MIRRORED_ROWS)
    register_window(con, home, UNBILLED_USAGE, days.day, days.day)
    for table in (INVOICE_LINES, PAYMENTS, SIGNALS, KEY_MAP, SUBSCRIPTIONS):
        register_landed(con, home, table, days.day, back, in_memory=MIRRORED_ROWS)
    register_members(con, home, days.day)
    windows, retries = home.policy_on(days.day).policy.windows, state.plan.retry_days
    cycle = retries[-1] if retries else windows.payment_settle_days
    row = (state.name, days.stage, days.day, days.since, days.exposed_since, days.before_first, days.before_last)
    settled = state.plan.stage(days.stage).window.settled
    settle = max(windows.issue_grace_days, windows.render_lag_days, windows.ledger_lag_days) if settled else 0
    rules = (state.of_payments, windows.issue_grace_days, settle, cycle, [str(one) for one in retries])
    register(con, STAGE_PARAMS, [(*row, *rules)])
    build(con, [relation for relation in ENGINE_OUTPUT if relation.name in _READ])


def _unknown_days(home: Home, days: StageDays) -> Iterator[tuple[date, str]]:
    """Days of the stage without an answer of their own to rest on, each with why."""
    judged = home.control.verdicts(DAY_GATE, [str(day) for day in days.of_stage])
    for day in days.of_stage:
        found = judged.get(str(day))
        if found is None:
            yield day, f"{day} was never judged; run: billing-recon run --day {day}"
        elif found.verdict is Verdict.INCONCLUSIVE:
            yield day, f"{day} is INCONCLUSIVE; see: billing-recon status --day {day}"
        else:
            stale = stale_reason(home, found, stored=False)
            if stale:
                yield day, f"{day}: {stale}; run: billing-recon run --day {day}"
