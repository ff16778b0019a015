"""Days on which nothing is due: they pass if the policy allows every empty layer, and their month can close."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.month_tasks import days_not_green
from billing_recon.report.day_pack import write_day_pack
from billing_recon_tests.data.test_sample import SAMPLE
from billing_recon_tests.day.run import run_day

pytestmark = pytest.mark.long


def test_days_before_the_first_bill_pass_as_quiet_days_and_their_month_is_green(tmp_path: Path) -> None:
    path = shutil.copytree(SAMPLE, tmp_path / "home", ignore=shutil.ignore_patterns(".state", "metered_usage"))
    home = Home.open(path)
    for day in (date(2026, 2, 27), date(2026, 2, 28)):
        record = run_day(home, day)
        assert record.verdict is Verdict.PASS
        (said,) = [condition.sentence for condition in record.conditions if condition.name == "compared"]
        assert said.startswith("A quiet day: nothing was due and nothing was billed")
        assert "invoice_lines, rendered_invoices, rendered_lines, ledger_entries, payments were delivered empty" in said
    assert days_not_green(home, "2026-02")[1] == []
    assert "A quiet day" in write_day_pack(home, day).read_text(encoding="utf-8")
