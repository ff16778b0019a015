"""A company with one landed day and everybody enrolled, made once a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.day import Home, land
from billing_recon_tests.day.rollout.launch import DAY, Launch, plan_text
from billing_recon_tests.people import enrol_everyone


@pytest.fixture(scope="session")
def landed(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("rollout") / "home"
    shutil.copytree(simulated(days=1, customers=40), path)
    home = Home.open(path)
    for table in ("subscriptions", "invoice_lines", "payments"):
        land(home, table, DAY, "test")
    secrets = enrol_everyone(home)
    home.control.close()
    return path, secrets


@pytest.fixture
def launch(landed: tuple[Path, dict[str, str]], tmp_path: Path) -> Launch:
    """A rollout whose plan is written down; the day is judged and nobody is exposed yet."""
    home = tmp_path / "home"
    shutil.copytree(landed[0], home)
    made = Launch(Home.open(home), dict(landed[1]))
    made.write(plan_text(made.people, "CUS-00001, CUS-00002"))
    made.day_judged(DAY)
    return made
