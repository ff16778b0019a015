"""A rehearsal on a copy of the home: its own days, billed by a new path that fails; the home itself is untouched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.control.rollout_records import Verb
from billing_recon.day import Home
from billing_recon.day.rollout.rehearsal import DAYS, days_for, rehearse_on_copy
from billing_recon.day.rollout.state import state_of
from billing_recon.simulate.rehearsal import rehearse as rehearse_simulated
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.rollout.launch import NAME, plan_text
from billing_recon_tests.day.run import run_day
from billing_recon_tests.report.books import keep_books

pytestmark = pytest.mark.long


def test_a_copy_of_the_home_finds_what_the_new_path_gets_wrong_and_leaves_the_home_as_it_was(
    simulated: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "home"
    shutil.copytree(simulated(days=DAYS, customers=150), path)
    home = Home.open(path)
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    for day in days:
        run_day(home, day)
    assert days_for(home) == days
    text = plan_text([one.name for one in home.policy.approvers], "CUS-00001")
    home.control.rollouts.write_plan(NAME, text, "test", "test")
    before = {day: home.control.latest_verdict("day", str(day)) for day in days}
    found = rehearse_on_copy(home, NAME, days, actor="test")
    assert [check for check in found.checks if not check.holds] == []
    assert {check.name for check in found.checks} == {
        "partial write", "doubled", "stopped", "frozen", "sent twice", "flags", "switched back", "nothing else", "worklist",
        "none missing",
    }  # fmt: skip
    assert {day: home.control.latest_verdict("day", str(day)) for day in days} == before
    state = state_of(home, NAME)
    assert (state.exposed, [event.verb for event in state.events]) == ((), [Verb.REHEARSED])
    assert state.events[0].facts["on"] == f"a copy of the home, {days[0]} to {days[-1]}"
    assert home.control.verify_audit() == []


def test_a_home_without_days_rehearses_on_a_simulated_company(tmp_path: Path) -> None:
    home = keep_books(tmp_path / "home")
    assert days_for(home) == []
    home.control.rollouts.write_plan(NAME, plan_text(["ana", "ben", "cleo"], "CUS-00001"), "test", "test")
    found = rehearse_simulated(home, NAME, actor="test")
    assert [check for check in found.checks if not check.holds] == []
    assert {check.name for check in found.checks} >= {
        "found",
        "stopped",
        "frozen",
        "flags",
        "switched back",
        "worklist",
    }
    (event,) = state_of(home, NAME).events
    assert (event.verb, event.facts["on"]) == (Verb.REHEARSED, "a simulated company")


def test_a_retry_engine_is_rehearsed_by_charging_an_invoice_again_that_is_paid(tmp_path: Path) -> None:
    home = keep_books(tmp_path / "home")
    strict = "    thresholds: &strict\n      - {metric: collection_faults, limit: 0}\n      - {metric: money_left, limit: 500}\n"
    text = plan_text(["ana", "ben", "cleo"], "CUS-00001").replace("layer: calculation", "layer: payment_retry")
    home.control.rollouts.write_plan(NAME, text.replace("    thresholds: &strict\n", strict), "test", "test")
    found = rehearse_simulated(home, NAME, actor="test")
    assert [check for check in found.checks if not check.holds] == []
    assert {check.name for check in found.checks} >= {"charged again", "stopped", "frozen", "worklist", "nothing else"}
