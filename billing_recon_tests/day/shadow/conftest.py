"""A company whose days were run and whose period is frozen: made once a session, copied for tests that change it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.core.reason import Code
from billing_recon.day import Home
from billing_recon.day.shadow.snapshot import take
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day

DAYS = 3
FAULTS = {Code.PRICE_VERSION: 1, Code.ROUNDING: 1}
PERIOD = f"{FIRST}..{FIRST + timedelta(days=DAYS - 1)}"


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


@pytest.fixture
def home(frozen: Path, tmp_path: Path) -> Home:
    """A copy of the frozen company for a test of its own."""
    shutil.copytree(frozen, tmp_path / "home")
    return Home.open(tmp_path / "home")
