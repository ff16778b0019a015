"""A month's close: what holds it open, what freezes it, who signs it, and what a restatement shows."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon import day as steps
from billing_recon.control import MonthState
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.close_policy import Task
from billing_recon.core.errors import CloseRefused
from billing_recon.core.reason import Disposition
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.month_close import close_month, days_to_close, lock_month, reopen_month, restatement, sign_off
from billing_recon.day.month_tasks import checklist
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day
from billing_recon_tests.people import code_of

pytestmark = pytest.mark.long

MONTH, END = "2026-01", date(2026, 1, 31)
DAYS = [FIRST + timedelta(days=n) for n in range(7)]
"""The last four days of January, and the three in which its postings may still arrive."""


@pytest.fixture
def home(january: tuple[Path, dict[str, str]], tmp_path: Path) -> Home:
    shutil.copytree(january[0], tmp_path / "home")
    return Home.open(tmp_path / "home")


@pytest.fixture
def secrets(january: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return january[1]


def sign(home: Home, secrets: dict[str, str], month: str = MONTH) -> None:
    for name, secret in secrets.items():
        sign_off(home, month, name, actor="test", code=code_of(secret, later=1))


def states(home: Home, month: str = MONTH) -> dict[Task, Verdict]:
    return {line.task: line.condition.verdict for line in checklist(home, month)}


def book(home: Home, day: date, *rows: str) -> None:
    """Add rows to the day's ledger file."""
    file = home.path / "landing" / "ledger_entries" / f"{day}.csv"
    file.write_text(file.read_text(encoding="utf-8") + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def write_off(home: Home) -> None:
    book(
        home,
        END,
        f"W1-1,W1,{END},8000,write_off,5.00,,USD,,,given up",
        f"W1-2,W1,{END},1200,ar,,5.00,USD,,,given up",
    )


def test_a_month_is_locked_signed_closed_reopened_restated_and_closed_again(
    home: Home, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CloseRefused) as refused:
        close_month(home, MONTH, "test")
    (reason,) = refused.value.reasons
    assert reason.startswith("sign_off (finance-operations, due 2026-02-06) is FAIL: finance: not signed yet")
    lock_month(home, MONTH, "test")
    with pytest.raises(CloseRefused, match="2026-01 is Locked"):
        home.control.begin_write("payments", END, "late")
    sign(home, secrets)
    evidence = close_month(home, MONTH, "test")
    assert close_month(home, MONTH, "again") == evidence
    assert days_to_close(home, MONTH) is not None
    assert restatement(home, MONTH) is None

    write_off(home)
    with pytest.raises(CloseRefused, match="reopen"):
        run_day(home, END)
    now = home.control._clock()
    monkeypatch.setattr(home.control, "_clock", lambda: now + timedelta(minutes=5))
    reopen = {"code": code_of(secrets["Mei Tanaka"], now + timedelta(minutes=5)), "actor": "test"}
    reopen_month(home, MONTH, "Mei Tanaka", reason="a receivable was given up on the 31st", **reopen)
    for day in DAYS[3:]:
        assert run_day(home, day).verdict is Verdict.PASS
    changed = restatement(home, MONTH)
    assert changed is not None
    assert "a receivable was given up on the 31st" in changed.reasons[0]
    assert {(one.what, one.currency): one.change for one in changed.differences.figures} == {
        ("account 1200", "USD"): -5,
        ("account 8000", "USD"): 5,
        ("ar booked", "USD"): -5,
        ("ar closing", "USD"): -5,
        ("ar written_off", "USD"): -5,
    }
    with pytest.raises(CloseRefused, match="not signed yet"):
        close_month(home, MONTH, "test")
    monkeypatch.setattr(home.control, "_clock", lambda: now + timedelta(minutes=10))
    for name, secret in secrets.items():
        sign_off(home, MONTH, name, actor="test", code=code_of(secret, now + timedelta(minutes=10)))
    assert close_month(home, MONTH, "test") != evidence
    assert restatement(home, MONTH) == changed
    assert home.control.verify_audit() == []


def test_nothing_writes_into_a_locked_or_closed_month(home: Home) -> None:
    """Whatever asks: each step of the day, landing again after earlier usage, a decision about a row or a break."""
    before = home.control.partition_states(("breaks", "payments", "usage_events"), END, END)
    home.control.lock_month(MONTH, "e1")
    about = BreakDecision("B1", END, BreakVerb.RESOLVE, "Bo", 5, "USD", disposition=Disposition.TIMING, reason="late")  # type: ignore[arg-type]
    for attempt in (
        lambda: steps.land(home, "payments", END, "x"),
        lambda: steps.roll_up(home, END, "x"),
        lambda: steps.expect(home, END, "x"),
        lambda: steps.reconcile(home, END, "x"),
        lambda: steps.withdraw(home, END, "x"),
        lambda: home.control.land_again("usage_events", END),
        lambda: home.control.decide_breaks([about]),
    ):
        with pytest.raises(CloseRefused, match="reopen"):
            attempt()
    assert home.control.partition_states(("breaks", "payments", "usage_events"), END, END) == before


def test_a_month_waits_for_the_days_in_which_its_postings_may_still_arrive(home: Home, secrets: dict[str, str]) -> None:
    home.control.begin_write("breaks", date(2026, 2, 2), "killed")
    assert states(home)[Task.CUT_OFF] is Verdict.INCONCLUSIVE
    with pytest.raises(CloseRefused, match=r"1 day \(2026-02-02\) not known"):
        sign(home, secrets)


def test_what_arrives_within_the_cut_off_voids_the_signatures(home: Home, secrets: dict[str, str]) -> None:
    sign(home, secrets)
    assert states(home)[Task.SIGN_OFF] is Verdict.PASS
    home.control.end_write("ledger_entries", date(2026, 2, 1), 99, "other rows", "x")
    assert states(home)[Task.SIGN_OFF] is Verdict.FAIL


def test_a_journal_of_february_that_corrects_january_does_not_stand_for_it(home: Home) -> None:
    """A manual journal on receivables is of no invoice and no payment, so the ledger no longer ties, and says by how much."""
    book(
        home,
        END,
        f"M1-1,M1,{END},1200,ar,1000.00,,USD,,,plug",
        f"M1-2,M1,{END},9999,other,,1000.00,USD,,,plug",
    )
    steps.land(home, "ledger_entries", END, "x")
    line = next(line for line in checklist(home, MONTH) if line.task is Task.RECEIVABLES)
    assert line.condition.verdict is Verdict.FAIL
    assert "+1,000.00 USD in journals of no invoice or payment" in line.condition.sentence


def test_months_close_in_sequence_and_are_reopened_in_the_reverse_order(home: Home, secrets: dict[str, str]) -> None:
    assert states(home, "2026-02")[Task.SEQUENCE] is Verdict.FAIL
    home.control.close_month(MONTH, "e1")
    assert states(home, "2026-02")[Task.SEQUENCE] is Verdict.PASS
    home.control.close_month("2026-02", "e2")
    with pytest.raises(CloseRefused, match="2026-02 is Closed; reopen it before 2026-01"):
        reopen_month(
            home,
            MONTH,
            "Mei Tanaka",
            code=code_of(secrets["Mei Tanaka"], later=1),
            reason="credit notes came late",
            actor="x",
        )
    assert home.control.month_state(MONTH) is MonthState.CLOSED


def test_a_changed_decision_holds_the_month_open(home: Home) -> None:
    with sqlite3.connect(home.state / "control.db") as connection:
        connection.execute("DROP TRIGGER verdicts_no_update")
        connection.execute("UPDATE verdicts SET run_id = 'other' WHERE id = 1")
    line = next(line for line in checklist(home, MONTH) if line.task is Task.AUDIT_CHAIN)
    assert line.condition.verdict is Verdict.FAIL
    assert "verdicts 1 was changed" in line.condition.sentence


def test_the_policy_names_owners_and_due_days_and_may_leave_a_task_out_with_a_reason(home: Home) -> None:
    text = home.control.current_policy().text  # type: ignore[union-attr]
    close = (
        "close:\n  owners: {receivables: treasury}\n  due_days: {receivables: 10}\n"
        "  not_applicable: {cut_off: the ledger is closed on the last day}\n"
    )
    home.control.apply_policy(text + close, "test", "who closes")
    opened = Home.open(home.path)
    opened.control.begin_write("breaks", date(2026, 2, 2), "killed")
    lines = {line.task: line for line in checklist(opened, MONTH)}
    assert (lines[Task.RECEIVABLES].owner, lines[Task.RECEIVABLES].due) == ("treasury", date(2026, 2, 10))
    left_out = lines[Task.CUT_OFF].condition
    assert (left_out.verdict, left_out.blocking) == (Verdict.PASS, False)
    assert left_out.sentence.startswith("Not applicable, by policy: the ledger is closed on the last day.")
