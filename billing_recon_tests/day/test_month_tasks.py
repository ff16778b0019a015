"""The tasks of a month's close, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon.control import VerdictRecord
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.month_tasks import days_not_green
from billing_recon_tests.conftest import FIRST

NEXT_MONTH = date(2026, 2, 1)


@pytest.mark.parametrize("judged", list(Verdict))
def test_red_days_are_not_taken_out_of_a_month_by_a_later_first_day(
    company: Callable[..., Path], judged: Verdict
) -> None:
    path = company()
    Home.open(path).control.record_verdict(VerdictRecord(DAY_GATE, str(FIRST), judged, "", 1, "0", (), "test"))
    settings = path / "company.yaml"
    text = settings.read_text(encoding="utf-8")
    for first in (FIRST + timedelta(days=1), NEXT_MONTH):
        settings.write_text(text.replace(str(FIRST), str(first)), encoding="utf-8")
        _, sentences = days_not_green(Home.open(path), f"{first:%Y-%m}")
        said = any(f"({FIRST}) before first_day {first}" in sentence for sentence in sentences)
        assert said is (judged is not Verdict.PASS), sentences
