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


def test_the_evidence_fails_with_a_day_missing_and_holds_with_every_day_green(company: Callable[..., Path]) -> None:
    home = Home.open(company(days=DAYS_OF_MONTH, customers=8))
    for n in range(DAYS_OF_MONTH):
        if n == DAYS_OF_MONTH - 1:
            with pytest.raises(RuntimeError, match="the month's own figures contradict its close"):
                write_month_evidence(home, MONTH)
            assert failed_expectations(home) == ["expect_table_row_count_to_equal"]
        assert run_day(home, FIRST + timedelta(days=n)).verdict is Verdict.PASS
    write_month_evidence(home, MONTH)
    assert failed_expectations(home) == []


def failed_expectations(home: Home) -> list[str]:
    """The expectations of the written evidence that fail; it must have every suite and pages."""
    folder = home.state / "evidence" / MONTH
    outcomes = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    assert {outcome["suite"] for outcome in outcomes} == {"verdicts", "control_totals", "row_equation"}
    assert list(folder.rglob("index.html"))
    return [outcome["expectation"] for outcome in outcomes if not outcome["success"]]
