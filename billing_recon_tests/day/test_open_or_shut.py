"""A day's release is open only while an undisturbed run of the same inputs passes, whatever was landed, set and run in which order.

The inputs are few variants of each file and setting, so the undisturbed runs are made once each. BILLING_RECON_ROUNDS: how many
random sequences are tried.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from billing_recon import day as steps
from billing_recon.core.errors import GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.releases import verify_release
from billing_recon.day.stale_days import why_stale
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "1"))
STEPS = 10
DAYS = (FIRST, FIRST + timedelta(days=1))
TABLES = ("usage_events", "invoice_lines", "rendered_lines", "ledger_entries", "payments")
RIGHT, SHORT, GONE, GARBLED = "right", "a row less", "no file", "not a table"
SETTINGS: dict[str, tuple[Path, Callable[[str], str]]] = {
    "commented": (Path("catalog/plans.yaml"), lambda text: text + "\n# a comment\n"),
    "dearer": (Path("catalog/plans.yaml"), lambda text: text.replace("unit: '0.00", "unit: '0.09")),
    "renamed": (Path("company.yaml"), lambda text: text + "\n# another company file\n"),
    "lenient": (Path("policies/policy.yaml"), lambda text: text + "\ngate: {max_breaks: 1000}\n"),
}
Inputs = tuple[tuple[str, ...], frozenset[str]]
_passes: dict[Inputs, tuple[bool, ...]] = {}
_template: list[Path] = []


def deliver(home: Path, right: Path, table: str, day: date, variant: str) -> None:
    """The source sends the day's file in a variant of it."""
    file = home / "landing" / table / f"{day}.csv"
    text = (right / "landing" / table / f"{day}.csv").read_text(encoding="utf-8")
    if variant == GONE:
        file.unlink(missing_ok=True)
    elif variant == GARBLED:
        file.write_bytes(b"\x00\xff\xfe no table \x81")
    else:
        lines = text.splitlines(keepends=True)
        file.write_text("".join(lines[: -1 if variant == SHORT and len(lines) > 1 else None]), encoding="utf-8")


def set_up(home: Path, right: Path, chosen: frozenset[str]) -> Home:
    """The home opened with these settings, those of the policy in force."""
    for place in {place for place, _ in SETTINGS.values()}:
        text = (right / place).read_text(encoding="utf-8")
        for name in sorted(chosen):
            text = SETTINGS[name][1](text) if SETTINGS[name][0] == place else text
        (home / place).write_text(text, encoding="utf-8")
    opened = Home.open(home)
    if opened.policy_pending:
        opened.control.apply_policy((home / "policies" / "policy.yaml").read_text(encoding="utf-8"), "test", "")
        opened.control.close()
        opened = Home.open(home)
    return opened


def settle(home: Home) -> None:
    """Run what is stale, the earliest day first, until nothing is."""
    for _ in range(3):
        stale = [day for day in DAYS if why_stale(home, day)]
        for day in stale:
            run_and_release(home, day)
        if not stale:
            return


def run_and_release(home: Home, day: date) -> None:
    run_day(home, day)
    with suppress(GateRefused):
        steps.release(home, day, "test")


def is_open(home: Home, day: date) -> bool:
    try:
        verify_release(home, day)
    except GateRefused:
        return False
    return True


class Sequences(RuleBasedStateMachine):
    """One company's two days, at first run, green and released."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "home"
        shutil.copytree(_template[0], self.path)
        self.right = _template[0]
        self.delivered = {(table, day): RIGHT for day in DAYS for table in TABLES}
        self.landed = dict(self.delivered)
        self.chosen: frozenset[str] = frozenset()
        self.stopped: set[date] = set()
        self.home = Home.open(self.path)

    def teardown(self) -> None:
        self.home.control.close()
        self.folder.cleanup()

    def undisturbed(self) -> tuple[bool, ...]:
        """Whether each day passes if what is landed now is delivered to a new company with these settings."""
        key = (tuple(self.landed[place] for place in sorted(self.landed)), self.chosen)
        if key not in _passes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "home"
                shutil.copytree(self.right, path, ignore=shutil.ignore_patterns(".state"))
                for (table, day), variant in self.landed.items():
                    deliver(path, self.right, table, day, variant)
                home = set_up(path, self.right, self.chosen)
                settle(home)
                found = home.control.verdicts(DAY_GATE, [str(day) for day in DAYS])
                _passes[key] = tuple(found[str(day)].verdict is Verdict.PASS for day in DAYS)
                home.control.close()
        return _passes[key]

    @rule(
        table=st.sampled_from(TABLES), day=st.sampled_from(DAYS), variant=st.sampled_from([RIGHT, SHORT, GONE, GARBLED])
    )
    def deliver(self, table: str, day: date, variant: str) -> None:
        deliver(self.path, self.right, table, day, variant)
        self.delivered[table, day] = variant

    @rule(table=st.sampled_from(TABLES), day=st.sampled_from(DAYS))
    def land(self, table: str, day: date) -> None:
        steps.land(self.home, table, day, "test")
        self.landed[table, day] = self.delivered[table, day]

    @rule(chosen=st.frozensets(st.sampled_from(sorted(SETTINGS)), max_size=2))
    def configure(self, chosen: frozenset[str]) -> None:
        self.home.control.close()
        self.home, self.chosen = set_up(self.path, self.right, chosen), chosen

    @rule(day=st.sampled_from(DAYS), step=st.sampled_from([steps.roll_up, steps.expect, steps.reconcile]))
    def compute(self, day: date, step: Callable[[Home, date, str], Any]) -> None:
        step(self.home, day, "test")

    @rule(day=st.sampled_from(DAYS))
    def stop(self, day: date) -> None:
        """What a run does that ends after landing; nothing is stale about it, so somebody runs it again."""
        steps.withdraw(self.home, day, "test")
        self.stopped.add(day)

    @rule(day=st.sampled_from(DAYS))
    def judge_and_release(self, day: date) -> None:
        with suppress(GateRefused):
            steps.judge_day(self.home, day, "test")
            steps.release(self.home, day, "test")

    @rule(day=st.sampled_from(DAYS))
    def run_whole(self, day: date) -> None:
        self.run(day)

    def run(self, day: date) -> None:
        self.landed |= {place: variant for place, variant in self.delivered.items() if place[1] == day}
        run_and_release(self.home, day)
        self.stopped.discard(day)

    @rule()
    def run_what_is_stale(self) -> None:
        """After it a day is open if and only if it passes undisturbed."""
        for day in sorted(self.stopped):
            self.run(day)
        settle(self.home)
        self.landed = dict(self.delivered)
        assert tuple(is_open(self.home, day) for day in DAYS) == self.undisturbed()
        assert [why_stale(self.home, day) for day in DAYS] == ["", ""]

    @initialize()
    def begin(self) -> None:
        assert all(is_open(self.home, day) for day in DAYS)

    @invariant()
    def open_only_if_an_undisturbed_run_passes(self) -> None:
        for number, day in enumerate(DAYS):
            if is_open(self.home, day):
                assert self.undisturbed()[number], (
                    f"{day} is open, and an undisturbed run of the same inputs does not pass"
                )


def test_no_sequence_of_landing_settings_and_steps_opens_a_day_that_an_undisturbed_run_would_not(
    simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("sequences") / "home"
    shutil.copytree(simulated(days=2, customers=4), path)
    home = Home.open(path)
    settle(home)
    home.control.close()
    _template.append(path)
    few = ROUNDS <= 5
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Sequences,
        settings=settings(
            max_examples=ROUNDS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=few,
            database=None,
            phases=[Phase.generate],
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
