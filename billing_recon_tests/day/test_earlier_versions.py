"""A home that an earlier version left runs its next day, and keeps what was decided."""

from __future__ import annotations

import tarfile
from datetime import date
from pathlib import Path

import pytest

from billing_recon.core.errors import GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.releases import verify_release
from billing_recon_tests.day.run import run_day

HOMES = Path(__file__).parents[1] / "homes"
LAST, NEXT = date(2026, 1, 31), date(2026, 2, 1)


@pytest.fixture(params=sorted(path.name for path in HOMES.glob("*.tar.xz")))
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    with tarfile.open(HOMES / request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return Home.open(tmp_path / "home")


def test_the_next_day_passes_and_rests_on_the_days_before(left: Home) -> None:
    assert run_day(left, NEXT).verdict is Verdict.PASS


def test_what_was_decided_is_kept_and_its_release_is_refused_until_the_day_runs_again(left: Home) -> None:
    decided = left.control.latest_verdict(DAY_GATE, str(LAST))
    assert decided is not None
    assert decided.verdict is Verdict.PASS
    assert left.control.verify_audit() == []
    with pytest.raises(GateRefused, match="code changed"):
        verify_release(left, LAST)
