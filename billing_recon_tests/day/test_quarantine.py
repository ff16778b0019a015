"""Releasing and discarding rows of a day: they last through reruns, change the day's evidence, and never half happen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.landing import LandingReport
from billing_recon.core.quarantine import Fate, RowDecision, Status, Verb
from billing_recon.core.schema import METRICS, PAYMENTS, QUARANTINE
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home, land
from billing_recon.day.gate import evidence_now, stale_reason
from billing_recon.day.quarantine import Decided, decide, find
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, rows, run_day

pytestmark = pytest.mark.long

NEXT = FIRST + timedelta(days=1)
PAYMENT = "PAY-{},payment,CUS-00001,,{},USD,succeeded,{}T10:00:00Z,1,0.30\n"
"""A payment of the simulated company's file, in the order of its columns: number, amount, day."""


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    """A company of which nothing is landed yet."""
    return Home.open(company(days=2, customers=12))


def send(home: Home, *lines: str, day: date = FIRST, instead: bool = False) -> None:
    """Add lines to the day's payments file, or send only them."""
    path = home.path / "landing" / "payments" / f"{day}.csv"
    header, *before = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *([] if instead else before), *lines]))


def landed(home: Home, day: date = FIRST) -> LandingReport:
    return land(home, "payments", day, "test")


def set_aside(home: Home, day: date = FIRST) -> list[str]:
    """The ids of the payments that are open, in the order of their file."""
    scan = home.warehouse.scan(QUARANTINE.of("payments"), day, day)
    with scratch() as con:
        found = con.execute(f"SELECT row_id FROM ({scan}) WHERE decision IS NULL ORDER BY source_row").fetchall()
    return [row_id for (row_id,) in found]


def release(home: Home, *ids: str, dry_run: bool = False, **changed: str) -> Decided:
    return decide(home, Verb.RELEASE, ids, by="Ana", reason="agreed", corrections=changed, dry_run=dry_run)


def discard(home: Home, *ids: str) -> Decided:
    return decide(home, Verb.DISCARD, ids, by="Ana", reason="test data")


def payments(home: Home, day: date = FIRST) -> list[str]:
    return [row["payment_id"] for row in rows(home, PAYMENTS, day) if row["payment_id"].startswith("PAY-X")]


def test_a_released_row_lands_in_its_own_day_and_stays_there_through_reruns(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    before = landed(home)
    done = release(home, *set_aside(home), amount="12.50")
    assert done.recorded
    assert [outcome.fate for outcome in done.outcomes] == [Fate.LANDED]
    assert payments(home) == ["PAY-X1"]
    for _ in range(2):
        again = landed(home)
        assert (again.rows_in, again.accepted, again.open_rows) == (before.rows_in, before.accepted + 1, 0)
        assert payments(home) == ["PAY-X1"]


def test_releasing_twice_is_one_row_one_decision_and_the_same_evidence(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    (row_id,) = set_aside(home)
    release(home, row_id, amount="12.50")
    evidence = evidence_now(home, FIRST)
    again = release(home, row_id, amount="12.50")
    assert not again.outcomes[0].new
    assert payments(home) == ["PAY-X1"]
    assert len(home.control.row_decisions(row_id)) == 1
    assert evidence_now(home, FIRST) == evidence
    assert home.control.verify_audit() == []


def test_a_dry_run_says_what_would_happen_and_changes_nothing(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    report = landed(home)
    evidence = evidence_now(home, FIRST)
    would = release(home, *set_aside(home), amount="12.50", dry_run=True)
    assert [outcome.fate for outcome in would.outcomes] == [Fate.LANDED]
    assert would.reports[0].accepted == report.accepted + 1
    assert not would.recorded
    assert payments(home) == []
    assert evidence_now(home, FIRST) == evidence
    assert home.control.row_decisions("") == []


def test_all_rows_of_a_release_are_released_or_none(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST), PAYMENT.replace("payment,", "gift,").format("X2", "abc", FIRST))
    landed(home)
    done = release(home, *set_aside(home), amount="1")
    assert not done.recorded
    assert [outcome.says for outcome in done.refused] == ["kind 'gift' is not one of payment, refund, chargeback"]
    assert payments(home) == []
    assert home.control.row_decisions("") == []


def test_a_day_held_back_by_a_row_passes_once_it_is_released_and_the_day_is_run_again(home: Home) -> None:
    path = home.path / "landing" / "payments" / f"{FIRST}.csv"
    path.write_text(path.read_text().replace(",payment,", ",paymant,", 1))
    held = run_day(home, FIRST)
    assert "quarantine" in {c.name for c in held.held_back_by}
    release(home, *set_aside(home), kind="payment")
    assert stale_reason(home, held) is not None
    verdict = run_day(home, FIRST)
    assert verdict.verdict is Verdict.PASS, verdict.held_back_by
    assert verdict.evidence_hash != held.evidence_hash
    discard(home, home.control.row_decisions("")[0].row_id)
    assert stale_reason(home, verdict) is not None, "the released row was taken out again"


def test_a_discarded_row_no_longer_holds_the_day_back_and_is_no_money_at_risk(home: Home) -> None:
    send(home, PAYMENT.replace("payment,", "gift,").format("X1", "7.00", FIRST))
    held = run_day(home, FIRST)
    assert "quarantine" in {c.name for c in held.held_back_by}
    assert measured(home) == {"quarantined_rows": [1], "quarantined_money": [7]}
    discard(home, *set_aside(home))
    verdict = run_day(home, FIRST)
    assert verdict.verdict is Verdict.PASS, verdict.held_back_by
    assert measured(home) == {"quarantined_rows": [0], "quarantined_money": [0]}
    (report,) = [r for r in home.control.landing_reports(FIRST) if r.table == "payments"]
    assert (report.quarantined, report.discarded) == (1, 1)
    assert report.equation_holds


def measured(home: Home) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    for row in rows(home, METRICS, FIRST):
        if row["metric"].startswith("quarantined"):
            found.setdefault(row["metric"], []).append(row["value"])
    return found


def test_a_file_sent_anew_with_the_row_mended_counts_once_and_the_decision_lapses(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    (row_id,) = set_aside(home)
    release(home, row_id, amount="12.50")
    path = home.path / "landing" / "payments" / f"{FIRST}.csv"
    path.write_text(path.read_text().replace("abc", "13.00"))
    report = landed(home)
    assert [row["amount"] for row in rows(home, PAYMENTS, FIRST) if row["payment_id"] == "PAY-X1"] == [13]
    assert "no longer applies" in report.message
    assert [row.status for row in find(home, row_id)] == [Status.LAPSED]
    assert discard(home, row_id).refused[0].says.startswith("its file no longer has the row as it was sent")


def test_a_row_that_came_again_on_another_day_is_not_released(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    send(home, PAYMENT.format("X1", "12.50", FIRST), day=NEXT)
    landed(home, NEXT)
    done = release(home, *set_aside(home), amount="12.50")
    assert not done.recorded
    assert f"was sent again on {NEXT}" in done.refused[0].says
    assert discard(home, *set_aside(home)).recorded


def test_rows_of_several_days_are_decided_together(home: Home) -> None:
    for day in (FIRST, NEXT):
        send(home, PAYMENT.format(f"X{day.day}", "abc", day), day=day)
        landed(home, day)
    done = release(home, *set_aside(home), *set_aside(home, NEXT), amount="1.00")
    assert [report.day for report in done.reports] == [FIRST, NEXT]
    assert (payments(home), payments(home, NEXT)) == ([f"PAY-X{FIRST.day}"], [f"PAY-X{NEXT.day}"])


def test_nothing_is_decided_about_a_closed_month(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    ids = set_aside(home)
    home.control.close_month(f"{FIRST:%Y-%m}", "e1")
    for dry_run in (True, False):
        with pytest.raises(CloseRefused, match="reopen"):
            release(home, *ids, amount="1", dry_run=dry_run)
    with pytest.raises(CloseRefused, match="reopen"):
        discard(home, *ids)
    assert home.control.row_decisions("") == []


def test_a_process_killed_after_recording_leaves_no_verdict_standing_and_the_rerun_does_what_was_decided(
    home: Home,
) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    (row_id,) = set_aside(home)
    decision = RowDecision(row_id, "payments", FIRST, Verb.RELEASE, "agreed", "Ana", (("amount", "1"),))
    assert home.control.decide_rows([decision])
    assert evidence_now(home, FIRST) is None, "nothing may be taken for current"
    assert landed(home).released == 1
    assert evidence_now(home, FIRST) is not None
    assert payments(home) == ["PAY-X1"]


def test_a_decision_needs_a_name_a_reason_a_known_row_and_a_known_column(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST), PAYMENT.format("X2", "abc", FIRST))
    landed(home)
    (one, two) = set_aside(home)
    for by, reason in (("", "why"), ("Ana", " ")):
        with pytest.raises(ConfigurationError, match="takes a name"):
            decide(home, Verb.DISCARD, [one], by=by, reason=reason)
    with pytest.raises(ConfigurationError, match="'amuont' is no column of payments"):
        release(home, one, amuont="1")
    with pytest.raises(ConfigurationError, match="no row 'nothing' was ever quarantined"):
        find(home, "nothing")
    with pytest.raises(ConfigurationError, match="no row ''"):
        find(home, "")
    assert [row.row_id for row in find(home, two[:12], one, two)] == [two, one]


def test_whoever_decides_is_recorded_with_the_role_that_policy_gives_and_the_row_as_it_came(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    (row_id,) = set_aside(home)
    name = home.policy.approvers[0].name
    decide(home, Verb.DISCARD, [row_id], by=name, reason="test data", actor="root")
    (decision,) = home.control.row_decisions(row_id)
    assert (decision.decided_by, decision.role, decision.actor) == (name, home.policy.approvers[0].role, "root")
    assert '\\"amount\\":\\"abc\\"' in decision.came


def test_a_day_whose_file_can_no_longer_be_read_keeps_its_decisions_for_the_next(home: Home) -> None:
    send(home, PAYMENT.format("X1", "abc", FIRST))
    landed(home)
    ids = set_aside(home)
    release(home, *ids, amount="1")
    path = home.path / "landing" / "payments" / f"{FIRST}.csv"
    text = path.read_text()
    path.write_bytes(b"\0\0")
    assert release(home, *ids, amount="2").refused[0].says.startswith("its file cannot be read now")
    landed(home)
    path.write_text(text)
    assert landed(home).released == 1


def test_a_contract_in_quarantine_is_named_by_the_gate_and_makes_no_break(home: Home) -> None:
    contracts = home.path / "landing" / "subscriptions" / f"{FIRST}.csv"
    header, first, *others = contracts.read_text().splitlines(keepends=True)
    name = dict(zip(header.strip().split(","), first.split(","), strict=False))["subscription_id"]
    before = run_day(home, FIRST)
    changed = home.path / "landing" / "subscriptions" / f"{NEXT}.csv"
    changed.write_text(header + first.replace(",active,", ",asleep,"))
    verdict = run_day(home, NEXT)
    (rated,) = (one for one in verdict.conditions if one.name == "rated")
    assert (before.verdict, verdict.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert f"A row of the contract of {name} is in quarantine" in rated.sentence
    assert breaks(home, FIRST, NEXT) == []
    assert others
