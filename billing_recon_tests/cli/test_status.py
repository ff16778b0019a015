"""`status`: a day that passed, failed, never ran or went stale; a month with its days and signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

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
    home.control.end_write("breaks", QUIET, 1, "another digest", "somebody")
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
