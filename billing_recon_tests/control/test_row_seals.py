"""With the key of records set, what SQL writes into rows that are no decisions is found: partitions, landings, decisions' places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from billing_recon.control import ControlStore
from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.control.database import connect, writing
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused
from billing_recon.core.landing import LandingReport, LandingStatus

DAY = date(2026, 3, 2)
BEFORE = DAY - timedelta(days=3)
TABLES = ("payments", "quarantine_payments")
Sql = Callable[..., None]


def land(control: ControlStore, day: date = DAY, rows: int = 3, quarantined: int = 0, run_id: str = "run-1") -> None:
    control.begin_write("payments", day, run_id)
    control.end_write("payments", day, rows, f"digest of {rows}", run_id, files=f"files of {run_id}")
    counts = (rows + quarantined, rows, quarantined, 0)
    control.record_landing(LandingReport("payments", day, LandingStatus.PRESENT, *counts, ()), run_id)


def found(control: ControlStore) -> list[str]:
    return control.unproven(BEFORE, DAY, TABLES, ("breaks",))


@pytest.fixture
def keyed(control: ControlStore, monkeypatch: pytest.MonkeyPatch) -> ControlStore:
    """Two days landed by a program that has the key, and breaks computed."""
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    control.apply_policy("a: 1", "ana", "")
    land(control, BEFORE)
    land(control)
    control.end_write("breaks", DAY, 1, "digest of breaks", "run-1", "made from this")
    return control


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    """What somebody with the database's password could do."""
    engine = connect(url)

    def execute(*statements: str) -> None:
        with writing(engine) as connection:
            for statement in statements:
                connection.execute(text(statement))

    yield execute
    engine.dispose()


def test_what_the_program_wrote_with_the_key_is_proven(keyed: ControlStore) -> None:
    assert found(keyed) == []
    assert keyed.verify_audit() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"UPDATE partition_states SET digest = 'old' WHERE table_name = 'payments' AND day = '{DAY}'", "payments"),
        (f"UPDATE partition_states SET rows = 2 WHERE table_name = 'payments' AND day = '{BEFORE}'", "payments"),
        ("UPDATE partition_states SET made_from = 'what there is now' WHERE table_name = 'breaks'", "breaks"),
        (
            "UPDATE partition_states SET seal = '' WHERE table_name = 'breaks'",
            "without the key of records, or with SQL",
        ),
        (
            f"UPDATE landing_reports SET quarantined = 1, rows_in = 4 WHERE day = '{DAY}'",
            "the landing report of payments",
        ),
        (f"UPDATE landing_reports SET status = 'MISSING' WHERE day = '{BEFORE}'", "the landing report of payments"),
        (f"DELETE FROM partition_states WHERE table_name = 'payments' AND day = '{DAY}'", "not about the rows"),
        (
            "INSERT INTO policies (number, digest, text, actor, note, decided_at) VALUES (2, 'd', 'a: 2', 'x', 'x', 'x')",
            "policies 2 has no audit event: nobody decided it",
        ),
        (
            "INSERT INTO break_decisions (break_id, day, verb, disposition, assignee, delta, reason, decided_by, role, actor, "
            f"came, decided_at) VALUES ('b', '{DAY}', 'resolve', 'ACCEPTED_TOLERANCE', '', '1', 'x', 'x', '', 'x', '', 'x')",
            "break_decisions 1 has no audit event: nobody decided it",
        ),
    ],
)
def test_a_row_written_with_sql_is_found_by_the_gate(keyed: ControlStore, sql: Sql, statement: str, said: str) -> None:
    sql(statement)
    (problem, *more) = found(keyed)
    assert said in problem
    assert not more
    assert keyed.verify_audit() or "DELETE" in statement


def test_a_decision_about_breaks_cannot_be_undone_by_calling_them_complete_again(keyed: ControlStore, sql: Sql) -> None:
    keyed.decide_breaks([BreakDecision("b", DAY, BreakVerb.RESOLVE, "Ana", Decimal(1), "EUR")])
    assert found(keyed) == []
    sql("UPDATE partition_states SET complete = true WHERE table_name = 'breaks'")
    assert "what is registered of breaks 2026-03-02 was written without the key" in found(keyed)[0]
    assert keyed.resolved_until(DAY) == "decision 1", "breaks say which decision they were made after"


def test_a_landing_of_before_put_back_as_the_newest_is_found(keyed: ControlStore, sql: Sql) -> None:
    """The file was sent again with two bad rows; the report of the first landing, with its seal, says none."""
    land(keyed, rows=3, quarantined=2, run_id="run-2")
    assert found(keyed) == []
    sql("DELETE FROM landing_reports WHERE quarantined = 2")
    (problem,) = found(keyed)
    assert problem.startswith("the newest landing report of payments 2026-03-02 is not about the rows that are landed")


def test_rows_of_before_the_key_are_sealed_once_by_somebody_who_says_so(
    control: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(control)
    assert found(control) == []
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    assert all(
        problem.endswith("billing-recon state seal --as NAME --code NNNNNN --reason TEXT") for problem in found(control)
    )
    assert len(found(control)) == 2
    assert control.seal_registered("Ana", "records are keyed from today", "ana") == 2
    assert (found(control), control.verify_audit()) == ([], [])
    assert control.seal_registered("Ana", "records are keyed from today", "ana") == 0
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    assert all("sealed with another key" in problem for problem in found(control))


def test_two_events_appended_without_the_key_are_no_less_forged_than_one(
    keyed: ControlStore, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RECORD_KEY_ENV)
    keyed.apply_policy("a: 2", "mallory", "")
    keyed.apply_policy("a: 3", "mallory", "")
    assert found(keyed) == [], "who has no key leaves it to those who have"
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    said = [problem for problem in found(keyed) if problem.startswith("audit event")]
    assert said == [f"audit event {n} of policies {n} was written without the key" for n in (2, 3)]


def test_a_month_reopened_with_sql_is_not_written(keyed: ControlStore, sql: Sql) -> None:
    keyed.close_month("2026-03", "e1")
    sql(
        "INSERT INTO month_events (month, state, evidence_hash, reason, actor, decided_at) "
        "VALUES ('2026-03', 'Open', '', 'x', 'x', 'x')"
    )
    with pytest.raises(CloseRefused, match="2026-03 may not be open: month_events 3 has no audit event"):
        keyed.begin_write("payments", DAY, "run-9")
    keyed.begin_write("payments", date(2026, 4, 1), "run-9")
