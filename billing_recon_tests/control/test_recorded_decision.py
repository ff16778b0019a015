"""The gate finds a verdict's own event among thousands of others, and whether the verdict is as it was recorded."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from billing_recon.control import ControlStore, recorded_decision
from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.control.database import connect, writing
from billing_recon.control.schema import policies
from billing_recon.core.verdict import Verdict
from billing_recon_tests.control.test_store import verdict

DAY = date(2026, 3, 2)
DAYS = [DAY + timedelta(days=n) for n in range(40)]


def execute(url: str, statement: str) -> None:
    engine = connect(url)
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE verdicts DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS verdicts_no_update"))
        connection.execute(text(statement))
    engine.dispose()


def test_each_verdict_agrees_with_its_event_until_it_is_changed(
    control: ControlStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, day in enumerate(DAYS):
        if n == 20:
            monkeypatch.setenv(RECORD_KEY_ENV, new_key())
        control.record_verdict(verdict(Verdict.PASS, day=day))
        for _ in range(n % 4):
            control.record_release(str(day), "e1", "run-1")
    gate = verdict(Verdict.PASS).gate
    assert [control.verdict_problem(gate, str(day)) for day in DAYS] == [""] * len(DAYS)
    assert control.verdict_problem(gate, "2031-01-01") == ""

    execute(url, f"UPDATE verdicts SET conditions = '[]', run_id = 'another' WHERE partition = '{DAYS[7]}'")
    assert control.verdict_problem(gate, str(DAYS[7])).startswith("verdicts 8 was changed after audit event ")
    columns = "gate, verdict, evidence_hash, policy_version, code_version, conditions, run_id, decided_at"
    execute(
        url, f"INSERT INTO verdicts (partition, {columns}) SELECT '2031-01-01', {columns} FROM verdicts WHERE id = 40"
    )
    assert control.verdict_problem(gate, "2031-01-01") == "verdicts 41 has no audit event: nobody decided it"

    monkeypatch.delenv(RECORD_KEY_ENV)
    assert control.verdict_problem(gate, str(DAYS[30])) == "", "who has no key leaves it to audit verify"
    control.record_verdict(verdict(Verdict.PASS, day=DAYS[30]))
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    assert control.verdict_problem(gate, str(DAYS[30])).endswith("was written without the key")


@pytest.mark.parametrize("few", [1, 1000])
def test_decisions_of_a_version_that_did_not_register_events_by_their_day_are_found_all_the_same(
    control: ControlStore, url: str, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    for n in range(30):
        control.apply_policy(f"a: {n}", "ana", "")
        control.record_release(str(DAY), "e1", "run-1")
    engine = connect(url)
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER audit_events_no_update"))
        connection.execute(text("UPDATE audit_events SET about = '' WHERE seq <= 50"))
        monkeypatch.setattr(recorded_decision, "_FEW", few)
        assert recorded_decision.problems(connection, policies) == []
        columns = "digest, text, actor, note, decided_at, approved_by"
        connection.execute(
            text(f"INSERT INTO policies (number, {columns}) SELECT 99, {columns} FROM policies WHERE number = 7")
        )
        assert recorded_decision.problems(connection, policies) == ["policies 31 has no audit event: nobody decided it"]
    engine.dispose()


def test_a_change_of_catalog_or_company_that_only_sql_recorded_is_nobodys(control: ControlStore, url: str) -> None:
    control.apply_catalog({"company.yaml": "{}"}, "ana", "first import")
    assert control.unproven(DAY, DAY, (), ()) == []
    forged = "2, '{}', 'bo', 'as agreed', '2026-03-02T00:00:00.000+00:00'"
    execute(url, f"INSERT INTO catalog_versions (number, changes, actor, note, decided_at) VALUES ({forged})")
    assert control.unproven(DAY, DAY, (), ()) == ["catalog_versions 2 has no audit event: nobody decided it"]
