"""A month on PostgreSQL from forty faults to its second close, and what somebody with the database's password can do to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from billing_recon import day as steps
from billing_recon.control import MonthState, audit
from billing_recon.control.database import URL_ENV, connect, writing
from billing_recon.core.close_policy import Task
from billing_recon.core.errors import CloseRefused, GateRefused
from billing_recon.core.reason import Code
from billing_recon.core.resolution import Resolution
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.audit_chain import audit_problems
from billing_recon.day.exceptions import EARLIEST, LATEST, exceptions
from billing_recon.day.month_close import close_month, reopen_month, restatement, sign_off
from billing_recon.day.month_evidence import month_evidence
from billing_recon.day.releases import verify_release
from billing_recon.day.rerun_changes import before_and_after
from billing_recon.day.resolutions import Answer, comment, investigate, resolve
from billing_recon.day.stale_days import why_stale
from billing_recon.simulate import simulate
from billing_recon_tests.day.run import run_day
from billing_recon_tests.people import code_of, enrol_everyone
from billing_recon_tests.postgres import copy_database, new_database, postgres_server

pytestmark = pytest.mark.long

__all__ = ["copy_database", "new_database", "postgres_server"]
MONTH, END = "2026-01", date(2026, 1, 31)
DAYS = [END + timedelta(days=n) for n in range(4)]
"""A month of one day, and the three in which its postings may still arrive."""
FORTY = {
    Code.RENDER_VALUE: 10,
    Code.LEDGER_AMOUNT: 10,
    Code.LEDGER_ACCOUNT: 5,
    Code.PRICE_VERSION: 5,
    Code.MANUAL_ADJUSTMENT: 4,
    Code.RENDER_MISSING: 2,
    Code.LEDGER_DUPLICATE: 2,
    Code.TAX_RATE_JURISDICTION: 2,
}
ALTERED = "ALTER TABLE {} DISABLE TRIGGER USER"


def rerun(home: Home) -> list[date]:
    """Run and release what is stale, as `run --stale` does; the days in their order."""
    done = []
    for day in DAYS:
        if not home.control.is_closed(day) and why_stale(home, day):
            if run_day(home, day).verdict is Verdict.PASS:
                steps.release(home, day, "test")
            done.append(day)
    return done


def everybody_signs(home: Home, secrets: dict[str, str]) -> None:
    for name, secret in secrets.items():
        sign_off(home, MONTH, name, actor="test", code=code_of(secret, home.control._clock()))


def a_byte_is_changed(connection: Connection) -> None:
    connection.execute(text(ALTERED.format("break_decisions")))
    connection.execute(text("UPDATE break_decisions SET reason = reason || '.' WHERE id = 1"))


def a_row_is_deleted(connection: Connection) -> None:
    connection.execute(text(ALTERED.format("sign_offs")))
    connection.execute(text("DELETE FROM sign_offs WHERE id = 2"))


def the_tail_is_cut(connection: Connection) -> None:
    """The second close and everything after it, decisions and events alike."""
    rows = connection.execute(text("SELECT seq, payload FROM audit_events ORDER BY seq DESC LIMIT 3")).all()
    connection.execute(text(ALTERED.format("audit_events")))
    for seq, payload in rows:
        content = json.loads(payload)
        connection.execute(text(ALTERED.format(content["table"])))
        connection.execute(text(f"DELETE FROM {content['table']} WHERE id = {content['row']['id']}"))
        connection.execute(text(f"DELETE FROM audit_events WHERE seq = {seq}"))


def the_history_is_rechained(connection: Connection) -> None:
    """A reason is rewritten in the decision and in its event, and every hash after it is computed again."""
    for table in ("break_decisions", "audit_events"):
        connection.execute(text(ALTERED.format(table)))
    connection.execute(text("UPDATE break_decisions SET reason = 'another reason' WHERE id = 1"))
    before = audit.GENESIS
    for event in audit.events(connection):
        content = json.loads(event.payload)
        if content["table"] == "break_decisions" and content["row"]["id"] == 1:
            content["row"]["reason"] = "another reason"
        payload = audit.canonical(content)
        made = audit.link(before, payload)
        connection.execute(
            text("UPDATE audit_events SET payload = :payload, prev_hash = :before, hash = :made WHERE seq = :seq"),
            {"payload": payload, "before": before, "made": made, "seq": event.seq},
        )
        before = made


def three_signatures_are_inserted(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO sign_offs (month, round, approver, role, evidence_hash, actor, note, decided_at) "
            "SELECT month, round, approver, role, evidence_hash, actor, note, decided_at FROM sign_offs"
        )
    )


ATTACKS: tuple[tuple[Callable[[Connection], None], str], ...] = (
    (a_byte_is_changed, "break_decisions 1 was changed after audit event"),
    (a_row_is_deleted, "sign_offs 2 was decided in audit event"),
    (the_tail_is_cut, "its newest events were cut off"),
    (the_history_is_rechained, "the history was written anew"),
    (three_signatures_are_inserted, "has no audit event"),
)


def test_a_month_is_worked_fixed_signed_closed_restated_and_every_forgery_of_it_found(
    tmp_path: Path,
    new_database: Callable[[], str],
    copy_database: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = tmp_path / "right"
    simulate(seed=7, first=DAYS[0], last=DAYS[-1], customers=350, faults={}, out=right)
    simulate(seed=7, first=DAYS[0], last=DAYS[-1], customers=350, faults=FORTY, out=tmp_path / "home")
    url = new_database()
    monkeypatch.setenv(URL_ENV, url)
    home = Home.open(tmp_path / "home")
    assert not (home.state / "control.db").exists()

    # Forty faults: every day is red, nothing is released, and the close says what holds it open.
    assert {run_day(home, day).verdict for day in DAYS} == {Verdict.FAIL}
    found = exceptions(home, EARLIEST, LATEST, DAYS[-1])
    assert len(found) >= 40
    with pytest.raises(GateRefused, match="is FAIL"):
        steps.release(home, END, "test")
    with pytest.raises(CloseRefused) as refused:
        close_month(home, MONTH, "test")
    held = {reason.split(" ")[0] for reason in refused.value.reasons}
    assert {Task.DAYS, Task.EXCEPTIONS, Task.RECEIVABLES, Task.REVENUE, Task.TAX, Task.SIGN_OFF} <= held

    # The exceptions are worked: looked into, commented, and resolved as to be fixed where they come from.
    ids = [one.row["break_id"] for one in found]
    investigate(home, ids[:5], by="Bo Lind", reason="asked billing engineering", actor="test")
    comment(home, ids[:1], by="Bo Lind", text="the old price list was still loaded", actor="test")
    answer = Answer(Resolution.FIXED_AT_SOURCE, "Bo Lind", "the sources send the files again", actor="test")
    assert len(resolve(home, found, answer)) == len(found)

    # The sources are fixed, and what that made stale is run again in order.
    shutil.rmtree(home.path / "landing")
    shutil.copytree(right / "landing", home.path / "landing")
    with before_and_after(home, DAYS) as compare:
        assert rerun(home) == DAYS
        changes = compare()
    assert set(changes.verdicts.values()) == {("FAIL", "PASS")}
    assert {one.change for one in changes.money} == {"closed"}
    assert sum(one.breaks for one in changes.money) == len(found)
    assert [why_stale(home, day) for day in DAYS] == [""] * len(DAYS)
    assert verify_release(home, END)["verdict"] == "PASS"

    # Three people sign, and the month is closed; a late correction of it is refused.
    secrets, now = enrol_everyone(home), home.control._clock()
    monkeypatch.setattr(home.control, "_clock", lambda: now + timedelta(minutes=5))
    everybody_signs(home, secrets)
    closed = close_month(home, MONTH, "test")
    ledger = home.path / "landing" / "ledger_entries" / f"{END}.csv"
    given_up = (f"W1-1,W1,{END},8000,write_off,5.00,,USD,,,given up", f"W1-2,W1,{END},1200,ar,,5.00,USD,,,given up")
    ledger.write_text(ledger.read_text(encoding="utf-8") + "\n".join(given_up) + "\n", encoding="utf-8")
    with pytest.raises(CloseRefused, match=f"{END} belongs to {MONTH}, which is closed"):
        run_day(home, END)

    # Reopened with a reason, restated, signed and closed again; the first signatures do not count.
    monkeypatch.setattr(home.control, "_clock", lambda: now + timedelta(minutes=10))
    code = code_of(secrets["Mei Tanaka"], home.control._clock())
    reopen_month(home, MONTH, "Mei Tanaka", code=code, reason="a receivable was given up on the 31st", actor="test")
    assert rerun(home) == DAYS
    changed = restatement(home, MONTH)
    assert changed is not None
    assert {(one.what, one.currency) for one in changed.differences.figures} >= {("ar written_off", "USD")}
    with pytest.raises(CloseRefused, match="not signed yet"):
        close_month(home, MONTH, "test")
    monkeypatch.setattr(home.control, "_clock", lambda: now + timedelta(minutes=15))
    everybody_signs(home, secrets)
    assert close_month(home, MONTH, "test") != closed
    assert home.control.month_state(MONTH) is MonthState.CLOSED
    problems, agreed = audit_problems(home)
    assert (problems, agreed) == ([], 8)
    assert {one.role for one in home.control.signoffs(MONTH)} == set(Role)
    assert month_evidence(home, MONTH) == home.control.month_closes(MONTH)[-1].evidence_hash
    home.control.close()

    # Each forgery, on a copy of the database, is found by the chain or by the heads outside it.
    for attack, sentence in ATTACKS:
        forged = copy_database(url)
        engine = connect(forged)
        with writing(engine) as connection:
            attack(connection)
        engine.dispose()
        monkeypatch.setenv(URL_ENV, forged)
        victim = Home.open(home.path)
        problems, _ = audit_problems(victim)
        victim.control.close()
        assert any(sentence in problem for problem in problems), (attack.__name__, problems)
