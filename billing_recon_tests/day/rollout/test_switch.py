"""Promotion, pause and rollback: who may, on what evidence, and that the flag files are what the record says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_recon.control.rollout_records import Verb
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day.backups import verify_state
from billing_recon.day.rollout import flags, switch
from billing_recon.day.rollout.members import list_file, variant_on
from billing_recon.day.rollout.plan_file import write_down
from billing_recon.day.rollout.state import Status, current_verdict
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch, plan_text

NEXT = DAY + timedelta(days=1)


def files_agree(launch: Launch) -> bool:
    state = launch.state
    shown = flags.shown_digest(launch.home, NAME)
    recorded = state.last(Verb.SWITCHED)
    assert recorded is not None
    return bool(shown == recorded.facts["flags"] == flags.digest(flags.contents(launch.home, state, state.exposed)))


def test_the_first_stage_needs_its_approver_and_is_exposed_from_the_day_after_the_newest_judged_day(
    launch: Launch,
) -> None:
    with pytest.raises(CloseRefused, match=f"{launch.people[1]} has to allow it too"):
        switch.promote(launch.home, NAME, [], actor="test")
    state = launch.promote()
    assert (state.stage, state.status, state.exposed_customers) == ("internal", Status.EXPOSED, 2)
    assert [(s.since, s.until) for s in state.spans] == [(NEXT, None)]
    assert [variant_on(launch.home, NAME, c, d) for c, d in (("CUS-00001", DAY), ("CUS-00001", NEXT), ("CUS-00009", NEXT))] == [
        "control", "candidate", "control",
    ]  # fmt: skip
    assert files_agree(launch)
    assert launch.home.control.verify_audit() == []


def test_a_code_is_good_for_one_promotion(launch: Launch) -> None:
    launch.later()
    who = launch.people[1]
    code = launch.code(who)
    switch.promote(launch.home, NAME, [(who, code)], actor="test")
    with pytest.raises(CloseRefused, match="used before"):
        switch.rollback(launch.home, NAME, who, code, reason="lines are billed twice", actor="test")


def test_only_a_current_pass_promotes_whatever_was_resumed(launch: Launch) -> None:
    launch.promote()
    with pytest.raises(GateRefused, match="stage internal was never judged"):
        launch.promote()
    launch.judged(NEXT, Verdict.INCONCLUSIVE, waiting_for=("1 of 3 days",))
    with pytest.raises(GateRefused, match="waits for 1 of 3 days"):
        launch.promote()
    launch.judged(NEXT, Verdict.FAIL, figures={"because": ["2 breaks"]})
    with pytest.raises(GateRefused, match="is FAIL"):
        launch.promote()
    launch.judged(NEXT)
    assert launch.promote().stage == "small"


@pytest.mark.parametrize(
    "what", ["another day is judged", "the day's evidence changed", "the plan changed", "the list changed"]
)
def test_a_pass_lapses_when_what_it_rests_on_changes(launch: Launch, what: str) -> None:
    launch.promote()
    passed = launch.judged(NEXT)
    if what == "another day is judged":
        launch.day_judged(NEXT + timedelta(days=1))
    elif what == "the day's evidence changed":
        launch.day_judged(NEXT, "other evidence")
    elif what == "the plan changed":
        launch.write(
            plan_text(launch.people, "CUS-00001, CUS-00002").replace(
                "complete_by: 2026-12-31", "complete_by: 2026-12-30"
            )
        )
    else:
        launch.home.control.rollouts.add_verdict(replace(passed, members="other lists", decided_at=""))
    answer = current_verdict(launch.home, NAME)
    assert answer.stale
    assert not answer.passed
    with pytest.raises(GateRefused, match="not current"):
        launch.promote()


def test_lists_are_disjoint_stay_as_they_were_written_and_only_grow(launch: Launch) -> None:
    launch.promote()
    members: set[str] = set()
    day = NEXT
    for _ in range(4):
        launch.judged(day)
        state = launch.promote()
        listed = json.loads(flags.contents(launch.home, state, state.exposed)[flags.JSON])["customers"]
        assert members < set(listed) or state.everybody
        assert len(listed) == state.exposed_customers
        members, day = set(listed), day + timedelta(days=1)
    customers = state.lists["all"].customers
    assert (state.stage, state.percentage, state.exposed_customers) == ("all", Decimal(100), customers)
    assert variant_on(launch.home, NAME, "somebody new", day) == "candidate"


def test_a_rollback_needs_one_allowed_person_and_is_over_at_once(launch: Launch) -> None:
    launch.promote()
    launch.judged(NEXT)
    launch.promote()
    state = launch.rollback()
    assert (state.status, state.stage, state.percentage) == (Status.ROLLED_BACK, None, Decimal(0))
    assert files_agree(launch)
    with pytest.raises(GateRefused, match="rolled back: lines are billed twice"):
        launch.promote()
    with pytest.raises(ConfigurationError, match="may not sign"):
        switch.rollback(launch.home, NAME, "Nobody", "123456", reason="lines are billed twice", actor="test")
    launch.resume()
    again = launch.promote()
    assert (again.stage, [s.stage for s in again.spans]) == ("internal", ["internal", "small", "internal"])


def test_a_trigger_rolls_back_by_itself_also_while_a_promotion_waits_for_people(launch: Launch) -> None:
    launch.promote()
    verdict = launch.judged(NEXT, triggered=("rollback: duplicate_invoices 2, at most 0",))
    state = switch.act_on(launch.home, verdict)
    assert state.status is Status.ROLLED_BACK
    last = state.last(Verb.SWITCHED)
    assert last is not None
    assert (last.decided_by, last.facts["why"]) == ("trigger", "trigger")
    assert switch.act_on(launch.home, verdict).last_id == state.last_id
    with pytest.raises(GateRefused, match="duplicate_invoices 2"):
        launch.promote()


def test_fail_and_inconclusive_hold_and_what_was_accepted_does_not_hold_again(launch: Launch) -> None:
    launch.promote()
    waiting = launch.judged(NEXT, Verdict.INCONCLUSIVE, waiting_for=("a month end on 2026-01-31",))
    assert switch.act_on(launch.home, waiting).status is Status.EXPOSED
    unknown = launch.judged(NEXT, Verdict.INCONCLUSIVE, figures={"because": ["tickets: no data"]})
    assert switch.act_on(launch.home, unknown).status is Status.PAUSED
    with pytest.raises(GateRefused, match="paused: tickets: no data"):
        launch.promote()
    state = launch.resume("the desk was closed, nobody could write a ticket")
    assert state.events[-1].facts == {"accepted": ["tickets: no data"]}
    assert switch.act_on(launch.home, unknown).status is Status.EXPOSED
    failed = launch.judged(NEXT + timedelta(days=1), Verdict.FAIL, figures={"because": ["2 breaks"]})
    assert switch.act_on(launch.home, failed).status is Status.PAUSED


def test_a_switch_cannot_hold_from_a_day_that_was_judged(launch: Launch) -> None:
    launch.promote()
    launch.judged(NEXT)
    with pytest.raises(CloseRefused, match=f"{NEXT} is judged already"):
        launch.promote(since=NEXT)


def test_what_was_to_be_exposed_on_a_later_day_can_be_rolled_back_before_it(launch: Launch) -> None:
    later = NEXT + timedelta(days=5)
    launch.promote(since=later)
    state = launch.rollback("the engine is not ready")
    assert (state.status, [(s.since, s.until) for s in state.spans]) == (Status.ROLLED_BACK, [(later, later)])
    assert variant_on(launch.home, NAME, "CUS-00001", later) == "control"


def test_a_plan_that_was_never_rehearsed_as_it_is_exposes_nobody(launch: Launch) -> None:
    path = launch.home.path / "rollouts" / f"{NAME}.yaml"
    path.write_text(path.read_text().replace("complete_by: 2026-12-31", "complete_by: 2026-12-30"))
    launch.later()
    write_down(
        launch.home, NAME, [(one, launch.code(one)) for one in launch.people[:2]], actor="test", reason="a month less"
    )
    with pytest.raises(GateRefused, match="the rehearsal is older than the plan"):
        launch.promote()


def test_a_list_that_was_edited_is_refused_and_everybody_can_still_be_switched_back(launch: Launch) -> None:
    state = launch.promote()
    one = state.lists["internal"]
    list_file(launch.home, NAME, "internal", one.digest).write_bytes(b"PAR1")
    with pytest.raises(GateRefused, match="is not what was written down"):
        variant_on(launch.home, NAME, "CUS-00001", NEXT)
    assert "the list of stage internal of rollout proration" in verify_state(launch.home)[1][-1]
    assert launch.rollback().status is Status.ROLLED_BACK


def test_the_last_stage_passed_closes_the_rollout(launch: Launch) -> None:
    day = NEXT
    launch.promote()
    for _ in range(5):
        launch.judged(day)
        state = launch.promote()
        day += timedelta(days=1)
    assert state.status is Status.CLOSED
    assert state.closed_on == day
