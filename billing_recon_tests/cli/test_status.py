"""`status`: a day that passed, failed, never ran or went stale; a month with its days and signatures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from typer.testing import Result

from billing_recon.control import VerdictRecord
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import evidence_now
from billing_recon.day.home import Home
from billing_recon_tests.report.books import DAY, QUIET, judge

Typed = Callable[..., Result]


def test_a_day_that_passed_exits_0_and_a_day_that_failed_1(kept: Path, typed: Typed) -> None:
    quiet, broken = typed("status", "--home", kept, "--day", QUIET), typed("status", "--home", kept, "--day", DAY)
    assert (quiet.exit_code, broken.exit_code) == (0, 1)
    assert broken.stdout.startswith("FAIL  My Company, 2026-03-02: 1 of 2 conditions does not hold")
    for said in ("3 open breaks; the policy allows 0.", "unknown_currency", "1,234,585.35", "policy version  1"):
        assert said in broken.stdout


def test_a_day_that_never_ran_exits_1_and_says_how_to_run_it(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--day", "2026-03-09")
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT RUN")
    assert "run --home" in result.stdout


def test_a_pass_on_evidence_that_changed_is_shown_as_stale_and_exits_1(books: Path, typed: Typed) -> None:
    home = Home.open(books)
    (report,) = home.control.landing_reports(QUIET)
    home.control.record_landing(replace(report, files=(("landing/invoice_lines/again.csv", "cd" * 32),)), "somebody")
    result = typed("status", "--home", books, "--day", QUIET)
    assert result.exit_code == 1
    assert "no longer holds" in result.stdout
    judge(home, QUIET)
    assert typed("status", "--home", books, "--day", QUIET).exit_code == 0


def test_a_month_shows_each_day_and_who_has_yet_to_sign(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--month", "2026-03")
    assert result.exit_code == 1
    for said in (" 2 FAIL", " 3 PASS", " 4 not run", "1 of 31 days PASS", "finance: not signed yet"):
        assert said in result.stdout


def test_day_and_month_together_are_refused(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--day", DAY, "--month", "2026-03")
    assert (result.exit_code, result.stderr) == (2, "error: give --day or --month, not both\n")


def test_without_a_day_the_newest_verdict_counts_and_never_an_older_day_with_results(books: Path, typed: Typed) -> None:
    home = Home.open(books)
    home.control.record_verdict(inconclusive(str(QUIET + timedelta(days=1))))
    result = typed("status", "--home", books)
    assert result.exit_code == 1
    assert result.stdout.startswith("INCONCLUSIVE  My Company, 2026-03-04")
    assert "also FAIL: 1 day (2026-03-02)" in result.stdout
    exported = typed("breaks", "--home", books, "--format", "json")
    assert exported.stdout == ""
    assert "INCONCLUSIVE: not everything was compared there (2026-03-04)" in exported.stderr
    shown = typed("breaks", "--home", books).stdout
    assert shown.startswith("0 breaks on 2026-03-04\n")
    assert "everything compared agrees" not in shown
    for command in ("usage", "checklist"):
        assert typed(command, "--home", books).stdout.startswith("My Company, 2026-03-04")
    assert "as of 2026-03-04" in typed("exceptions", "list", "--home", books).stdout


def test_a_passed_day_is_not_green_while_another_day_is_red_or_was_left_out(books: Path, typed: Typed) -> None:
    home = Home.open(books)
    newest = typed("status", "--home", books)
    assert newest.exit_code == 1, "the newest day passed, the one before it did not"
    assert newest.stdout.startswith("PASS  My Company, 2026-03-03")
    record = home.control.latest_verdict("day", str(DAY))
    assert record is not None
    home.control.record_verdict(replace(record, verdict=Verdict.PASS, conditions=()))
    (books / "company.yaml").write_text(
        (books / "company.yaml").read_text(encoding="utf-8").replace("2026-01-01", "2026-03-02"), encoding="utf-8"
    )
    for day in (DAY, QUIET):
        judge(Home.open(books), day)
    home.control.record_verdict(
        replace(record, verdict=Verdict.PASS, conditions=(), evidence_hash=judged_evidence(books))
    )
    assert typed("status", "--home", books).exit_code == 0
    through = typed("status", "--home", books, "--through", "2026-03-05")
    assert through.exit_code == 1
    assert "also not run: 2 days (2026-03-04, 2026-03-05)" in through.stdout
    home.control.record_landing(LandingReport("payments", date(2026, 3, 4), LandingStatus.EMPTY), "killed")
    landed = typed("status", "--home", books)
    assert landed.exit_code == 1
    assert "also not run: 1 day (2026-03-04)" in landed.stdout


def judged_evidence(books: Path) -> str:
    evidence = evidence_now(Home.open(books), DAY)
    assert evidence is not None
    return evidence


def inconclusive(day: str) -> VerdictRecord:
    held = Condition("layer:ledger_entries", Verdict.INCONCLUSIVE, "No file of ledger_entries was delivered.")
    return VerdictRecord("day", day, Verdict.INCONCLUSIVE, "none", 1, "0.1.0", (held,), "run")


def test_status_waits_for_nothing_that_only_landing_computing_and_the_ui_need(books: Path) -> None:
    heavy = {
        *("altair", "cryptography", "dagster", "great_expectations", "holidays", "httpx", "lxml", "numpy", "openpyxl"),
        *("pandas", "pandera", "polars", "pyarrow", "pyotp", "sqlalchemy.orm"),
        *("billing_recon.compute.definitions", "billing_recon.compute.expect", "billing_recon.compute.reconcile"),
        *("billing_recon.core.document", "billing_recon.core.operations", "billing_recon.core.rollout"),
        *("billing_recon.feeds.landing.conversion", "billing_recon.feeds.landing.pipeline"),
    }
    code = (
        f"import sys; sys.argv = ['billing-recon', 'status', '--home', {str(books)!r}]\n"
        "from billing_recon.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert done.code in (0, 1)\n"
        f"sys.stderr.write(','.join(sorted({heavy!r} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("PASS", "FAIL"))
    assert done.stderr == ""
