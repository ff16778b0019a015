"""`approvers`, `signoff`, `reopen`, `release` and `audit` as people type them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.day.home import Home
from billing_recon_tests.people import code_of
from billing_recon_tests.report.books import DAY, QUIET

Typed = Callable[..., Result]
ANA, BO = "Ana Ruiz", "Bo Lind"
POLICY = "approvers:\n- {name: Ana Ruiz, role: finance}\n- {name: Bo Lind, role: product}\n"


@pytest.fixture
def staffed(books: Path) -> Path:
    """The books under a policy that names two approvers."""
    Home.open(books).control.apply_policy(POLICY, "test", "")
    return books


def secret_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return next(line.split()[1] for line in result.stdout.splitlines() if line.startswith("secret"))


def test_the_first_person_enrols_alone_and_every_further_one_with_another(staffed: Path, typed: Typed) -> None:
    secret = secret_of(typed("approvers", "enrol", ANA, "--home", staffed))
    alone = typed("approvers", "enrol", BO, "--home", staffed)
    assert alone.exit_code == 1
    assert "somebody else confirms it: --by NAME --code NNNNNN" in alone.stderr
    oneself = typed("approvers", "enrol", ANA, "--by", ANA, "--code", code_of(secret), "--home", staffed)
    assert "cannot confirm it themselves" in oneself.stderr
    secret_of(typed("approvers", "enrol", BO, "--by", ANA, "--code", code_of(secret), "--home", staffed))
    listed = typed("approvers", "list", "--home", staffed).stdout
    assert "nobody: the first" in listed
    assert secret not in listed
    stranger = typed("approvers", "enrol", "Somebody Else", "--home", staffed)
    assert stranger.exit_code == 2
    assert "may not sign; policy names" in stranger.stderr


def test_a_closed_month_is_not_reopened_without_an_approver(staffed: Path, typed: Typed) -> None:
    Home.open(staffed).control.close_month("2026-03", "e1")
    result = typed("reopen", "2026-03", "--reason", "late credit notes", "--home", staffed)
    assert result.exit_code == 1
    assert "--as NAME --code NNNNNN" in result.stderr
    secret = secret_of(typed("approvers", "enrol", ANA, "--home", staffed))
    as_ana = ("reopen", "2026-03", "--home", staffed, "--as", ANA, "--code", code_of(secret), "--reason")
    dot = typed(*as_ana, ".")
    assert "needs a reason" in dot.stderr
    assert typed(*as_ana, "late credit notes").exit_code == 0


def test_a_day_that_is_not_released_exits_1_with_the_reason(books: Path, typed: Typed) -> None:
    failed, never = (typed("release", "verify", day, "--home", books) for day in (DAY, QUIET))
    assert (failed.exit_code, never.exit_code) == (1, 1)
    assert "is FAIL" in failed.stderr
    assert "never released" in never.stderr or "no longer" in never.stderr or "was PASS" in never.stderr


def test_the_chain_verifies_is_shown_and_is_exported_as_it_was_hashed(
    books: Path, typed: Typed, tmp_path: Path
) -> None:
    whole = typed("audit", "verify", "--home", books)
    assert whole.exit_code == 0
    assert "the audit chain is whole" in whole.stdout
    assert "FAIL" in typed("audit", "show", "--kind", "verdicts", "--home", books).stdout
    typed("audit", "export", "--out", tmp_path / "audit.jsonl", "--home", books)
    events = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[1]["prev_hash"] == events[0]["hash"]


def test_a_changed_decision_is_found_and_exits_1(books: Path, typed: Typed) -> None:
    with sqlite3.connect(books / ".state" / "control.db") as database:
        database.execute("DROP TRIGGER verdicts_no_update")
        database.execute("UPDATE verdicts SET verdict = 'PASS'")
    result = typed("audit", "verify", "--home", books)
    assert result.exit_code == 1
    assert "was changed after audit event" in result.output
