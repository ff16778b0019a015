"""`policy` as people type it: what an edit changes, from which day, why, and who has to allow it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.day.gate import require_pass
from billing_recon.day.home import Home
from billing_recon_tests.people import code_of, enrol_everyone
from billing_recon_tests.report.books import DAY, QUIET

Typed = Callable[..., Result]
WHY = "the rounding of the new engine, until release 12"
PEOPLE = "approvers:\n- {name: Ana Ruiz, role: finance}\n- {name: Bo Lind, role: product}\n- {name: Cy Fox, role: engineering}\n"


def edit(home: Path, text: str) -> None:
    """Make `text` the whole policy of the files."""
    for file in (home / "policies").glob("*.yaml"):
        file.unlink()
    (home / "policies" / "policy.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def staffed(books: Path) -> Path:
    """The books under a policy that names three approvers."""
    Home.open(books).control.apply_policy(f"# policy.yaml\n{PEOPLE}", "test", "")
    edit(books, PEOPLE)
    return books


def test_a_diff_says_field_by_field_what_loosens_and_which_days_are_judged_again(books: Path, typed: Typed) -> None:
    edit(books, f"effective_from: {QUIET}\ngate: {{max_breaks: 3}}\nwindows: {{}}\n")
    shown = typed("policy", "diff", "--home", books)
    assert shown.exit_code == 0, shown.output
    assert "gate.max_breaks" in shown.stdout
    assert "loosens" in shown.stdout
    assert f"judges {QUIET} and later days" in shown.stdout
    assert f"1 judged day to run again: {QUIET}" in shown.stdout
    assert Home.open(books).policy_number == 1, "nothing is applied"
    (books / "other.yaml").write_text("gate: {max_breaks: 2}\n", encoding="utf-8")
    assert (
        "3"
        not in typed("policy", "diff", books / "other.yaml", "--home", books).stdout.split("gate.max_breaks")[1][:20]
    )


def test_earlier_days_keep_their_version_and_its_verdicts(books: Path, typed: Typed) -> None:
    before = Home.open(books)
    edit(books, f"effective_from: {QUIET}\ngate: {{max_breaks: 3}}\n")
    assert typed("policy", "apply", "--note", WHY, "--home", books).exit_code == 0
    home = Home.open(books)
    assert [home.policy_on(day).number for day in (DAY, QUIET, date(2027, 1, 1))] == [1, 2, 2]
    assert home.policy_on(DAY).policy.gate.max_breaks == 0
    latest = {day: home.control.latest_verdict("day", str(day)) for day in (DAY, QUIET)}
    from billing_recon.day.gate import evidence_now

    assert evidence_now(home, DAY) == evidence_now(before, DAY)
    assert evidence_now(home, QUIET) != evidence_now(before, QUIET)
    assert latest[DAY] is not None
    assert "judges from" in typed("policy", "history", "--home", books).stdout
    assert "max_breaks: 3" not in typed("policy", "show", "--day", DAY, "--home", books).stdout


@pytest.mark.parametrize("note", ["", ".", "...", "ok", "-", "n/a", "\x1b[2Jwords of no use", "x" * 3000])
def test_a_version_needs_a_reason_in_words(books: Path, typed: Typed, note: str) -> None:
    edit(books, "gate: {max_breaks: 3}\n")
    refused = typed("policy", "apply", "--note", note, "--home", books)
    assert refused.exit_code == 2
    assert Home.open(books).policy_number == 1


def test_what_loosens_a_limit_needs_two_approvers_each_with_a_code_that_is_good_once(
    staffed: Path, typed: Typed
) -> None:
    secrets = enrol_everyone(Home.open(staffed))
    edit(staffed, f"{PEOPLE}gate: {{max_breaks: 3}}\n")
    apply = ("policy", "apply", "--note", WHY, "--home", staffed)
    alone = typed(*apply)
    assert alone.exit_code == 1
    assert "two approvers have to allow it" in alone.stderr
    assert "gate.max_breaks: 0 -> 3" in alone.stderr
    ana = ("--as", "Ana Ruiz", "--code", code_of(secrets["Ana Ruiz"], later=1))
    for second in ((), ana, ("--as", "ANA  RUIZ", "--code", "123456"), ("--as", "Eve", "--code", "123456")):
        assert typed(*apply, *ana, *second).exit_code in (1, 2)
        assert Home.open(staffed).policy_number == 2
    guessed = typed(*apply, *ana, "--as", "Bo Lind", "--code", "000000")
    assert "is not that of Bo Lind" in guessed.stderr
    bo, cy = (("--as", name, "--code", code_of(secrets[name], later=1)) for name in ("Bo Lind", "Cy Fox"))
    replayed = typed(*apply, *bo, *ana)
    assert "was used before" in replayed.stderr
    with_both = typed(*apply, *bo, *cy)
    assert "was used before" in with_both.stderr
    assert Home.open(staffed).policy_number == 2


def test_two_approvers_loosen_and_one_person_tightens(staffed: Path, typed: Typed) -> None:
    secrets = enrol_everyone(Home.open(staffed))
    both = [
        word for name in ("Ana Ruiz", "Bo Lind") for word in ("--as", name, "--code", code_of(secrets[name], later=1))
    ]
    edit(staffed, f"{PEOPLE}gate: {{max_breaks: 3}}\n")
    done = typed("policy", "apply", "--note", WHY, *both, "--home", staffed)
    assert "allowed by Ana Ruiz, Bo Lind" in done.stdout, done.output
    assert "Ana Ruiz, Bo Lind" in typed("policy", "history", "--home", staffed).stdout
    edit(staffed, f"{PEOPLE}gate: {{max_breaks: 1}}\n")
    assert typed("policy", "apply", "--note", "back to one, as agreed", "--home", staffed).exit_code == 0
    home = Home.open(staffed)
    assert (home.policy.gate.max_breaks, home.policy_versions[-1].approved_by) == (1, "")
    assert home.control.verify_audit() == []


def test_problems_have_file_and_line(books: Path, typed: Typed) -> None:
    edit(
        books,
        "gate:\n  thresholds:\n  - {metric: capture_rat, min: '0.9'}\n  limits:\n  - {currency: JPY, max_rate: '0', max_per_account: '0', max_total: '0'}\n",
    )
    (books / "policies" / "a.yaml").write_text("# a comment\n\nowners:\n  NO_CODE: x\n", encoding="utf-8")
    refused = typed("policy", "diff", "--home", books)
    assert refused.exit_code == 2
    assert "policies/a.yaml:3: owners: owners for unknown reason codes ['NO_CODE']" in refused.stderr
    (books / "policies" / "a.yaml").unlink()
    refused = typed("policy", "diff", "--home", books)
    assert "policies/policy.yaml:3: 'capture_rat' is no metric" in refused.stderr
    assert "policies/policy.yaml:5: 'JPY' is no currency of company.yaml" in refused.stderr


def test_a_closed_month_keeps_its_version_and_windows_hold_for_every_open_day(books: Path, typed: Typed) -> None:
    edit(books, f"effective_from: {QUIET}\nwindows: {{ledger_lag_days: 1}}\n")
    refused = typed("policy", "apply", "--note", WHY, "--home", books)
    assert "windows hold for every open day alike" in refused.stderr
    Home.open(books).control.close_month("2026-03", "e1")
    for start in ("", f"effective_from: {QUIET}\n"):
        edit(books, f"{start}gate: {{max_breaks: 3}}\n")
        refused = typed("policy", "apply", "--note", WHY, "--home", books)
        assert refused.exit_code == 2
        assert "2026-03 is closed and keeps its version; write effective_from: 2026-04-01" in refused.stderr
    edit(books, "effective_from: 2026-04-01\ngate: {max_breaks: 3}\nwindows: {ledger_lag_days: 1}\n")
    assert typed("policy", "apply", "--note", WHY, "--home", books).exit_code == 0
    require_pass(Home.open(books), "day", str(QUIET))


def test_what_is_no_text_is_refused_with_its_file(books: Path, typed: Typed) -> None:
    (books / "policies" / "b.yaml").write_bytes(b"owners: {default: \xff\xfe}")
    refused = typed("policy", "diff", "--home", books)
    assert (refused.exit_code, "b.yaml is not UTF-8 text" in refused.stderr) == (2, True)
    (books / "policies" / "b.yaml").write_bytes(b"# " + b"x" * 2_000_000)
    assert "at most" in typed("policy", "diff", "--home", books).stderr
    (books / "policies" / "b.yaml").unlink()
    missing = typed("policy", "diff", books / "nowhere.yaml", "--home", books)
    assert (missing.exit_code, "cannot be read" in " ".join(missing.stderr.split())) == (2, True)
