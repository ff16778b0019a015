"""The log of rollouts: versions of plans, verdicts of stages, decisions that cannot cross."""

from __future__ import annotations

from datetime import date

import pytest

from billing_recon.control.rollout_records import RolloutEvent, StageVerdict, Verb
from billing_recon.control.store import ControlStore
from billing_recon.core.errors import CloseRefused
from billing_recon.core.verdict import Verdict


def test_an_edited_plan_is_a_new_version_and_the_old_one_stays(control: ControlStore) -> None:
    log = control.rollouts
    first = log.write_plan("p", "a: 1", "ana", "first")
    assert log.write_plan("p", "a: 1", "ana", "again") == first
    second = log.write_plan("p", "a: 2", "ana", "wider")
    assert [(v.number, v.text) for v in log.plans("p")] == [(1, "a: 1"), (2, "a: 2")]
    assert second.digest != first.digest
    assert log.names() == ["p"]
    assert control.verify_audit() == []


def test_the_newest_answer_about_a_stage_holds_and_the_same_answer_is_recorded_once(control: ControlStore) -> None:
    log = control.rollouts
    asked = StageVerdict(
        "p", "small", date(2026, 3, 1), Verdict.INCONCLUSIVE, "v", "m", "e", ("a month end",), {"breaks": "0"}
    )
    later = StageVerdict("p", "small", date(2026, 3, 2), Verdict.PASS, "v", "m", "e2")
    for one in (asked, asked, later, asked):
        log.add_verdict(one)
    assert len(log.events("p")) == 2
    latest = log.latest_verdict("p", "small")
    assert latest is not None
    assert (latest.day, latest.verdict) == (date(2026, 3, 2), Verdict.PASS)
    first = log.latest_verdict("p", "small", date(2026, 3, 1))
    assert first is not None
    assert first.waiting_for == ("a month end",)
    assert first.figures == {"breaks": "0"}
    assert control.verify_audit() == []


def test_of_two_people_who_decide_at_once_the_second_is_refused(control: ControlStore) -> None:
    log = control.rollouts
    seen = log.append(RolloutEvent("p", Verb.PAUSED, reason="tickets")).id
    log.add_verdict(StageVerdict("p", "small", date(2026, 3, 1), Verdict.PASS, "v", "m", "e"))
    log.append(RolloutEvent("p", Verb.RESUMED, reason="explained"), after=seen)
    with pytest.raises(CloseRefused, match="somebody else decided"):
        log.append(RolloutEvent("p", Verb.RESUMED, reason="explained"), after=seen)
