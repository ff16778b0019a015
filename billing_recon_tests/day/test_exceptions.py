"""Breaks as exceptions: decided by people, kept through reruns, off the gate only by an approver, expected ones by policy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told
from billing_recon.core.schema import BREAKS
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home, require_pass
from billing_recon.day.configuration import policy_text
from billing_recon.day.exceptions import EARLIEST, LATEST, State, exceptions, find
from billing_recon.day.product_gaps import product_gaps
from billing_recon.day.releases import release_parts, verify_release
from billing_recon.day.resolutions import Answer, assign, comment, investigate, resolve
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day
from billing_recon_tests.day.test_a_day import edit, landed
from billing_recon_tests.people import code_of, enrol_everyone

pytestmark = pytest.mark.long

Company = Callable[..., Path]
APPROVER = "Amara Okafor"


def dearer(home: Path, by: str) -> None:
    """The first document of the day asks for so much more than was billed."""

    def change(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for name in ("total", "payable"):
            rows[0][name] = str(Decimal(rows[0][name]) + Decimal(by))
        return rows

    edit(landed(home, "rendered_invoices"), change)


@pytest.fixture(scope="session")
def broken_once(simulated: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean company but for one document of its first day, which asks for 5.00 more than was billed; that day is run."""
    path = Path(shutil.copytree(simulated(days=2, customers=15), tmp_path_factory.mktemp("broken") / "home"))
    dearer(path, "5.00")
    home = Home.open(path)
    run_day(home, FIRST)
    home.control.close()
    return path


@pytest.fixture
def broken(broken_once: Path, tmp_path: Path) -> Home:
    """A copy of it."""
    return Home.open(shutil.copytree(broken_once, tmp_path / "home"))


def the_open(home: Home) -> Any:
    return [e for e in exceptions(home, EARLIEST, LATEST, FIRST) if e.open]


def answer(
    kind: Resolution | Disposition, by: str = APPROVER, reason: str = "credited on the 29th", **more: Any
) -> Answer:
    if isinstance(kind, Disposition):
        return Answer(None, by, reason, disposition=kind, actor="root", **more)
    return Answer(kind, by, reason, actor="root", **more)


def ruled(home: Home, **exceptions: Any) -> Home:
    """The home under a policy with these rules about exceptions."""
    text = policy_text(home.path) + yaml.safe_dump({"exceptions": exceptions})
    home.control.apply_policy(text, "ana", "what people may decide")
    return Home.open(home.path)


def test_an_open_break_is_an_exception_with_an_age_and_a_deadline(broken: Home) -> None:
    found = the_open(broken)
    assert {e.row["break_id"] for e in found} == {b["break_id"] for b in breaks(broken, FIRST)}
    later = exceptions(broken, EARLIEST, LATEST, FIRST + timedelta(days=7))
    assert {(e.age, e.due, e.overdue, e.state) for e in later} == {(7, FIRST + timedelta(days=5), 2, State.OPEN)}


def test_a_resolution_takes_effect_with_the_next_run_and_survives_every_later_one(broken: Home) -> None:
    made = resolve(broken, the_open(broken)[:1], answer(Disposition.TIMING))
    assert [(one.role, one.actor) for one in made] == [("finance", "root")]
    with pytest.raises(GateRefused, match=r"is FAIL|incomplete"):
        require_pass(broken, "day", str(FIRST))
    assert [e.waiting for e in exceptions(broken, EARLIEST, LATEST, FIRST) if e.resolution] == [True]
    verdicts = [run_day(broken, FIRST, f"run-{n}") for n in range(2)]
    assert verdicts[0].evidence_hash == verdicts[1].evidence_hash
    assert [v.verdict for v in verdicts] == [Verdict.FAIL if the_open(broken) else Verdict.PASS] * 2
    assert "TIMING" in {b["disposition"] for b in breaks(broken, FIRST)}
    assert broken.control.verify_audit() == []


def test_several_breaks_leave_the_gate_only_with_a_code_that_is_good_once(broken: Home) -> None:
    found = exceptions(broken, EARLIEST, LATEST, FIRST)
    twice = [found[0], replace(found[0], row=found[0].row | {"break_id": "B2"})]
    with pytest.raises(CloseRefused, match="--code NNNNNN"):
        resolve(broken, twice, answer(Disposition.TIMING))
    secrets = enrol_everyone(broken)
    with pytest.raises(CloseRefused, match="--code NNNNNN"):
        resolve(broken, found[:1], answer(Disposition.TIMING))
    for guess in ("000000", "abc", "' OR 1=1 --", "\N{ARABIC-INDIC DIGIT ONE}" * 6):
        with pytest.raises(CloseRefused, match="is not that of"):
            resolve(broken, found[:1], answer(Disposition.TIMING, code=guess))
    code = code_of(secrets[APPROVER], later=1)
    assert (
        resolve(broken, found[:1], answer(Disposition.TIMING, by="amara  OKAFOR", code=code))[0].decided_by == APPROVER
    )
    with pytest.raises(CloseRefused, match="was used before"):
        resolve(broken, found[:1], answer(Disposition.TIMING, reason="the same code again", code=code))
    assert resolve(broken, found[:1], answer(Disposition.OPEN, by="bo"))[0].disposition is Disposition.OPEN


def test_what_was_fixed_at_its_source_opens_the_gate_only_when_reconciliation_no_longer_sees_it(broken: Home) -> None:
    found = the_open(broken)
    made = resolve(broken, found, answer(Resolution.FIXED_AT_SOURCE, by="bo", reason="template corrected, sent again"))
    assert {one.disposition for one in made} == {Disposition.DATA_ERROR}
    assert {e.state for e in exceptions(broken, EARLIEST, LATEST, FIRST)} == {State.RESOLVED}
    assert run_day(broken, FIRST).verdict is Verdict.FAIL
    again = the_open(broken)
    assert {e.state for e in again} == {State.OPEN}
    assert {e.reopened for e in again} == {"it was to be fixed at its source, and reconciliation still finds it"}
    dearer(broken.path, "-5.00")
    assert run_day(broken, FIRST).verdict is Verdict.PASS
    assert {(e.gone, e.state) for e in exceptions(broken, EARLIEST, LATEST, FIRST)} == {(True, State.RESOLVED)}


def test_another_figure_reopens_a_decided_break_and_a_mended_one_is_gone(broken: Home) -> None:
    resolve(broken, the_open(broken)[:1], answer(Disposition.TIMING))
    dearer(broken.path, "4000.00")
    assert run_day(broken, FIRST).verdict is Verdict.FAIL
    assert [e.lapsed for e in the_open(broken) if e.resolution] == [True]
    dearer(broken.path, "-4005.00")
    assert run_day(broken, FIRST).verdict is Verdict.PASS
    found = exceptions(broken, EARLIEST, LATEST, FIRST)
    assert {(e.gone, e.open) for e in found} == {(True, False)}
    assert {e.row["code"] for e in found} != {None}


def test_only_an_approver_takes_a_break_off_the_gate_and_everything_missing_is_said(broken: Home) -> None:
    found = the_open(broken)[:1]
    with pytest.raises(ConfigurationError) as error:
        resolve(broken, found, answer(Disposition.ACCEPTED_TOLERANCE, by="bo", reason=" . "))
    assert [p.split(" ")[0] for p in error.value.problems] == ["ACCEPTED_TOLERANCE", "a", "ACCEPTED_TOLERANCE"]
    with pytest.raises(ConfigurationError, match="only an approver"):
        resolve(broken, found, answer(Disposition.TIMING, by="bo"))
    for forged in ("Amara Okаfor", "Amara\u202eOkafor", ""):
        with pytest.raises(ConfigurationError, match=r"mixes letters|control characters|needs a name"):
            resolve(broken, found, answer(Disposition.TIMING, by=forged))
    (made,) = resolve(broken, found, answer(Disposition.DEFECT, by="bo"))
    assert (made.disposition, made.role) == (Disposition.DEFECT, "")
    assert {e.state for e in exceptions(broken, EARLIEST, LATEST, FIRST) if e.resolution} == {State.INVESTIGATING}


def test_what_people_may_accept_and_what_a_promise_is_worth_is_policy(broken: Home) -> None:
    (found, *_) = the_open(broken)
    currency = found.row["currency"]
    accepting = answer(Resolution.ACCEPTED_WITHIN_TOLERANCE, reason="agreed with the controller")
    with pytest.raises(ConfigurationError, match=r"accept nothing in this currency, and 5\.00"):
        resolve(broken, [found], accepting)
    with pytest.raises(ConfigurationError, match="--evidence CN-17"):
        resolve(broken, [found], answer(Resolution.CREDIT_NOTE))
    credit = answer(Resolution.CREDIT_NOTE, evidence="CN-17", told=Told.YES)
    assert resolve(broken, [found], credit)[0].disposition is Disposition.DATA_ERROR, "a promise alone opens no gate"
    home = ruled(broken, accept_up_to={currency: "4.99"}, open_the_gate=["credit_note", "accepted_within_tolerance"])
    with pytest.raises(ConfigurationError, match=r"accept up to 4\.99"):
        resolve(home, [found], accepting)
    home = ruled(broken, accept_up_to={currency: "5.00"}, open_the_gate=["credit_note", "accepted_within_tolerance"])
    assert resolve(home, [found], credit)[0].disposition is Disposition.TIMING
    assert resolve(home, [found], accepting)[0].disposition is Disposition.ACCEPTED_TOLERANCE
    verdict = run_day(home, FIRST)
    counted = [c.sentence for c in verdict.conditions if c.name == "not_counted:ACCEPTED_TOLERANCE"]
    assert len(counted) == 1
    assert "gross 5.00" in counted[0]


def test_what_is_allowed_for_issued_invoices_is_policy_for_wrong_bills_only(broken: Home) -> None:
    (found, *_) = the_open(broken)
    home = ruled(broken, issued_invoices=["credit_note"])
    wrong_bill = replace(found, row=found.row | {"pair": "expected_billed", "code": "PRICE_VERSION"})
    with pytest.raises(
        ConfigurationError, match="rebill is not allowed for an issued invoice; the policy allows credit_note"
    ):
        resolve(home, [wrong_bill], answer(Resolution.REBILL, evidence="INV-9", told=Told.NO))
    with pytest.raises(ConfigurationError, match="--customer-told yes, no or not_needed"):
        resolve(home, [wrong_bill], answer(Resolution.CREDIT_NOTE, evidence="CN-9"))
    not_issued = replace(wrong_bill, row=wrong_bill.row | {"invoice_id": None})
    assert resolve(home, [not_issued], answer(Resolution.REBILL, evidence="INV-9"))
    assert resolve(home, [found], answer(Resolution.REBILL, evidence="INV-9")), "the bill is right, its document is not"


def test_work_that_decides_nothing_is_kept_and_leaves_the_verdict_as_it_is(broken: Home) -> None:
    (break_id, *_) = [e.row["break_id"] for e in the_open(broken)]
    before = broken.control.latest_verdict("day", str(FIRST))
    assert len(assign(broken, [break_id[:8]], "bo", by="ana", reason="", actor="root")) == 1
    investigate(broken, [break_id], by="bo", reason="asked the documents team", actor="root")
    comment(broken, [break_id], by="bo", text="the new template adds a deposit", actor="root")
    found = next(e for e in the_open(broken) if e.row["break_id"] == break_id)
    assert (found.assignee, found.state) == ("bo", State.INVESTIGATING)
    assert [one.reason for one in found.comments] == ["the new template adds a deposit"]
    assert run_day(broken, FIRST).evidence_hash == before.evidence_hash  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError, match="control characters"):
        comment(broken, [break_id], by="bo", text="\x1b[2Jgone", actor="root")


def test_a_cause_that_comes_back_in_several_months_is_a_gap_of_the_product(broken: Home) -> None:
    assert product_gaps(broken, LATEST) == []
    now, later = breaks(broken, FIRST), FIRST + timedelta(days=35)
    with scratch() as con:
        con.execute(f"CREATE TABLE breaks AS SELECT * FROM ({broken.warehouse.scan(BREAKS, FIRST, FIRST)})")
        con.execute(f"UPDATE breaks SET day = DATE '{later}', break_id = 'L' || break_id, disposition = 'TIMING'")
        broken.write(con, BREAKS, later, "test")
    found = product_gaps(broken, LATEST)
    assert {(g.code, g.months) for g in found} == {(b["code"], (f"{FIRST:%Y-%m}", f"{later:%Y-%m}")) for b in now}
    assert sum(g.breaks for g in found) == 2 * len(now)
    assert sum(g.accepted for g in found) == len(now)
    assert product_gaps(broken, FIRST) == []


def test_the_ledger_is_released_although_the_documents_are_wrong(broken: Home) -> None:
    part = {"name": "ledger", "pairs": ["expected_billed", "billed_booked"]}
    text = policy_text(broken.path) + yaml.safe_dump({"gate": {"parts": [part]}})
    broken.control.apply_policy(text, "ana", "the ERP need not wait for documents")
    home = Home.open(broken.path)
    assert run_day(home, FIRST).verdict is Verdict.FAIL
    assert release_parts(home, FIRST, "test") == ["ledger"]
    manifest = verify_release(home, FIRST, "ledger")
    assert {total["pair"] for total in manifest["control_totals"]} <= set(part["pairs"])
    with pytest.raises(GateRefused, match=r"gate 'day' of .* is FAIL"):
        verify_release(home, FIRST)
    with pytest.raises(ConfigurationError, match=r"no part '\.\./\.\./etc'"):
        verify_release(home, FIRST, "../../etc")


def test_an_unknown_break_is_named(broken: Home) -> None:
    with pytest.raises(ConfigurationError, match="no break 'Bnone'"):
        find(broken, "Bnone")


def test_an_expected_change_opens_the_gate_until_it_expires(broken: Home) -> None:
    found = breaks(broken, FIRST)
    entry = {
        "id": "EC-1",
        "reason": "the new template shows a deposit of 5.00 until release 12",
        "codes": sorted({b["code"] for b in found}),
        "currency": found[0]["currency"],
        "max_per_break": "5.00",
        "owner": "documents",
        "starts": str(FIRST),
        "expires": str(FIRST),
        "approved_by": APPROVER,
    }
    for expires, verdict in ((FIRST, Verdict.PASS), (FIRST.replace(day=FIRST.day - 1), Verdict.FAIL)):
        entry |= {"expires": str(expires), "starts": str(expires)}
        text = yaml.safe_dump({"expected_changes": [entry]})
        (broken.path / "policies" / "expected.yaml").write_text(text, encoding="utf-8")
        broken.control.apply_policy(policy_text(broken.path), "ana", "EC-1")
        home = Home.open(broken.path)
        record = run_day(home, FIRST)
        assert record.verdict is verdict
        expired = [c.sentence for c in record.conditions if c.name == "expected_changes"]
        assert bool(expired) == (verdict is Verdict.FAIL)
    assert "EC-1 expired 1 day ago" in expired[0]
