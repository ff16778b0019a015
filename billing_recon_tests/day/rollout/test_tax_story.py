"""A new tax engine from its plan to everybody, by commands: another region's rate at a month end, switched back, corrected, resumed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.day.rollout.review import review
from billing_recon.feeds.file_reader import read_file
from billing_recon_tests.day.rollout.typed_launch import TypedLaunch

pytestmark = pytest.mark.long

STEPS = ("2026-01-30=30%", "2026-01-31=60%", "2026-02-02=off", "2026-02-03=30%", "2026-02-04=60%", "2026-02-05=100%")
BUG = "TAX_RATE_JURISDICTION@month_end"


@pytest.fixture
def company(tmp_path: Path) -> TypedLaunch:
    made = TypedLaunch.simulated("vat", tmp_path / "home", "2026-01-29", "2026-02-05", STEPS, BUG, seed=2)
    made.run("2026-01-29")
    lists = {"first": made.members("share_30"), "second": made.members("share_60")}
    strict = [{"metric": one, "limit": 0} for one in ("breaks", "break_money", "exposure", "tax_anomalies")]
    made.write_plan(
        purpose="tax by the new engine", reason="rates change by region", kind="compliance", touches=["tax"],
        salt="vat-2026-rollout", failure_modes=[{"what": "another region's rate is taken", "metric": "tax_anomalies"}],
        flags=[{"key": "tax_engine", "layer": "tax", "fallback": "old_path", "remove_by": "2026-12-31"}],
        stages=made.stages(strict, 1, lists, settled=False),
        triggers=[{"metric": "tax_anomalies", "limit": 0, "then": "rollback"}],
        success=[{"metric": "mismatch_rate", "direction": "at_most", "target": "0.001"}],
    )  # fmt: skip
    return made


def test_a_tax_engine_with_a_wrong_rate_is_switched_back_and_taken_to_everybody_once_mended(
    company: TypedLaunch, tmp_path: Path
) -> None:
    company.promote()
    company.run("2026-01-30")
    assert company.promote()["stage"] == "second"
    company.run("2026-01-31")
    shown, bug = company.status(), company.bug
    assert (shown["status"], shown["stage"], shown["money_is"]) == ("rolled_back", None, "billed")
    assert "tax_anomalies is 1" in shown["waiting_for"][0]
    assert company.refused("judge").startswith("FAIL stage second of rollout vat on 2026-01-31")
    assert bug["day"] == "2026-01-31"
    notes = tmp_path / "notes"
    (wrong,) = map(
        json.loads, company.type_in("corrections", "--format", "json", "--ubl", str(notes)).stdout.splitlines()
    )
    assert (wrong["invoice_id"], Decimal(wrong["billed_minus_owed"])) == (bug["invoice_id"], Decimal(bug["delta"]))
    assert len(list(notes.glob("*.xml"))) == (wrong["way"] == "credit_note_and_invoice")
    for path in notes.glob("*.xml"):
        (note,) = read_file(path, ())
        assert note.findings == ()

    company.done("resume", *company.signed(company.people[2]), "--reason", "the region is that of the contract")
    company.run("2026-02-01", "2026-02-02")
    assert "1 bill of the new path not corrected yet" in company.refused("promote", *company.signed(company.people[0]))
    for day in ("2026-02-03", "2026-02-04", "2026-02-05"):
        company.promote(accepting=True)
        company.run(day)
        assert company.status()["verdict"] == "PASS"
    assert company.promote(accepting=True)["status"] == "closed"
    assert company.done("page")
    found = review(company.home, "vat")
    assert (found["status"], found["percentage"], found["rollbacks"]) == ("closed", "100", 1)
    assert [stage["verdict"] for stage in found["stages"]] == ["PASS", "FAIL", "PASS", "PASS", "PASS"]
    assert "vat" in company.type_in("flags", named=False).stdout, (
        "everybody is exposed, and the flag is in the code still"
    )
    assert company.home.control.verify_audit() == []
