"""Each way round the gate that needs no Dagster, tried on a day that is PASS and released, on SQLite and on PostgreSQL; docs/security.md
lists them all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from sqlalchemy import make_url, text

from billing_recon import day as steps
from billing_recon.control import ControlStore, VerdictRecord
from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.control.database import URL_ENV, connect, control_url, writing
from billing_recon.core.close_policy import Task
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.audit_chain import audit_problems, seal_registered, write_head
from billing_recon.day.exceptions import exceptions
from billing_recon.day.gate import DAY_GATE, evidence_now
from billing_recon.day.month_close import close_month, sign_off
from billing_recon.day.month_evidence import month_evidence
from billing_recon.day.month_tasks import checklist
from billing_recon.day.releases import verify_release
from billing_recon.report.evidence_pack import write_pack
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.postgres import copy_database, move_to_postgresql, new_url, postgres_server

pytestmark = pytest.mark.long

__all__ = ["copy_database", "postgres_server"]
SECOND = FIRST + timedelta(days=1)


@pytest.fixture(scope="module")
def january_moved(january: tuple[Path, dict[str, str]], postgres_server: str) -> str:
    """The URL of a PostgreSQL database with January's decisions; copied for each test."""
    url = new_url(postgres_server)
    move_to_postgresql(january[0], url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def released(
    request: pytest.FixtureRequest,
    january: tuple[Path, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """Seven green days, the first two released."""
    path = Path(shutil.copytree(january[0], tmp_path / "home"))
    if request.param == "postgresql":
        copy: Callable[[str], str] = request.getfixturevalue("copy_database")
        monkeypatch.setenv(URL_ENV, copy(request.getfixturevalue("january_moved")))
        (path / ".state" / "control.db").unlink()
    home = Home.open(path)
    for day in (FIRST, SECOND):
        steps.release(home, day, "test")
    assert verify_release(home, FIRST)["verdict"] == "PASS"
    return home


def sql(home: Home, *statements: str) -> None:
    """What somebody with the database's password could do."""
    engine = connect(control_url(home.state))
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def shorten(home: Home, table: str, day: date = FIRST) -> None:
    file = home.path / "landing" / table / f"{day}.csv"
    file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")


def refused(home: Home, day: date = FIRST) -> str:
    with pytest.raises(GateRefused) as said:
        verify_release(home, day)
    return str(said.value)


def test_a_verdict_row_edited_to_pass_opens_nothing(released: Home) -> None:
    shorten(released, "invoice_lines")
    steps.land(released, "invoice_lines", FIRST, "again")
    steps.expect(released, FIRST, "again")
    steps.reconcile(released, FIRST, "again")
    assert steps.judge_day(released, FIRST, "again").verdict is Verdict.FAIL
    unguarded = {
        "sqlite": "DROP TRIGGER verdicts_no_update",
        "postgresql": "ALTER TABLE verdicts DISABLE TRIGGER USER",
    }
    sql(
        released,
        unguarded[make_url(control_url(released.state)).get_backend_name()],
        "UPDATE verdicts SET verdict = 'PASS' WHERE id = (SELECT max(id) FROM verdicts)",
    )
    with pytest.raises(GateRefused, match=r"PASS in the database, but verdicts \d+ was changed after audit event"):
        steps.release(released, FIRST, "forged")


def test_the_verdict_of_another_day_is_none_of_this_day_even_with_its_evidence_written_in(released: Home) -> None:
    columns = "gate, verdict, policy_version, code_version, conditions, run_id, decided_at"
    copied = (
        f"INSERT INTO verdicts (partition, evidence_hash, {columns}) SELECT '{FIRST}', {{}}, {columns} FROM verdicts "
        f"WHERE partition = '{SECOND}' ORDER BY id DESC LIMIT 1"
    )
    shorten(released, "payments")
    steps.land(released, "payments", FIRST, "again")
    sql(released, copied.format("evidence_hash"))
    assert "has no audit event: nobody decided it" in refused(released)
    sql(released, copied.format(f"'{evidence_now(released, FIRST)}'"))
    with pytest.raises(GateRefused, match="has no audit event: nobody decided it"):
        steps.release(released, FIRST, "forged")
    assert any("has no audit event" in one for one in released.control.verify_audit())


def test_a_digest_edited_in_the_database_closes_the_release(released: Home) -> None:
    sql(released, f"UPDATE partition_states SET digest = 'x' WHERE table_name = 'payments' AND day = '{FIRST}'")
    assert "its evidence" in refused(released)


def test_rows_landed_under_a_company_file_that_was_taken_back_are_not_judged(released: Home) -> None:
    """A payment twice is hidden by `where` for the landing alone; results and gate see the company as it always was."""
    file = released.path / "landing" / "payments" / f"{FIRST}.csv"
    header, first, *rest = file.read_text(encoding="utf-8").splitlines()
    twice = first.replace(first.split(",", 1)[0], "PAY-again", 1)
    file.write_text("\n".join([header, first, *rest, twice]) + "\n", encoding="utf-8")
    company = released.path / "company.yaml"
    honest = company.read_text(encoding="utf-8")
    hidden = "feeds: {payments: {path: 'landing/payments/{day}.csv', where: \"payment_id <> 'PAY-again'\"}}\n"
    company.write_text(f"{honest}\n{hidden}", encoding="utf-8")
    steps.land(Home.open(released.path), "payments", FIRST, "hidden")
    company.write_text(honest, encoding="utf-8")
    home = Home.open(released.path)
    steps.expect(home, FIRST, "again")
    steps.reconcile(home, FIRST, "again")
    assert steps.judge_day(home, FIRST, "again").verdict is Verdict.INCONCLUSIVE
    refused(home)
    steps.land(home, "payments", FIRST, "again")
    steps.expect(home, FIRST, "again")
    steps.reconcile(home, FIRST, "again")
    assert steps.judge_day(home, FIRST, "again").verdict is Verdict.PASS, (
        "the payment is twice, which is known when it has settled"
    )


def land_shorter_and_write_back_the_digest(home: Home) -> None:
    before = home.control.partition_states(("invoice_lines",), FIRST, FIRST)[0]
    shorten(home, "invoice_lines")
    steps.land(home, "invoice_lines", FIRST, "again")
    sql(
        home,
        f"UPDATE partition_states SET digest = '{before.digest}', rows = {before.rows} "
        f"WHERE table_name = 'invoice_lines' AND day = '{FIRST}'",
    )


def test_digests_of_before_written_back_after_another_landing_do_not_open_the_release_again(released: Home) -> None:
    """The landing's report says which file it read, and is part of the evidence."""
    land_shorter_and_write_back_the_digest(released)
    assert "its evidence" in refused(released)


def test_old_digests_written_back_before_the_verdict_are_found_where_records_are_keyed(
    released: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shorter file lands, and SQL says that nothing did: the results of before would be judged as those of now."""
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    with pytest.raises(ConfigurationError, match="sealing needs a reason"):
        seal_registered(released, "", "", "ok", "test")
    with pytest.raises(CloseRefused, match="proves who they are"):
        seal_registered(released, released.policy.approvers[0].name, "", "records are keyed from today", "test")
    assert "if it is from before the key was set: billing-recon state seal" in refused(released)
    released.control.seal_registered("Ana", "records are keyed from today", "test")
    steps.release(released, FIRST, "test")
    land_shorter_and_write_back_the_digest(released)
    judged = steps.judge_day(released, FIRST, "forged")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert f"what is registered of invoice_lines {FIRST} was changed in the database" in judged.held_back_by[0].sentence


def test_a_break_accepted_with_sql_keeps_the_gate_shut(released: Home) -> None:
    shorten(released, "rendered_lines")
    steps.land(released, "rendered_lines", FIRST, "again")
    steps.expect(released, FIRST, "again")
    steps.reconcile(released, FIRST, "again")
    assert steps.judge_day(released, FIRST, "again").verdict is Verdict.FAIL
    row = exceptions(released, FIRST, FIRST, FIRST)[0].row
    sql(
        released,
        "INSERT INTO break_decisions (break_id, day, verb, disposition, assignee, delta, currency, reason, decided_by, role, "
        f"actor, came, decided_at) VALUES ('{row['break_id']}', '{FIRST}', 'resolve', 'ACCEPTED_TOLERANCE', '', "
        f"'{row['delta']:f}', '{row['currency']}', 'agreed with them', 'Ana', 'finance', 'ana', '{{}}', '2026')",
    )
    steps.reconcile(released, FIRST, "forged")
    judged = steps.judge_day(released, FIRST, "forged")
    assert judged.verdict is not Verdict.PASS
    assert any("break_decisions 1 has no audit event: nobody decided it" in c.sentence for c in judged.held_back_by)


def test_an_older_version_of_a_table_restored_is_found(released: Home) -> None:
    table = DeltaTable(str(released.state / "warehouse" / "ledger_entries"))
    table.restore(table.version() - 1)
    (last,) = [FIRST + timedelta(days=6)]
    with pytest.raises(GateRefused, match=f"ledger_entries of {last} is not what was written"):
        steps.release(Home.open(released.path), last, "test")


@pytest.mark.parametrize("table", ["invoice_lines", "expected_lines"])
def test_a_byte_changed_in_a_file_of_the_day_is_found(released: Home, table: str) -> None:
    (file,) = (released.state / "warehouse" / table / f"day={FIRST}").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[40] ^= 0xFF
    file.write_bytes(content)
    assert f"{table} of {FIRST} is not what was written" in refused(Home.open(released.path))


@pytest.mark.parametrize("how", ["deleted", "half copied", "file cut"])
def test_a_table_that_is_lost_or_half_copied_is_found(released: Home, how: str) -> None:
    folder = released.state / "warehouse" / "invoice_lines"
    (file,) = (folder / f"day={FIRST}").glob("*.parquet")
    if how == "deleted":
        shutil.rmtree(folder)
    elif how == "half copied":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:200])
    again = Home.open(released.path)
    for day in (FIRST, SECOND):
        assert f"invoice_lines of {FIRST} is not what was written" in refused(again, day)
    assert steps.judge_day(again, FIRST, "test").verdict is Verdict.INCONCLUSIVE


def test_a_clock_that_is_wrong_changes_no_answer(released: Home) -> None:
    """The newest decision counts, whatever time it states."""
    past = ControlStore.open(control_url(released.state), clock=lambda: datetime(2001, 1, 1, tzinfo=UTC))
    verdict = released.control.latest_verdict(DAY_GATE, str(FIRST))
    assert verdict is not None
    past.record_verdict(VerdictRecord(DAY_GATE, str(FIRST), Verdict.FAIL, verdict.evidence_hash, 1, "c", (), "late"))
    assert "is FAIL" in refused(released)
    assert released.control.verify_audit() == []


def test_of_two_runs_that_race_the_verdict_of_the_first_does_not_hold_for_what_the_second_landed(
    released: Home,
) -> None:
    """One run has read its evidence, another lands, then the first records its PASS."""
    seen = evidence_now(released, FIRST)
    assert seen is not None
    shorten(released, "payments")
    steps.land(released, "payments", FIRST, "second")
    released.control.record_verdict(VerdictRecord(DAY_GATE, str(FIRST), Verdict.PASS, seen, 1, "c", (), "first"))
    with pytest.raises(GateRefused, match="was PASS, but its evidence"):
        steps.release(released, FIRST, "first")


def test_company_and_code_changed_after_the_verdict_close_the_release(
    released: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = released.path / "company.yaml"
    text_before = company.read_text(encoding="utf-8")
    company.write_text(text_before + "\n# edited\n", encoding="utf-8")
    assert "data, policy, catalog or code changed" in refused(Home.open(released.path))
    company.write_text(text_before, encoding="utf-8")
    again = Home.open(released.path)
    steps.release(again, FIRST, "test")
    assert verify_release(again, FIRST)
    monkeypatch.setattr("billing_recon.day.settings.code_version", lambda: "0.2.0+another")
    assert "data, policy, catalog or code changed" in refused(again)


def test_signatures_under_the_evidence_of_another_month_do_not_count(released: Home) -> None:
    other = month_evidence(released, "2026-02")
    for approver in released.policy.approvers:
        released.control.sign_off("2026-01", approver.name, Role(approver.role), other)
    (signed,) = [line for line in checklist(released, "2026-01") if line.task is Task.SIGN_OFF]
    assert not signed.done
    assert "it has to be signed again" in signed.condition.sentence


def test_a_month_locked_signed_or_closed_with_sql_is_neither_signed_nor_closed(released: Home) -> None:
    moved = (
        "INSERT INTO month_events (month, state, evidence_hash, reason, actor, decided_at) "
        "VALUES ('2026-01', '{}', 'e', '', 'x', '2026')"
    )
    sql(released, moved.format("Locked"))
    with pytest.raises(CloseRefused, match="month_events 1 has no audit event: nobody decided it"):
        sign_off(released, "2026-01", released.policy.approvers[0].name, "test", code="000000")
    sql(released, moved.format("Closed"))
    with pytest.raises(CloseRefused, match="month_events 2 has no audit event: nobody decided it"):
        close_month(released, "2026-01", "test")
    with pytest.raises(CloseRefused, match="nobody decided it"):
        write_pack(released, "2026-01")


def test_a_head_of_another_company_or_month_does_not_prove_the_close(released: Home, tmp_path: Path) -> None:
    out = tmp_path / "head.jsonl"
    write_head(released, "close 2026-02", out)
    released.control.close_month("2026-01", "e" * 64, figures="{}")
    assert any("there is no head for close 2026-01" in one for one in audit_problems(released, [out])[0])
    out.write_text(out.read_text(encoding="utf-8").replace(released.company.name, "Other"), encoding="utf-8")
    assert any("is of another company, Other" in one for one in audit_problems(released, [out])[0])
