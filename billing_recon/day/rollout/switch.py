"""Promote, pause, resume and roll back. The flag files and the record change together: intent, files, record.

A process that is killed between them leaves its intent, and the next command, day or look completes it: exactly one switch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta

from billing_recon.control.rollout_records import RolloutEvent, StageVerdict, Verb
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.period import parse_day
from billing_recon.core.person import same_person
from billing_recon.core.printed_command import REASON
from billing_recon.core.verdict import Verdict
from billing_recon.day import reasons
from billing_recon.day.approvers import approver, prove
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.rollout import flags
from billing_recon.day.rollout.checklist import blocking
from billing_recon.day.rollout.cohorts import write_members
from billing_recon.day.rollout.corrections import OpenCorrections, open_corrections
from billing_recon.day.rollout.state import TRIGGER, State, Status, current_verdict, rivals, state_of, states

Signature = tuple[str, str]
"""A name and the one-time code that proves it."""


def opened(home: Home, name: str) -> State:
    """The state of a rollout, after completing a switch that a killed process began."""
    state = state_of(home, name)
    return _complete(home, state) if state.intent else state


def complete_switches(home: Home) -> None:
    """Complete every switch that a killed process began."""
    for name in home.control.rollouts.names():
        opened(home, name)


def _complete(home: Home, state: State) -> State:
    assert state.intent is not None
    facts = state.intent.facts
    files = flags.contents(home, state, facts["stages"])
    if flags.shown_digest(home, state.name) != flags.digest(files):
        flags.switch(home, state.name, files)
    done = json.dumps({**facts, "intent": state.intent.id, "flags": flags.digest(files)}, sort_keys=True)
    before = state.intent
    with suppress(CloseRefused):  # another process completed the same intent first
        home.control.rollouts.append(
            replace(before, verb=Verb.SWITCHED, content=done, decided_at="", id=0), after=state.last_id
        )
    return state_of(home, state.name)


def _switch(
    home: Home,
    state: State,
    stages: Sequence[str],
    when: tuple[date, str],
    *,
    why: str,
    by: str,
    reason: str,
    actor: str,
    evidence_hash: str = "",
    unless_switched: Mapping[str, int] | None = None,
    accepted: Mapping[str, object] | None = None,
) -> State:
    day, at = when
    facts = {"stages": list(stages), "at": at, "why": why, "before": list(state.exposed), **(accepted or {})}
    home.control.rollouts.append(
        RolloutEvent(
            state.name,
            Verb.INTENT,
            stages[-1] if stages else "",
            state.version.digest,
            day.isoformat(),
            evidence_hash,
            json.dumps(facts, sort_keys=True),
            by,
            reason,
            actor,
        ),
        after=state.last_id,
        unless_switched=unless_switched,
    )
    return _complete(home, state_of(home, state.name))


def effective(home: Home, state: State, since: str | None) -> tuple[date, str]:
    """The first day, and the instant on it or nothing, that a switch holds from. It is after every day that was judged.

    `since` is a day, or an instant with its offset on a day of the company. Left out: the day after the newest judged one, and not
    before the last switch.
    """
    from zoneinfo import ZoneInfo

    newest = max((parse_day(one) for one in home.control.answers(DAY_GATE)), default=None)
    last = state.last(Verb.SWITCHED)
    last_day = parse_day(last.day) if last else date.min
    at = ""
    if since is None:
        if newest is None:
            raise ConfigurationError("no day was judged yet; say from when it holds: --from DAY")
        day = max(newest + timedelta(days=1), last_day)
    elif "T" in since:
        try:
            moment = datetime.fromisoformat(since)
        except ValueError:
            raise ConfigurationError(
                f"--from {since}: write a day, or an instant such as 2026-03-02T10:15+01:00"
            ) from None
        if moment.tzinfo is None:
            raise ConfigurationError(f"--from {since}: say in which zone, such as {since}+01:00")
        day, at = moment.astimezone(ZoneInfo(home.company.timezone)).date(), moment.isoformat()
    else:
        day = parse_day(since)
    if newest is not None and day <= newest:
        raise CloseRefused(
            [f"{day} is judged already; a switch holds from {newest + timedelta(days=1)} on at the earliest"]
        )
    if day < last_day:
        raise CloseRefused([f"the flags were switched from {last_day} on; this cannot hold from {day} on"])
    return day, at


def promote(
    home: Home,
    name: str,
    signatures: Sequence[Signature],
    *,
    actor: str,
    since: str | None = None,
    reason: str = "",
    accept_corrections: str = "",
) -> State:
    """Expose the next stage: only on a current PASS of the exposed one, and with every approver of the next.

    Wrong bills of the new path that are not corrected yet hold it back, unless `accept_corrections` is the mark of exactly
    that list, and a reason is given; both are recorded.

    At the last stage it closes the rollout. GateRefused or CloseRefused with every reason. Of two rollouts of one layer that
    are promoted at the same time, the first to record its intent is.
    """
    complete_switches(home)
    state = state_of(home, name)
    if state.status in (Status.PAUSED, Status.ROLLED_BACK):
        last = state.last(Verb.PAUSED, Verb.SWITCHED)
        why = f": {last.reason}" if last and last.reason else ""
        raise GateRefused(
            f"rollout {name} is {state.status.value.replace('_', ' ')}{why}; name what was accepted or mended: "
            f"billing-recon rollout resume {name} {REASON}"
        )
    if state.status is Status.CLOSED:
        raise CloseRefused([f"rollout {name} is closed"])
    answer = current_verdict(home, name, state, stored=True)
    if state.stage is not None and not answer.passed:
        raise GateRefused("\n".join(_not_passed(state, answer.verdict, answer.stale)))
    stage = state.plan.after(state.stage)
    day, at = effective(home, state, since)
    seen = {one.name: one.last_id for one in rivals(state.plan, name, states(home))}
    uncorrected = open_corrections(home, state)
    open_ = [
        *_tampered(home, state), *blocking(home, state), *_dates(state, day),
        *_uncorrected(name, uncorrected, accept_corrections, reason),
    ]  # fmt: skip
    if open_:
        raise GateRefused("\n".join([f"rollout {name} is not ready:", *open_]))
    needed = stage.approvers if stage else (state.plan.owners.accountable,)
    by = _signed(home, signatures, needed, f"promote rollout {name} to {stage.name if stage else 'its end'}")
    evidence = answer.verdict.evidence_hash if answer.verdict else ""
    accepted = _accepted(uncorrected)
    if stage is None:
        home.control.rollouts.append(
            RolloutEvent(
                name, Verb.CLOSED, state.stage or "", state.version.digest, str(day), evidence,
                json.dumps(accepted, sort_keys=True), decided_by=by, reason=reason, actor=actor,
            ),
            after=state.last_id,
        )  # fmt: skip
        return state_of(home, name)
    write_members(home, state, stage.name, by=by, actor=actor)
    state = state_of(home, name)
    stages = [*state.exposed, stage.name]
    return _switch(
        home, state, stages, (day, at), why="promote", by=by, reason=reason, actor=actor, evidence_hash=evidence,
        unless_switched=seen, accepted=accepted,
    )  # fmt: skip


def _uncorrected(name: str, left: OpenCorrections, mark: str, reason: str) -> list[str]:
    """Why bills that the rollout got wrong hold it back; nothing if there are none, or exactly these are accepted."""
    if left.mark == mark:
        if mark:
            reasons.reason(reason, "a promotion that accepts open corrections")
        return []
    if not left.count:
        return [f"corrections: all are closed, and none is accepted; promote without --accept-corrections {mark}"]
    why = f"; {mark} was another list, look at it again" if mark else ""
    return [
        f"corrections: {left.says}{why}; list them: billing-recon rollout corrections {name}; once corrected, reconciliation closes "
        f"them; to widen before that: --accept-corrections {left.mark} --reason TEXT"
    ]


def _accepted(left: OpenCorrections) -> dict[str, object]:
    if not left.count:
        return {}
    money = {currency: format(amount, "f") for currency, amount in left.money.items()}
    return {"accepted_corrections": {"count": left.count, "money": money, "mark": left.mark}}


def rollback(home: Home, name: str, by: str, code: str, *, reason: str, actor: str, since: str | None = None) -> State:
    """Switch everybody back to the old path, in the name of one person who may, at any time."""
    state = opened(home, name)
    why = reasons.reason(reason, "a rollback")
    known = _allowed(home, by, state.plan.authority.roll_back, "roll back")
    when = _refuse_unless_exposed(home, state, since)
    prove(home, known, code, f"roll back rollout {name}")
    return _switch(home, state, [], when, why="rollback", by=known, reason=why, actor=actor)


def pause(home: Home, name: str, by: str, code: str, *, reason: str, actor: str) -> State:
    """Hold the rollout where it is, in the name of one person who may stop it."""
    state = opened(home, name)
    why = reasons.reason(reason, "a pause")
    known = _allowed(home, by, state.plan.authority.stop, "stop it")
    if state.status not in (Status.PLANNED, Status.EXPOSED):
        raise CloseRefused([f"rollout {name} is {state.status.value.replace('_', ' ')} already"])
    prove(home, known, code, f"pause rollout {name}")
    _record(home, state, Verb.PAUSED, by=known, reason=why, actor=actor)
    return state_of(home, name)


def resume(home: Home, name: str, by: str, code: str, *, reason: str, actor: str) -> State:
    """Let a paused or rolled back rollout go on; the reason names what was accepted or mended, and stands in the record.

    After a rollback it begins again at the first stage, whose list stays as it was. Only a PASS promotes, also after this.
    """
    state = opened(home, name)
    why = reasons.reason(reason, "resuming")
    known = _allowed(home, by, state.plan.authority.widen, "widen, so not resume")
    if state.status not in (Status.PAUSED, Status.ROLLED_BACK):
        raise CloseRefused([f"rollout {name} is {state.status.value}; there is nothing to resume"])
    last = state.last(Verb.PAUSED, Verb.SWITCHED)
    accepted = last.facts.get("because", [last.reason]) if last else []
    prove(home, known, code, f"resume rollout {name}")
    _record(home, state, Verb.RESUMED, by=known, reason=why, actor=actor, facts={"accepted": accepted})
    return state_of(home, name)


def record_rehearsal(home: Home, name: str, by: str, code: str, *, reason: str, actor: str) -> State:
    """Record that the plan as it is was rehearsed by hand on a copy of the home, and what was found, by one who may widen."""
    state = opened(home, name)
    why = reasons.reason(reason, "a rehearsal")
    known = _allowed(home, by, state.plan.authority.widen, "widen, so not record a rehearsal")
    prove(home, known, code, f"record a rehearsal of rollout {name}")
    _record(home, state, Verb.REHEARSED, by=known, reason=why, actor=actor, facts={"passed": True, "by_hand": True})
    return state_of(home, name)


def act_on(home: Home, verdict: StageVerdict, actor: str = "") -> State:
    """What a stage's verdict does by itself: a trigger switches back or holds, FAIL and INCONCLUSIVE hold, PASS nothing.

    What only waits for time to pass holds nothing. What was accepted when the rollout was resumed does not hold it again.
    """
    state = opened(home, verdict.rollout)
    if not state.exposed or state.stage != verdict.stage or state.status is Status.CLOSED:
        return state
    back = [sentence for sentence in verdict.triggered if sentence.startswith("rollback")]
    if back:
        when = effective(home, state, None)
        return _switch(
            home, state, [], when, why="trigger", by=TRIGGER, reason="; ".join(back), actor=actor,
            evidence_hash=verdict.evidence_hash,
        )  # fmt: skip
    because = list(verdict.figures.get("because", ()))
    hold = [sentence for sentence in verdict.triggered if sentence.startswith("pause")]
    if verdict.verdict is Verdict.FAIL:
        hold += because or [f"FAIL of stage {verdict.stage} on {verdict.day}"]
    elif verdict.verdict is Verdict.INCONCLUSIVE and not verdict.waiting_for:
        hold += because or [f"INCONCLUSIVE about stage {verdict.stage} on {verdict.day}"]
    resumed = state.last(Verb.RESUMED)
    accepted = set(resumed.facts["accepted"]) if resumed else set()
    if hold and state.status is Status.EXPOSED and not set(hold) <= accepted:
        _record(
            home, state, Verb.PAUSED, by=TRIGGER, reason="; ".join(hold), actor=actor,
            facts={"because": hold, "verdict": verdict.verdict.value}, day=str(verdict.day),
        )  # fmt: skip
        state = state_of(home, verdict.rollout)
    return state


def _record(
    home: Home, state: State, verb: Verb, *, by: str, reason: str, actor: str, facts: object = None, day: str = ""
) -> None:
    content = json.dumps(facts or {}, sort_keys=True, ensure_ascii=False)
    home.control.rollouts.append(
        RolloutEvent(
            state.name,
            verb,
            state.stage or "",
            state.version.digest,
            day,
            content=content,
            decided_by=by,
            reason=reason,
            actor=actor,
        ),
        after=state.last_id,
    )


def _not_passed(state: State, verdict: StageVerdict | None, stale: Sequence[str]) -> list[str]:
    where = f"stage {state.stage} of rollout {state.name}"
    if verdict is None:
        return [f"{where} is not judged: {'; '.join(stale)}; run the day: billing-recon run --day DAY"]
    lines = [f"{where} is {verdict.verdict.value} as of {verdict.day}, and only a PASS that is current promotes"]
    lines += [f"not current: {sentence}" for sentence in stale]
    lines += [f"waits for {sentence}" for sentence in verdict.waiting_for]
    return lines + [str(sentence) for sentence in verdict.figures.get("because", ())]


def _tampered(home: Home, state: State) -> list[str]:
    """Flag files or records that are not what was written: nobody is widened upon them."""
    problems = [f"audit chain: {problem}" for problem in home.control.verify_audit()]
    if not flags.agree(home, state):
        problems.append(
            f"flags: the files are not what was recorded, so others may be exposed; find out who changed them, then: "
            f"billing-recon rollout export {state.name}"
        )
    return problems


def _dates(state: State, day: date) -> list[str]:
    dates = state.plan.dates
    if not dates.not_before <= day <= dates.complete_by:
        return [f"dates: {day} is not within {dates.not_before} to {dates.complete_by} of the plan"]
    return []


def _signed(home: Home, signatures: Sequence[Signature], needed: Sequence[str], purpose: str) -> str:
    """Prove every approver that is needed, and return their names. No code is used up while one of them is missing."""
    given = {same_person(approver(home, name).name): (name, code) for name, code in signatures}
    missing = [one for one in needed if same_person(one) not in given]
    if missing:
        raise CloseRefused(
            [
                f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} to allow it too: --as NAME --code NNNNNN, once for each approver of the stage"
            ]
        )
    return ", ".join(prove(home, *given[same_person(one)], purpose) for one in needed)


def _allowed(home: Home, name: str, people: Sequence[str], what: str) -> str:
    known = approver(home, name).name
    if same_person(known) not in {same_person(one) for one in people}:
        raise CloseRefused([f"{known} may not {what}; the plan names {', '.join(people)}"])
    return known


def _refuse_unless_exposed(home: Home, state: State, since: str | None) -> tuple[date, str]:
    if not state.exposed:
        raise CloseRefused([f"nobody is exposed by rollout {state.name}; there is nothing to roll back"])
    return effective(home, state, since)
