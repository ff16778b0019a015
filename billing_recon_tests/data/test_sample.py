"""The tracked sample says what its README says: four days pass, one fails, with exactly the breaks of breaks.csv."""

from __future__ import annotations

import csv
import shutil
from datetime import date, timedelta
from pathlib import Path

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.report.exports import breaks_csv
from billing_recon_tests.day.run import breaks, run_day

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
FIRST, LAST = date(2026, 2, 27), date(2026, 3, 3)
WRONG = date(2026, 3, 2)


def test_four_days_pass_and_the_fourth_fails_with_two_differences(tmp_path: Path) -> None:
    out = tmp_path / "sample"
    shutil.copytree(SAMPLE, out, ignore=shutil.ignore_patterns(".state"))
    home = Home.open(out)
    verdicts = {FIRST + timedelta(days=n): run_day(home, FIRST + timedelta(days=n)).verdict for n in range(5)}
    assert verdicts == {day: Verdict.FAIL if day == WRONG else Verdict.PASS for day in verdicts}
    exported = breaks_csv(breaks(home, FIRST, LAST))
    assert exported == (SAMPLE / "breaks.csv").read_text(encoding="utf-8")
    assert [row["delta"] for row in csv.DictReader(exported.splitlines())] == ["-2.18", "-1.00"]
