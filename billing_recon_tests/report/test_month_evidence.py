"""The auditor's evidence of a closed month: Great Expectations over the month's own figures, and its pages."""

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


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    """A company whose first days are judged green; its first month has four of them."""
    opened = Home.open(company(customers=20))
    for n in range(4):
        assert run_day(opened, FIRST + timedelta(days=n)).verdict is Verdict.PASS
    return opened


def test_the_evidence_of_a_month_is_written_with_every_expectation_and_its_pages(home: Home) -> None:
    folder = write_month_evidence(home, MONTH)
    outcomes = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    assert {outcome["suite"] for outcome in outcomes} == {"verdicts", "control_totals", "row_equation"}
    assert all(outcome["success"] for outcome in outcomes)
    assert list(folder.rglob("index.html"))


