"""The auditor's evidence of a month: Great Expectations over the month's own figures, and its pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.report.month_evidence import write_month_evidence
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day

MONTH = f"{FIRST:%Y-%m}"
DAYS_OF_MONTH = 4
"""The company's first month has four days: evidence counts days from the first one on, as the close does."""


@pytest.mark.parametrize("judged", [DAYS_OF_MONTH, DAYS_OF_MONTH - 1])
def test_the_evidence_holds_with_every_day_of_the_month_green_and_not_with_one_missing(
    company: Callable[..., Path], judged: int
) -> None:
    home = Home.open(company(days=DAYS_OF_MONTH, customers=15))
    for n in range(judged):
        assert run_day(home, FIRST + timedelta(days=n)).verdict is Verdict.PASS
    if judged == DAYS_OF_MONTH:
        write_month_evidence(home, MONTH)
    else:
        with pytest.raises(RuntimeError, match="the month's own figures contradict its close"):
            write_month_evidence(home, MONTH)
    folder = home.state / "evidence" / MONTH
    outcomes = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    assert {outcome["suite"] for outcome in outcomes} == {"verdicts", "control_totals", "row_equation"}
    failed = [outcome["expectation"] for outcome in outcomes if not outcome["success"]]
    assert failed == ([] if judged == DAYS_OF_MONTH else ["expect_table_row_count_to_equal"])
    assert list(folder.rglob("index.html"))
