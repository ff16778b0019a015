"""The auditor's evidence of a month: Great Expectations over the month's own figures, and its pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.report.month_evidence import data_docs
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day

pytestmark = pytest.mark.long

MONTH = f"{FIRST:%Y-%m}"
DAYS_OF_MONTH = 4
"""The company's first month has four days: evidence counts days from the first one on, as the close does."""
SUITES = {"verdicts", "control_totals", "row_equation", "layers"}


def test_the_evidence_fails_with_a_day_missing_and_holds_with_every_day_green_on_pages_that_need_no_network(
    company: Callable[..., Path],
) -> None:
    home = Home.open(company(days=DAYS_OF_MONTH, customers=8))
    for n in range(DAYS_OF_MONTH):
        if n == DAYS_OF_MONTH - 1:
            _, failed = data_docs(home, MONTH)
            assert [one["expectation"] for one in failed] == ["expect_table_row_count_to_equal"]
        assert run_day(home, FIRST + timedelta(days=n)).verdict is Verdict.PASS
    files, failed = data_docs(home, MONTH)
    assert failed == []
    assert {one["suite"] for one in json.loads(files["validation.json"])} == SUITES
    assert set(files) == {"validation.json", "index.html", *(f"{suite}.html" for suite in SUITES)}
    pages = [data.decode() for name, data in files.items() if name.endswith(".html")]
    assert not [
        found for page in pages for found in re.findall(r"<script|<(?:link|img|iframe)[^>]*https?:[^>]*>", page)
    ]
    assert data_docs(home, MONTH)[0] == files, "the same month gives the same bytes"
