"""What the control plane keeps, and what it refuses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing_recon.control import ControlStore, MonthState, PartitionState, VerdictRecord
from billing_recon.core.errors import CloseRefused
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)


def verdict(answer: Verdict, evidence: str = "e1", day: date = DAY, run_id: str = "run-1") -> VerdictRecord:
    conditions = (
        Condition("breaks", answer, "3 open breaks, none allowed.", "3", "0"),
        Condition("x", Verdict.PASS, ""),
    )
    return VerdictRecord("day", str(day), answer, evidence, 1, "0.1.0", conditions, run_id)


def test_the_latest_landing_of_a_table_is_the_one_that_counts(control: ControlStore) -> None:
    first = LandingReport("payments", DAY, LandingStatus.EMPTY)
    again = LandingReport(
        "payments", DAY, LandingStatus.PRESENT, 5, 3, 1, 1, (("landing/payments/a.csv", "ab12"),), "", {"not_a_date": 1}
    )
    control.record_landing(first, "run-1")
    control.record_landing(again, "run-2")
    control.record_landing(LandingReport("invoice_lines", DAY, LandingStatus.MISSING), "run-2")
    control.record_landing(LandingReport("payments", NEXT, LandingStatus.MISSING), "run-3")
    assert control.landing_reports(DAY) == [LandingReport("invoice_lines", DAY, LandingStatus.MISSING), again]


def test_a_write_that_was_cut_off_is_never_taken_for_current(control: ControlStore) -> None:
    control.begin_write("breaks", DAY, "run-1")
    control.end_write("breaks", DAY, 7, "d7", "run-1")
    control.begin_write("breaks", DAY, "run-2")
    control.begin_write("breaks", NEXT, "run-2")
    control.end_write("breaks", NEXT, 2, "d2", "run-2")
    assert control.partition_states(["breaks", "metrics"], DAY, NEXT) == [
        PartitionState("breaks", DAY, 0, "", False),
        PartitionState("breaks", NEXT, 2, "d2", True),
    ]


def test_the_catalog_is_what_its_versions_add_up_to(control: ControlStore) -> None:
    assert control.catalog_entries() == {}
    first = control.apply_catalog({"plan 'a'": "{1}", "plan 'b'": "{1}"}, "ana", "start")
    assert control.apply_catalog({"plan 'a'": "{1}"}, "bo", "again") is None
    second = control.apply_catalog({"plan 'a'": "{2}", "plan 'b'": None, "plan 'c'": "{1}"}, "bo", "corrected")
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    assert control.catalog_entries() == {"plan 'a'": "{2}", "plan 'c'": "{1}"}
    assert control.catalog_history() == [first, second]


def test_the_same_policy_applied_twice_is_one_version(control: ControlStore) -> None:
    assert control.current_policy() is None
    first = control.apply_policy("gate: {max_breaks: 0}", "ana", "start")
    assert control.apply_policy("gate: {max_breaks: 0}", "bo", "again") == first
    second = control.apply_policy("gate: {max_breaks: 3}", "bo", "migration week")
    assert (first.number, second.number) == (1, 2)
    assert control.current_policy() == second
    assert [(p.number, p.actor, p.note) for p in control.policy_history()] == [
        (1, "ana", "start"),
        (2, "bo", "migration week"),
    ]


def test_going_back_to_an_earlier_policy_is_a_new_version(control: ControlStore) -> None:
    for text in ("a: 1", "a: 2", "a: 1"):
        control.apply_policy(text, "ana", "")
    assert [p.number for p in control.policy_history()] == [1, 2, 3]


def test_the_latest_verdict_counts_and_comes_back_whole(control: ControlStore) -> None:
    control.record_verdict(verdict(Verdict.FAIL))
    kept = control.record_verdict(verdict(Verdict.PASS, "e2", run_id="run-2"))
    assert kept.decided_at == "2026-04-01T09:30:00.000+00:00"
    assert control.latest_verdict("day", str(DAY)) == kept
    assert control.latest_verdict("day", str(NEXT)) is None
    assert control.latest_verdict("month", str(DAY)) is None
    assert control.verdicts("day", [str(NEXT), str(DAY)]) == {str(DAY): kept}


def test_a_baseline_is_versioned_and_exact(control: ControlStore) -> None:
    rows = [
        ("total_billed", "USD", "all", "control", DAY, Decimal("12345678901234567890.123456789012")),
        ("mismatch_rate", None, "all", "control", DAY, None),
    ]
    assert control.capture_baseline("pre-launch", DAY, NEXT, rows, "ana") == 1
    assert control.capture_baseline("pre-launch", DAY, DAY, rows[:1], "ana") == 2
    newest, first = control.baseline("pre-launch"), control.baseline("pre-launch", 1)
    assert newest is not None
    assert first is not None
    assert (newest.version, len(newest.rows)) == (2, 1)
    assert {(r.metric, r.value) for r in first.rows} == {(rows[0][0], rows[0][5]), ("mismatch_rate", None)}
    assert control.baseline("other") is None
    assert [(b.name, b.version) for b in control.baselines()] == [("pre-launch", 1), ("pre-launch", 2)]


def test_a_release_is_remembered_with_its_evidence(control: ControlStore) -> None:
    assert control.latest_release(str(DAY)) is None
    control.record_release(str(DAY), "e1", "run-1")
    kept = control.record_release(str(DAY), "e2", "run-2")
    assert control.latest_release(str(DAY)) == kept


def test_a_closed_month_refuses_to_be_rewritten_until_it_is_reopened_with_a_reason(control: ControlStore) -> None:
    control.close_month("2026-03", "e1")
    assert control.month_state("2026-03") is MonthState.CLOSED
    assert control.is_closed(DAY)
    assert not control.is_closed(date(2026, 4, 1))
    with pytest.raises(CloseRefused, match=r"breaks 2026-03-02: 2026-03 is Closed.*reopen 2026-03 --as NAME"):
        control.begin_write("breaks", DAY, "run-1")
    with pytest.raises(CloseRefused, match="needs a reason"):
        control.reopen_month("2026-03", "  ", "ana")
    control.reopen_month("2026-03", "late credit notes", "ana")
    assert control.month_state("2026-03") is MonthState.OPEN
    control.begin_write("breaks", DAY, "run-2")


def test_what_was_signed_before_a_reopening_no_longer_counts(control: ControlStore) -> None:
    control.sign_off("2026-03", "Ana", Role.FINANCE, "e1", actor="ana@host")
    control.sign_off("2026-03", "Bo", Role.PRODUCT, "e1")
    assert [(s.approver, s.role, s.actor) for s in control.signoffs("2026-03")] == [
        ("Ana", Role.FINANCE, "ana@host"),
        ("Bo", Role.PRODUCT, "Bo"),
    ]
    control.close_month("2026-03", "e1")
    with pytest.raises(CloseRefused, match="is closed"):
        control.sign_off("2026-03", "Cy", Role.ENGINEERING, "e1")
    control.reopen_month("2026-03", "late credit notes", "ana")
    assert control.signoffs("2026-03") == []


def test_a_month_locked_at_one_evidence_does_not_close_at_another(control: ControlStore) -> None:
    control.lock_month("2026-03", "e1")
    assert control.month_state("2026-03") is MonthState.LOCKED
    assert control.is_closed(DAY)
    with pytest.raises(CloseRefused, match="evidence is now e2"):
        control.close_month("2026-03", "e2")
    control.close_month("2026-03", "e1")
    control.close_month("2026-03", "e1")
    with pytest.raises(CloseRefused, match="cannot be locked"):
        control.lock_month("2026-03", "e1")
    with pytest.raises(CloseRefused, match="nothing to reopen"):
        control.reopen_month("2026-04", "why not", "ana")
