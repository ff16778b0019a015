"""What somebody found wrong holds a launch back until it is gone or an approver takes it back, whatever is edited and run again."""

from __future__ import annotations

import hashlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.control import Recorded, ShadowRecord
from billing_recon.core.candidate import LaunchRule
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.launch import Found, judge
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.shadow import decisions
from billing_recon.day.shadow.gate import check
from billing_recon.day.shadow.marks import Marks
from billing_recon.day.shadow.review import run
from billing_recon.report import shadow as report
from billing_recon_tests.people import code_of, enrol_everyone

LOOSE = "launch_rule: {{max_unmeant_share: '1', max_unmeant_money: {{USD: '9999', EUR: '9999', JPY: '9999'}}, max_unexplained: '9999'{more}}}\n"


@pytest.fixture
def home(reviewed: Home, tmp_path: Path) -> Home:
    shutil.copytree(reviewed.path, tmp_path / "home")
    return Home.open(tmp_path / "home")


def open_clauses(home: Home, name: str) -> dict[str, tuple[Verdict, str]]:
    return {c.name: (c.verdict, c.says) for c in check(home, name).clauses if c.verdict is not Verdict.PASS}


def add(home: Home, name: str, text: str) -> None:
    """Add to candidate.yaml and run the candidate again."""
    file = home.path / "shadow" / name / "candidate.yaml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    run(home, name, "ana")


@pytest.mark.long
def test_a_cause_to_be_fixed_keeps_a_candidate_from_passing_within_the_rules_bounds_and_when_it_is_accepted(
    home: Home,
) -> None:
    """An approver takes that back with a code; nobody else, and no approval that was given before."""
    (cause,) = [
        c for c in report.causes(check(home, "faulty").review) if c["part"] == "new" and c["code"] == "TIER_RATE"
    ]
    decisions.mark_cause(home, "faulty", cause["cause_id"], "to-fix", by="bo", actor="t", note="tier 2 ends early")
    agreed = (
        "accepted: [{id: A, codes: [TIER_RATE], currency: USD, max_per_line: '1', reason: small, approved_by: ana}]\n"
    )
    add(home, "faulty", LOOSE.format(more="") + agreed)
    (now,) = [c for c in report.causes(check(home, "faulty").review) if c["code"] == "TIER_RATE"]
    assert (now["part"], now["cause_id"] != cause["cause_id"]) == ("accepted", True)
    about = f"{now['cause_id']} TIER_RATE {now['about']} USD (by bo)"
    assert open_clauses(home, "faulty") == {
        "to_fix": (Verdict.FAIL, f"1 cause marked to be fixed and still there: {about}")
    }
    secrets = enrol_everyone(home)
    who, other, *_ = secrets
    with pytest.raises(GateRefused, match="FAIL to_fix"):
        decisions.approve(home, "faulty", who, "t", code=code_of(secrets[who]))

    def understood(by: str, code: str) -> None:
        decisions.mark_cause(
            home, "faulty", now["cause_id"], "understood", by=by, actor="t", note="one cent on one bill", code=code
        )

    with pytest.raises(ConfigurationError):
        understood("bo", "000000")  # no approver
    with pytest.raises(CloseRefused, match="marked to be fixed, which holds its launch back"):
        understood(who, "")
    with pytest.raises(CloseRefused):
        understood(who, code_of(secrets[other]))
    assert "to_fix" in open_clauses(home, "faulty")
    understood(who, code_of(secrets[who]))
    assert check(home, "faulty").verdict is Verdict.PASS
    for name in secrets:
        decisions.approve(home, "faulty", name, "t", code=code_of(secrets[name], later=1))
    decisions.mark_cause(home, "faulty", now["cause_id"], "to-fix", by="bo", actor="t", note="it is on more bills")
    assert "to_fix" in open_clauses(home, "faulty")
    assert home.control.verify_audit() == []


@pytest.mark.long
def test_an_invoice_found_wrong_stays_in_the_sample_of_every_later_review(home: Home) -> None:
    """Another seed would draw other invoices, and a rule without a sample none."""
    add(home, "clean", "launch_rule: {sample: 3}\n")
    wrong, *_ = check(home, "clean").sampled
    for invoice in check(home, "clean").sampled:
        decisions.check_row(home, "clean", invoice, invoice != wrong, by="bo", actor="t", note="9% tax is charged")
    assert open_clauses(home, "clean") == {"sample": (Verdict.FAIL, f"checked by hand and wrong: {wrong}")}
    file = home.path / "shadow" / "clean" / "candidate.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("launch_rule: {sample: 3}\n", ""), encoding="utf-8")
    add(home, "clean", "flags: {another: seed}\n")
    assert check(home, "clean").sampled == (wrong,)
    assert open_clauses(home, "clean")["sample"][0] is Verdict.INCONCLUSIVE
    with pytest.raises(CloseRefused, match=f"{wrong} of candidate clean was found wrong"):
        decisions.check_row(home, "clean", wrong, True, by="Amara Okafor", actor="t", note="")
    secrets = enrol_everyone(home)
    (first, *_) = secrets
    decisions.check_row(home, "clean", wrong, True, by=first, actor="t", note="", code=code_of(secrets[first], later=1))
    assert check(home, "clean").verdict is Verdict.PASS


def test_a_mark_holds_for_the_same_fault_accepted_or_kept_and_not_for_what_the_terms_change() -> None:
    cause = {"part": "new", "code": "MINIMUM", "about": "scale 2 minimum", "currency": "USD"}
    cause["cause_id"] = _id_of(cause)
    marked = Marks([record(cause["cause_id"], "to-fix", "bo")])
    assert all(marked.to_fix(cause | {"part": part}) for part in ("new", "accepted", "kept"))
    assert not any(marked.to_fix(cause | {"part": part}) for part in ("meant", "old", "split"))
    assert not marked.to_fix(cause | {"currency": "EUR"})
    forged = ShadowRecord(Recorded.CAUSE, "c", "v", "{}", "ana", "w", "t", "now")
    assert Marks([forged]).of(cause).mark == ""  # the audit chain names it
    taken_back = Marks(
        [record(cause["cause_id"], "to-fix", "bo"), record(_id_of(cause | {"part": "kept"}), "understood", "ana")]
    )
    assert taken_back.of(cause).mark == "understood"


def test_a_cause_to_be_fixed_is_a_fail_of_its_own_and_accepted_money_without_a_bound_is_named() -> None:
    found = Found(rows=1, invoices=1, noise=0, background=0, to_fix=("c1 TIER_RATE scale 2 USD (by bo)",))
    (clause,) = [c for c in judge(LaunchRule(), found) if c.verdict is not Verdict.PASS]
    assert (clause.name, clause.verdict) == ("to_fix", Verdict.FAIL)
    accepted = Found(rows=1, invoices=1, noise=0, background=0, accepted={"USD": Decimal("8")})
    (says,) = [c.says for c in judge(LaunchRule(), accepted) if c.name == "max_accepted_money"]
    assert says == "accepted differences are 8.00 USD gross; the rule has no bound for them"


def record(cause_id: str, mark: str, by: str) -> ShadowRecord:
    content = json.dumps({"cause_id": cause_id, "mark": mark, "owner": ""})
    return ShadowRecord(Recorded.CAUSE, "c", "v", content, by, "why", "t", "now")


def _id_of(cause: dict[str, str]) -> str:
    text = "|".join(cause[name] for name in ("part", "code", "about", "currency"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
