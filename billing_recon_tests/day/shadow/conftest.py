"""A company whose days were run, whose period is frozen and whose candidates were reviewed: made once, copied by what changes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.core.reason import Code
from billing_recon.day import Home
from billing_recon.day.shadow.review import run
from billing_recon.day.shadow.snapshot import take
from billing_recon.simulate import simulate
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day

DAYS = 3
LAST = FIRST + timedelta(days=DAYS - 1)
FAULTS = {Code.PRICE_VERSION: 1, Code.ROUNDING: 1}
PERIOD = f"{FIRST}..{LAST}"
BUGS = {
    "faulty": {
        "TIER_RATE:boundary_off_by_one": 1, "DISCOUNT_VALUE": 1, "ROUNDING": 1, "UNEXPLAINED": 1, "STEP_ORDER": 1, "PRORATION": 1,
        "MINOR_UNIT": 1,
    },
    "clean": {},
}  # fmt: skip
"""The candidates of `reviewed` and their bugs."""


def put_candidate(home: Path, made: Path, name: str, bugs: Mapping[str, int]) -> None:
    """Put a simulated candidate of the frozen company into a home; `made` is scratch."""
    simulate(
        seed=7, first=FIRST, last=LAST, customers=200, faults=FAULTS, out=made / name, candidate=name, candidate_faults=bugs
    )  # fmt: skip
    shutil.copytree(made / name / "shadow" / name, home / "shadow" / name)


@pytest.fixture(scope="session")
def frozen(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a frozen period of three days, in which the old engine has two faults."""
    home = tmp_path_factory.mktemp("shadow") / "home"
    shutil.copytree(simulated(days=DAYS, customers=200, faults=FAULTS), home)
    opened = Home.open(home)
    for number in range(DAYS):
        run_day(opened, FIRST + timedelta(days=number))
    take(opened, PERIOD, "ana")
    return home


@pytest.fixture(scope="session")
def reviewed(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The frozen company with its candidates reviewed. A test that decides something copies it: one that did not fails at the end."""
    made = tmp_path_factory.mktemp("candidates")
    shutil.copytree(frozen, made / "home")
    for name, bugs in BUGS.items():
        put_candidate(made / "home", made, name, bugs)
    home = Home.open(made / "home")
    for name in BUGS:
        run(home, name, "ana")
    recorded = home.control.audit_head()
    yield home
    assert home.control.audit_head() == recorded, "a test decided something in the home that all share"


@pytest.fixture
def home(frozen: Path, tmp_path: Path) -> Home:
    """A copy of the frozen company for a test of its own."""
    shutil.copytree(frozen, tmp_path / "home")
    return Home.open(tmp_path / "home")
