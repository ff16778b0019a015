"""The audit chain notices every change, and the database refuses the ordinary ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from billing_recon.control import ControlStore, rollout_records
from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.control.database import connect, writing
from billing_recon.control.rollout_records import RolloutEvent
from billing_recon.control.schema import APPEND_ONLY, DECISIONS
from billing_recon.control.shadow_records import Recorded
from billing_recon.control.spot_checks import SpotCheck
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import RowDecision, Verb
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict
from billing_recon_tests.control.test_store import verdict

DAY, LATER = date(2026, 3, 2), date(2026, 3, 9)


@pytest.fixture
def engine(url: str, control: ControlStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A second way into a database with one of every decision in it, made before there was a key of records."""
    control.apply_policy("a: 1", "ana", "")
    control.record_verdict(verdict(Verdict.FAIL))
    control.record_verdict(verdict(Verdict.PASS))
    control.capture_baseline("b", DAY, DAY, [("m", None, "all", "control", DAY, Decimal(1))], "ana")
    control.record_release(str(DAY), "e1", "run-1")
    control.record_withdrawal(str(DAY), "e1", "landed again")
    control.enrol("Ana", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", approved_by="", actor="ana", reason="")
    with pytest.raises(CloseRefused):
        control.use_code("Ana", "000000", "a wrong guess")
    control.sign_off("2026-03", "Ana", Role.FINANCE, "e1")
    control.decide_rows([RowDecision("r1", "payments", DAY, Verb.DISCARD, "test data", "Ana")])
    control.decide_breaks([BreakDecision("B1", DAY, BreakVerb.ASSIGN, "Ana", Decimal(1), "EUR", assignee="Bo")])
    control.close_month("2026-03", "e1", figures="{}")
    control.apply_catalog({"plan 'a'": "{}"}, "ana", "")
    control.record_spot_check(
        SpotCheck("2026-03", "INV-1", "1", "EUR", Decimal(1), Decimal(1), "", "Ana", "ana", "2026")
    )
    control.record_shadow(Recorded.SNAPSHOT, "2026-02-28", "d1", "{}", by="ana", actor="ana")
    control.rollouts.write_plan("new", "purpose: x", "ana", "agreed")
    control.rollouts.append(RolloutEvent("new", rollout_records.Verb.PAUSED, reason="tickets"))
    control.record_landing(LandingReport("payments", LATER, LandingStatus.PRESENT, 3, 2, 1, 0, ()), "run-2")
    control.record_verdict(verdict(Verdict.PASS, day=LATER))
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    assert control.seal_registered("Ana", "the key is new", "ana") == 1
    engine = connect(url)
    yield engine
    engine.dispose()


def execute(engine: Engine, *statements: str) -> None:
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def drop_triggers(engine: Engine, table: str) -> None:
    """What somebody with the database's password could do."""
    if engine.dialect.name == "postgresql":
        execute(engine, f"ALTER TABLE {table} DISABLE TRIGGER USER")
    else:
        execute(engine, f"DROP TRIGGER {table}_no_update", f"DROP TRIGGER {table}_no_delete")


def test_untouched_decisions_verify(control: ControlStore, engine: Engine) -> None:
    assert control.verify_audit() == []


@pytest.mark.parametrize("table", [t.name for t in APPEND_ONLY])
def test_decisions_cannot_be_changed_or_removed(control: ControlStore, engine: Engine, table: str) -> None:
    column = {
        "audit_events": "hash",
        "baseline_values": "metric",
        "approver_secrets": "secret",
        "code_uses": "purpose",
    }.get(table, "decided_at")
    refused = [f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"]
    if engine.dialect.name == "postgresql":
        refused.append(f"TRUNCATE {table} CASCADE")
    else:
        refused.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    for statement in refused:
        with pytest.raises(DBAPIError, match="append-only"):
            execute(engine, statement)
    assert control.verify_audit() == []


def test_a_verdict_changed_behind_the_triggers_is_found(control: ControlStore, engine: Engine) -> None:
    drop_triggers(engine, "verdicts")
    execute(engine, "UPDATE verdicts SET verdict = 'PASS' WHERE id = 1")
    assert control.verify_audit() == ["verdicts 1 was changed after audit event 2"]


def test_a_sign_off_that_nobody_gave_is_found(control: ControlStore, engine: Engine) -> None:
    execute(
        engine,
        "INSERT INTO sign_offs (month, round, approver, role, evidence_hash, actor, note, decided_at) "
        "VALUES ('2026-03', 0, 'Bo', 'product', 'e1', 'Bo', '', '2026')",
    )
    assert control.verify_audit() == ["sign_offs 2 has no audit event"]


def test_a_removed_decision_is_found(control: ControlStore, engine: Engine) -> None:
    drop_triggers(engine, "releases")
    execute(engine, "DELETE FROM releases")
    assert control.verify_audit() == ["releases 1 was decided in audit event 5 but is missing from its table"]


def test_a_removed_event_and_a_rewritten_one_are_found(control: ControlStore, engine: Engine) -> None:
    drop_triggers(engine, "audit_events")
    execute(
        engine,
        "DELETE FROM audit_events WHERE seq = 3",
        "UPDATE audit_events SET payload = replace(payload, 'ana', 'bob') WHERE seq = 1",
    )
    problems = control.verify_audit()
    assert "audit event 1 was changed: its content does not match its hash" in problems
    assert "policies 1 was changed after audit event 1" in problems
    assert "audit event 3 is missing: the chain continues at 4" in problems
    assert "verdicts 2 has no audit event" in problems


def test_a_landing_report_that_was_changed_or_removed_after_the_verdict_is_found(
    control: ControlStore, engine: Engine
) -> None:
    control.record_landing(LandingReport("payments", LATER, LandingStatus.PRESENT, 3, 3, 0, 0, ()), "landed again")
    assert control.verify_audit() == []
    execute(engine, "UPDATE landing_reports SET quarantined = 0, accepted = 3 WHERE id = 1")
    assert control.verify_audit()[0].startswith(
        "landing reports of 2026-03-09 were changed or removed after they were judged"
    )
    execute(engine, "DELETE FROM landing_reports WHERE id = 1")
    assert len(control.verify_audit()) == 1


def test_a_changed_baseline_figure_is_found(control: ControlStore, engine: Engine) -> None:
    drop_triggers(engine, "baseline_values")
    execute(engine, "UPDATE baseline_values SET value = '2'")
    assert control.verify_audit() == ["baseline 'b' version 1: its figures were changed after it was captured"]


def test_every_decision_is_in_the_chain(control: ControlStore, engine: Engine) -> None:
    with engine.connect() as connection:
        rows = sum(connection.execute(text(f"SELECT count(*) FROM {t.name}")).scalar_one() for t in DECISIONS)
        events = connection.execute(text("SELECT count(*) FROM audit_events")).scalar_one()
    assert rows == events == 21
