"""Lines to check by hand: drawn by lot from strata, the same for everybody; who looked, what they saw; a task of the close."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.close_policy import Task
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.month_tasks import _spot_checks
from billing_recon.day.spot_checks import record_check, sampled

pytestmark = pytest.mark.long

MONTH = "2026-01"


@pytest.fixture
def home(january: tuple[Path, dict[str, str]], tmp_path: Path) -> Home:
    """A company whose policy asks for two lines of the month."""
    shutil.copytree(january[0], tmp_path / "home")
    opened = Home.open(tmp_path / "home")
    text = opened.control.current_policy().text  # type: ignore[union-attr]
    opened.control.apply_policy(text + "close:\n  spot_checks: {per_month: 2}\n", "test", "two lines by hand")
    return Home.open(tmp_path / "home")


def test_the_lot_is_the_same_for_everybody_and_takes_from_every_stratum_in_turn(home: Home) -> None:
    drawn = sampled(home, MONTH, 1000)
    assert [(one.invoice_id, one.line_id) for one in sampled(home, MONTH, 3)] == [
        (one.invoice_id, one.line_id) for one in drawn[:3]
    ]
    strata = {(one.currency, one.stratum) for one in drawn}
    first = [(one.currency, one.stratum) for one in drawn[: len(strata)]]
    assert set(first) == strata
    assert first[0][1].startswith("large")
    assert len({(one.invoice_id, one.line_id) for one in drawn}) == len(drawn)
    assert all(str(one.period) == MONTH for one in drawn)


def test_the_month_is_held_open_until_somebody_looked_at_every_line_and_each_is_right(home: Home) -> None:
    one, other = sampled(home, MONTH)
    assert _spot_checks(home, MONTH).sentence.startswith("2 lines of 2 not looked at")
    check = {"by": "Bo Lind", "actor": "test"}
    record_check(home, MONTH, one.invoice_id, one.line_id, seen=one.total, note="contract p. 4", **check)
    with pytest.raises(ConfigurationError, match="a line that is not right needs a reason"):
        record_check(home, MONTH, other.invoice_id, other.line_id, seen=other.total + 1, note=".", **check)
    record_check(home, MONTH, other.invoice_id, other.line_id, seen=other.total + 1, note="a seat is missing", **check)
    held = _spot_checks(home, MONTH)
    assert (held.name, held.verdict) == (Task.SPOT_CHECKS, Verdict.FAIL)
    assert held.sentence == f"{other.invoice_id} line {other.line_id} is not right, by Bo Lind"
    record_check(home, MONTH, other.invoice_id, other.line_id, seen=other.total, note="the seat was free", **check)
    assert _spot_checks(home, MONTH).verdict is Verdict.PASS
    assert home.control.verify_audit() == []


def test_only_lines_of_the_sample_are_recorded_and_only_while_the_month_is_open(home: Home) -> None:
    one = sampled(home, MONTH)[0]
    with pytest.raises(ConfigurationError, match="is not in the sample of 2026-01"):
        record_check(home, MONTH, "INV-0", "1", seen=Decimal(1), note="", by="Bo", actor="x")
    home.control.lock_month(MONTH, "e1")
    with pytest.raises(CloseRefused, match="locked or closed"):
        record_check(home, MONTH, one.invoice_id, one.line_id, seen=one.total, note="", by="Bo", actor="x")
