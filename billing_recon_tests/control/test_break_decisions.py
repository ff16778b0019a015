"""What is kept of decisions about breaks: appended, chained, bound to an open month, and applied to one day."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from billing_recon.control import ControlStore
from billing_recon.control.database import connect, writing
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told

DAY, OTHER_DAY = date(2026, 3, 2), date(2026, 3, 3)
TIMING = BreakDecision(
    "B1", DAY, BreakVerb.RESOLVE, "ana", Decimal("-30.79"), "USD", Disposition.TIMING, reason="booked on the 9th",
    role="finance", actor="root", came='{"code": "LEDGER_MISSING"}',
)  # fmt: skip
ASSIGNED = replace(TIMING, verb=BreakVerb.ASSIGN, disposition=None, assignee="bo")


def test_a_decision_comes_back_as_it_was_made(control: ControlStore) -> None:
    (made,) = control.decide_breaks([TIMING])
    assert made == replace(TIMING, decided_at="2026-04-01T09:30:00.000+00:00")
    assert control.break_decisions(DAY, DAY) == [made]
    assert control.break_decisions(date(2026, 3, 3), date(2026, 3, 31)) == []
    assert control.verify_audit() == []


def test_deciding_the_same_again_is_no_new_decision_and_assigning_is_apart(control: ControlStore) -> None:
    control.decide_breaks([TIMING])
    control.decide_breaks([ASSIGNED])
    assert control.decide_breaks([TIMING, ASSIGNED]) == []
    assert len(control.decide_breaks([replace(TIMING, delta=Decimal("-31"))])) == 1, "another difference"


def test_a_resolution_makes_the_days_breaks_incomplete_and_an_assignment_does_not(control: ControlStore) -> None:
    control.end_write("breaks", DAY, 1, "d1", "run-1")
    control.decide_breaks([ASSIGNED])
    assert control.partition_states(["breaks"], DAY, DAY)[0].complete
    control.decide_breaks([TIMING])
    assert not control.partition_states(["breaks"], DAY, DAY)[0].complete


def test_a_closed_months_breaks_are_not_decided_but_may_be_given_to_somebody(control: ControlStore) -> None:
    control.close_month("2026-03", "e1")
    with pytest.raises(CloseRefused, match="2026-03 is Closed"):
        control.decide_breaks([TIMING])
    assert len(control.decide_breaks([ASSIGNED])) == 1


def test_a_decision_cannot_be_changed_behind_the_stores_back(control: ControlStore, url: str) -> None:
    control.decide_breaks([TIMING])
    for change in ("UPDATE break_decisions SET disposition = 'DEFECT'", "DELETE FROM break_decisions"):
        with pytest.raises(Exception, match="append-only"), writing(connect(url)) as connection:
            connection.execute(text(change))


def test_when_a_month_was_closed_is_known_while_it_is(control: ControlStore) -> None:
    assert control.closed_at("2026-03") is None
    control.close_month("2026-03", "e1")
    assert control.closed_at("2026-03") == datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
    control.reopen_month("2026-03", "late invoice", "ana")
    assert control.closed_at("2026-03") is None


def test_ten_thousand_breaks_are_resolved_at_once_in_under_five_seconds(control: ControlStore) -> None:
    many = [replace(TIMING, break_id=f"B{n:05}", day=DAY if n % 2 else OTHER_DAY) for n in range(10_000)]
    begun = time.process_time()
    assert len(control.decide_breaks(many)) == 10_000
    assert time.process_time() - begun < 5
    assert control.decide_breaks(many) == [], "the same again is no new decision"
    assert len(control.break_decisions(DAY, DAY)) == 5_000
    assert control.verify_audit() == []


def test_all_of_a_bulk_are_decided_or_none(control: ControlStore) -> None:
    control.close_month("2026-02", "e1")
    with pytest.raises(CloseRefused, match="2026-02 is Closed"):
        control.decide_breaks([TIMING, replace(TIMING, break_id="B2", day=date(2026, 2, 28))])
    assert control.break_decisions(DAY, DAY) == []


def test_how_it_was_resolved_is_kept_and_rows_of_earlier_versions_are_as_they_were_hashed(
    control: ControlStore, url: str
) -> None:
    credited = replace(
        TIMING,
        break_id="B2",
        resolution=Resolution.CREDIT_NOTE,
        evidence="CN-17",
        told=Told.NOT_NEEDED,
        reason="old price",
    )
    made = control.decide_breaks([TIMING, credited])
    assert [(one.resolution, one.evidence, one.told) for one in made] == [
        (None, "", None),
        (Resolution.CREDIT_NOTE, "CN-17", Told.NOT_NEEDED),
    ]
    assert control.break_decisions(DAY, DAY) == made
    payloads = [event.payload for event in control.audit_events()]
    assert ["resolution" in payload for payload in payloads] == [False, True]
    with writing(connect(url)) as connection:
        off = (
            "DROP TRIGGER break_decisions_no_update"
            if url.startswith("sqlite")
            else ("ALTER TABLE break_decisions DISABLE TRIGGER ALL")
        )
        connection.execute(text(off))
        connection.execute(text("UPDATE break_decisions SET told = 'yes' WHERE break_id = 'B1'"))
    assert len(control.verify_audit()) == 1


ODD_TEXTS = (
    "'); DROP TABLE break_decisions; --",
    '" OR ""="',
    "\\'; SELECT pg_sleep(9); --",
    "${jndi:ldap://x} {{7*7}} %s %(x)s :name ?",
    "<script>alert(1)</script> =HYPERLINK(1)",
    "Zahlung läuft über 支払い 🧾",
)


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_whatever_people_write_is_data(control: ControlStore, odd: str) -> None:
    decision = replace(TIMING, break_id=odd[:40], reason=odd, evidence=odd, decided_by=odd, actor=odd, role=odd)
    (made,) = control.decide_breaks([decision])
    assert control.break_decisions(DAY, DAY) == [made]
    assert (made.reason, made.evidence, made.decided_by) == (odd, odd, odd)
    version = control.apply_policy(f"# {odd}", odd, odd, odd)
    assert control.current_policy() == version
    assert control.verify_audit() == []
