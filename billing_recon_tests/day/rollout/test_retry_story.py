"""A new retry engine from its plan to everybody, by commands: it collects an invoice twice, is switched back, mended, and resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from billing_recon.day.rollout.review import review
from billing_recon_tests.day.rollout.typed_launch import TypedLaunch

pytestmark = pytest.mark.long

STEPS = (
    *("2026-01-28=30%", "2026-02-01=60%", "2026-02-04=off", "2026-02-06=30%", "2026-02-08=60%", "2026-02-10=100%"),
)  # fmt: skip
BUG = "PAYMENT_DUPLICATE@retry_cycle"


@pytest.fixture
def company(tmp_path: Path) -> TypedLaunch:
    made = TypedLaunch.simulated("dunning", tmp_path / "home", "2026-01-22", "2026-02-12", STEPS, BUG, seed=11)
    made.run("2026-01-22", "2026-01-27")
    lists = {"first": made.members("share_30"), "second": made.members("share_60")}
    strict: list[dict[str, object]] = [
        {"metric": "breaks", "limit": 0},
        {"metric": "collection_faults", "limit": 0},
        {"metric": "money_left", "limit": "5000", "must_have_data": False},
    ]
    made.write_plan(
        purpose="retries by the new dunning engine", reason="more of what fails at first is collected", kind="efficiency",
        touches=["capture", "refunds"], salt="dunning-2026",
        failure_modes=[{"what": "an invoice is collected twice", "metric": "collection_faults"}],
        flags=[{"key": "dunning_engine", "layer": "payment_retry", "fallback": "old_path", "remove_by": "2026-12-31"}],
        stages=made.stages(strict, 1, lists), triggers=[{"metric": "collection_faults", "limit": 0, "then": "rollback"}],
    )  # fmt: skip
    return made


def test_a_retry_engine_that_collects_twice_is_switched_back_and_taken_to_everybody_once_mended(
    company: TypedLaunch,
) -> None:
    company.promote()
    company.run("2026-01-28", "2026-01-31")
    shown = company.status()
    assert (shown["verdict"], shown["money_is"], shown["attempts"], shown["retries"]) == ("PASS", "collected", 4, 1)
    assert (shown["money"], shown["retried_money"]) == ({"EUR": "21.85", "JPY": "85105"}, {"JPY": "57733"})
    assert "collected by the new path: 21.85 EUR, 85105 JPY; 4 attempts, 1 of them after the first" in company.done(
        "status"
    )
    company.promote()
    company.run("2026-02-01")

    # The trigger switched back by itself. Who looks finds the answer, the invoice, and what is to be refunded.
    shown = company.status()
    assert (shown["status"], shown["stage"], shown["verdict"]) == ("rolled_back", None, None)
    assert "collection_faults is 1" in shown["waiting_for"][0]
    bug = company.bug
    judged = company.refused("judge")
    assert judged.startswith("FAIL stage second of rollout dunning on 2026-02-01; nobody is exposed any more")
    assert bug["invoice_id"] in company.refused("dunning")
    (wrong,) = map(json.loads, company.type_in("corrections", "--format", "json").stdout.splitlines())
    assert (wrong["invoice_id"], wrong["currency"], wrong["way"], wrong["refund"], wrong["state"]) == (
        bug["invoice_id"], bug["currency"], "refund", bug["delta"], "following",
    )  # fmt: skip
    assert shown["corrections_money"] == {bug["currency"]: bug["delta"]}
    assert "rolled back" in company.refused("promote", *company.signed(company.people[0]))
    page = (company.home.state / "reports" / "rollouts" / "dunning.html").read_text() if company.done("page") else ""
    assert "Collected by the new path" in page
    assert "collection_faults" in page.partition("What the stage is held to")[2], "why it was switched back"

    company.done("resume", *company.signed(company.people[2]), "--reason", "an invoice is asked for once a day now")
    company.run("2026-02-02", "2026-02-05")
    assert company.status()["breaks"] == 1, "its payments had to tie by now, and are still not refunded"
    why = company.refused("promote", *company.signed(company.people[0]))
    assert "1 invoice of which the new path collected too much, not refunded yet (57,733 JPY)" in why
    company.promote(accepting=True)
    company.run("2026-02-06", "2026-02-08")
    company.promote(accepting=True)
    company.run("2026-02-09", "2026-02-10")
    assert company.promote(accepting=True)["percentage"] == "100"
    company.run("2026-02-11", "2026-02-12")
    assert company.promote(accepting=True)["status"] == "closed"

    found = review(company.home, "dunning")
    assert [(stage["stage"], stage["verdict"]) for stage in found["stages"]] == [
        ("first", "PASS"), ("second", "FAIL"), ("first", "PASS"), ("second", "PASS"), ("all", "PASS")
    ]  # fmt: skip
    assert (found["rollbacks"], set(found["collected"])) == (1, {"EUR", "JPY", "USD"})
    assert company.home.control.verify_audit() == []
