"""The stage gate of a home: which stage and days it judges, and that nothing passes on days that are not known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day.rollout.gate import judge_rollout, judge_stages
from billing_recon.day.rollout.state import current_verdict
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

NEXT = DAY + timedelta(days=1)
AFTER = NEXT + timedelta(days=1)


def test_nothing_is_judged_before_somebody_is_exposed_and_no_stage_before_its_day(launch: Launch) -> None:
    with pytest.raises(ConfigurationError, match="exposes nobody"):
        judge_rollout(launch.home, NAME, DAY)
    assert judge_stages(launch.home, DAY) == []
    launch.promote()
    with pytest.raises(GateRefused, match=f"{NEXT} was never judged"):
        judge_rollout(launch.home, NAME, NEXT)


def test_a_stage_without_known_days_or_bills_is_inconclusive_and_waits(launch: Launch) -> None:
    launch.promote()
    launch.day_judged(NEXT)
    answer = judge_rollout(launch.home, NAME, NEXT)
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.figures["state"] == "INCONCLUSIVE"
    assert any(str(NEXT) in one for one in answer.figures["because"])
    assert "invoices: 0 of 1 billed by the new path" in answer.waiting_for
    assert launch.home.control.rollouts.latest_verdict(NAME, "internal") == answer


def test_a_day_that_is_run_again_after_a_promotion_is_judged_as_the_stage_that_it_was(launch: Launch) -> None:
    launch.promote()
    launch.judged(NEXT)
    launch.promote()
    (again,) = judge_stages(launch.home, NEXT)
    assert (again.stage, again.day) == ("internal", NEXT)
    assert launch.state.stage == "small"


def test_an_answer_lapses_when_an_earlier_day_of_the_stage_is_judged_on_other_evidence(launch: Launch) -> None:
    launch.promote()
    days = {str(day): launch.day_judged(day) for day in (NEXT, AFTER)}
    launch.judged(AFTER, figures={"days": days})
    assert current_verdict(launch.home, NAME).passed
    launch.day_judged(NEXT, "other evidence")
    assert current_verdict(launch.home, NAME).stale == (
        f"{NEXT} of the stage was judged again since, on other evidence",
    )
