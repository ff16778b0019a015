"""Bills that a rollout got wrong hold its next promotion back until reconciliation closes them, or the promotion accepts that very list."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_recon.compute.engine import scratch
from billing_recon.compute.registration import register
from billing_recon.control.rollout_records import Verb
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.schema import BREAKS
from billing_recon.day import land
from billing_recon.day.rollout.corrections import open_corrections
from billing_recon.day.rollout.plan_file import write_down
from billing_recon.day.rollout.progress import progress
from billing_recon.day.rollout.state import Status
from billing_recon.report.rollout_page import write_rollout_page
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

NEXT = DAY + timedelta(days=1)


def wrong(launch: Launch, **deltas: str) -> None:
    """Bill exposed customers by the new path on the next day, each wrong by so much, and judge the day a PASS."""
    folder = launch.home.path / "landing" / "invoice_lines"
    with next(folder.glob(f"{DAY}*")).open(encoding="utf-8") as file:
        header, first = (reader := csv.DictReader(file)).fieldnames, next(reader)
    assert header
    with (folder / f"{NEXT}.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, header)
        out.writeheader()
        for invoice in deltas:
            changed = {
                "invoice_id": invoice, "line_id": f"{invoice}/1", "customer_id": "CUS-00001", "issued_on": str(NEXT),
                "calculated_at": f"{NEXT}T09:00:00Z", "variant": "candidate", "invoice_kind": "invoice", "status": "issued",
                "currency": "EUR",
            }  # fmt: skip
            out.writerow(first | {key: value for key, value in changed.items() if key in header})
    land(launch.home, "invoice_lines", NEXT, "test")
    with scratch() as con:
        register(
            con,
            BREAKS,
            [
                {
                    "break_id": f"B-{invoice}", "day": NEXT, "pair": "expected_billed", "level": "line", "code": "TAX_RATE_JURISDICTION",
                    "disposition": "OPEN", "invoice_id": invoice, "customer_id": "CUS-00001", "currency": "EUR",
                    "delta": Decimal(delta), "stage_deltas": "{}", "explanation": "", "owner": "", "source_system": "",
                    "evidence": "{}",
                }
                for invoice, delta in deltas.items()
            ],
        )  # fmt: skip
        launch.home.write(con, BREAKS, NEXT, "test")
    launch.judged(NEXT)


@pytest.fixture
def exposed(launch: Launch) -> Launch:
    launch.promote(since=NEXT)
    wrong(launch, W1="12.30", W2="-0.70")
    return launch


def test_wrong_bills_that_are_not_corrected_hold_a_promotion_back(exposed: Launch) -> None:
    left = open_corrections(exposed.home, exposed.state)
    assert (left.count, left.money) == (2, {"EUR": Decimal("13.00")})
    with pytest.raises(GateRefused) as refused:
        exposed.promote()
    assert "2 bills of the new path not corrected yet (13.00 EUR gross)" in str(refused.value)
    assert f"--accept-corrections {left.mark}" in str(refused.value)
    assert any(
        "billing-recon rollout corrections proration" in one
        for one in progress(exposed.home, exposed.state).waiting_for
    )


def test_a_rollback_does_not_make_them_forgotten(exposed: Launch) -> None:
    exposed.rollback()
    exposed.resume()
    with pytest.raises(GateRefused, match="2 bills of the new path not corrected yet"):
        exposed.promote()


def test_a_promotion_that_accepts_the_list_is_recorded_with_its_figures(exposed: Launch) -> None:
    left = open_corrections(exposed.home, exposed.state)
    state = exposed.promote(accept_corrections=left.mark)
    assert (state.status, state.stage) == (Status.EXPOSED, "small")
    switched = state.last(Verb.SWITCHED)
    assert switched
    assert switched.facts["accepted_corrections"] == {
        "count": 2,
        "money": {"EUR": "13.000000000000"},
        "mark": left.mark,
    }


def test_the_mark_of_an_earlier_list_accepts_nothing(exposed: Launch) -> None:
    seen = open_corrections(exposed.home, exposed.state).mark
    wrong(exposed, W1="12.30", W2="-0.70", W3="900.00")
    with pytest.raises(GateRefused, match=f"{seen} was another list"):
        exposed.promote(accept_corrections=seen)


def test_a_list_is_not_accepted_without_a_reason(exposed: Launch) -> None:
    from billing_recon.day.rollout import switch

    left = open_corrections(exposed.home, exposed.state)
    exposed.later()
    people = exposed.state.plan.stage("small").approvers
    with pytest.raises(ConfigurationError, match="--reason"):
        switch.promote(
            exposed.home, NAME, [(one, exposed.code(one)) for one in people], actor="test", accept_corrections=left.mark
        )


def test_one_person_cannot_edit_the_plan_so_that_wrong_bills_need_no_correction(exposed: Launch) -> None:
    path = exposed.home.path / "rollouts" / f"{NAME}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('nothing_below: {USD: "0.05", EUR: "0.05"}', 'nothing_below: {USD: "0.05", EUR: "99"}')
    )
    assert path.read_text(encoding="utf-8") != text
    who = exposed.people[0]
    exposed.later()
    with pytest.raises(CloseRefused, match="nothing_below: larger differences of bills stay uncorrected in EUR"):
        write_down(exposed.home, NAME, [(who, exposed.code(who))], actor="test", reason="small differences cost more")


def test_status_and_page_say_how_many_how_much_and_which_command_lists_them(exposed: Launch) -> None:
    from billing_recon.report.rollout import status

    told = status(progress(exposed.home, exposed.state))
    assert (told["corrections_open"], told["corrections_money"]) == (2, {"EUR": "13.00"})
    assert json.dumps(told)
    text = write_rollout_page(exposed.home, NAME).read_text(encoding="utf-8")
    assert "<dt>Corrections open</dt><dd>2</dd>" in text
    assert "13.00" in text[text.index("Money to be corrected") :][:120]
    assert "<code>billing-recon rollout corrections proration</code>" in text
