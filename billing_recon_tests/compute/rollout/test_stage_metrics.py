"""Each metric of a stage by itself: a fault of the cohort misses its bound, and the same stage without it holds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.rollout import METRICS, Stage
from billing_recon.core.stage_gate import StageClause, State, judge_stage
from billing_recon.core.verdict import Verdict
from billing_recon_tests.compute.rollout.stage_world import LAUNCH, StageWorld

NEXT = LAUNCH + timedelta(days=1)
AS_OF = LAUNCH + timedelta(days=20)
Plant = Callable[[StageWorld], None]


def good() -> StageWorld:
    """A and B are billed by the new path and pay, B at the second attempt. D is exposed too, and nothing is due of them yet."""
    made = StageWorld(cycle_days=7, retry_days=("3", "7"))
    made.expose("A", "B", "D")
    for customer in ("A", "B"):
        made.contract(customer, date(2026, 1, 1))
        made.bill(f"N-{customer}", customer, NEXT, variant="candidate")
        due(made, customer, NEXT)
        signal(made, "invoice_generation", f"N-{customer}", "succeeded")
        signal(made, "webhook", f"N-{customer}", "delivered")
    made.pay("P-A-1", "N-A", "A", NEXT)
    made.pay("P-B-1", "N-B", "B", NEXT, "failed")
    made.pay("P-B-2", "N-B", "B", NEXT + timedelta(days=3), attempt=2)
    made.contract("D", date(2026, 1, 1))
    signal(made, "ticket", "somebody who is no customer", "open")
    return made


def due(made: StageWorld, customer: str, on: date, total: str = "100", currency: str = "USD") -> None:
    made.rows["expected_lines"].append(
        {
            "expected_line_id": f"E{len(made.rows['expected_lines'])}", "subscription_id": f"S-{customer}",
            "customer_id": customer, "plan_id": "p", "plan_version": "1", "charge_id": "c", "kind": "subscription",
            "period_start": on, "period_end": on, "due_on": on, "currency": currency, "decimals": 2, "gross_raw": total,
            "gross": total, "discount_rate": 0, "discount_raw": 0, "discount": 0, "credit": 0, "taxable": total,
            "tax_rate": 0, "tax_raw": 0, "tax": 0, "total": Decimal(total), "late_quantity": 0, "duplicate_quantity": 0,
            "superseded_quantity": 0, "working": "{}", "day": on,
        }
    )  # fmt: skip


def signal(made: StageWorld, kind: str, subject: str, status: str, on: date = NEXT) -> None:
    made.rows["signals"].append(
        {
            "kind": kind, "subject": subject, "status": status, "at": datetime.combine(on, time(12), UTC), "day": on,
            "observed_on": on, "source_file": "s.csv", "source_row": len(made.rows["signals"]) + 1,
        }
    )  # fmt: skip


def untaxed(made: StageWorld, customer: str, on: date) -> None:
    made.rows["detections"].append(
        {
            "detection_id": f"T{len(made.rows['detections'])}", "detector": "MISSING_TAX", "customer_id": customer,
            "finding": "", "next_step": "", "owner": "", "evidence": "{}", "day": on,
        }
    )  # fmt: skip


def unbilled(made: StageWorld, customer: str, amount: str) -> None:
    row = {"subscription_id": f"S-{customer}", "customer_id": customer, "meter": "m", "currency": "USD", "quantity": 1}
    made.rows["unbilled_usage"].append(row | {"amount": Decimal(amount), "day": AS_OF})


def refund(made: StageWorld, amount: int) -> None:
    made.pay("R-1", "N-A", "A", NEXT)
    made.rows["payments"][-1].update(kind="refund", amount=amount)


def never_paid(made: StageWorld) -> None:
    made.bill("X", "D", NEXT, variant="candidate")
    made.pay("P-late", "X", "D", NEXT, "failed")


BREACHES: dict[str, tuple[dict[str, Any], Plant]] = {
    "breaks": ({"limit": 0}, lambda w: w.break_("N-A", NEXT, "0.01")),
    "break_money": ({"limit": "4.99"}, lambda w: w.break_("N-A", NEXT, "-5")),
    "tolerated_money": ({"limit": "0.01"}, lambda w: w.break_("N-A", NEXT, "0.02", disposition="ACCEPTED_TOLERANCE")),
    "mismatch_rate": ({"limit": "0.49"}, lambda w: w.break_("N-A", NEXT, "1")),
    "duplicate_invoices": ({"limit": 0}, lambda w: w.break_("N-A", NEXT, "100", code="INVOICE_DUPLICATE")),
    "missing_invoices": ({"limit": 0}, lambda w: w.break_(None, AS_OF, "-50", code="INVOICE_MISSING", customer_id="D")),
    "tax_anomalies": ({"limit": 0}, lambda w: untaxed(w, "D", NEXT + timedelta(days=2))),
    "unbilled_usage": ({"limit": 100}, lambda w: unbilled(w, "A", "100.01")),
    "ar_drift": ({"limit": "0.00"}, lambda w: w.break_("N-A", NEXT, "-1", code="LEDGER_AMOUNT", pair="billed_booked")),
    "refunds": ({"limit": "0.10"}, lambda w: refund(w, 21)),
    "exposure": (
        {"limit": 0},
        lambda w: w.break_(None, NEXT, "0", code="EXPOSURE", customer_id="A", evidence='{"rollout": "r"}'),
    ),
    "recovery_rate": (
        {"limit": "0.99", "direction": "at_least"},
        never_paid,
    ),
    "money_left": (
        {"limit": "99.99"},
        never_paid,
    ),
    "collection_faults": ({"limit": 0}, lambda w: w.pay("P-A-3", "N-A", "A", NEXT + timedelta(days=7), attempt=3)),
    "capture_rate": (
        {"limit": "0.999", "direction": "at_least"},
        lambda w: w.break_(None, NEXT + timedelta(days=2), "-50", code="INVOICE_MISSING", customer_id="D"),
    ),
    "invoice_creation": (
        {"limit": 1, "direction": "at_least"},
        lambda w: signal(w, "invoice_generation", "S-D", "failed"),
    ),
    "payment_failures": ({"limit": "0.5"}, lambda w: w.pay("P-x", "N-A", "A", NEXT, "failed", attempt=2)),
    "payment_retries": ({"limit": 1}, lambda w: w.pay("P-x", "N-B", "B", NEXT + timedelta(days=3), attempt=3)),
    "failed_webhooks": ({"limit": 0}, lambda w: signal(w, "webhook", "N-A", "error")),
    "tickets": ({"limit": 0}, lambda w: signal(w, "ticket", "A", "open", NEXT + timedelta(days=4))),
}  # fmt: skip
"""Per metric: a bound that `good` holds, and one fault that misses it, often on a day on which the cohort bills nothing."""


def clause(made: StageWorld, metric: str, **bound: Any) -> tuple[State, StageClause]:
    """The stage's answer, and that of its only threshold."""
    stage = Stage.model_validate(
        {"name": "s", "share": "0.05", "approvers": ["Ana Ruiz"], "thresholds": [{"metric": metric, **bound}]}
    )
    found = judge_stage(stage, [], made.facts(AS_OF))
    (one,) = [one for one in found.clauses if one.name.split(":")[0] == metric]
    return found.state, one


def test_every_metric_has_a_fault_that_misses_it() -> None:
    assert set(BREACHES) == set(METRICS)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_fails_by_one_fault_and_passes_without_it(metric: str) -> None:
    bound, plant = BREACHES[metric]
    made = good()
    held = clause(made, metric, **bound)
    assert held[1].verdict is Verdict.PASS, held[1].says
    assert held[0] is State.PASS
    plant(made)
    missed = clause(made, metric, **bound)
    assert missed[1].verdict is Verdict.FAIL, missed[1].says


def test_what_one_customer_pays_too_much_makes_no_other_customers_bill_captured() -> None:
    made = good()
    made.break_("N-A", NEXT, "30")
    made.break_("N-B", NEXT, "-30")
    state, found = clause(made, "capture_rate", limit="0.9", direction="at_least")
    assert (state, found.verdict) == (State.FAIL, Verdict.FAIL)
    assert "0.85 (170 of 200)" in found.says


def test_a_share_that_is_put_on_the_wrong_line_of_a_bill_is_captured() -> None:
    made = good()
    made.break_("N-A", NEXT, "30")
    made.break_("N-A", NEXT, "-30")
    assert clause(made, "capture_rate", limit=1, direction="at_least")[0] is State.PASS


@pytest.mark.parametrize("kind", ["invoice_generation", "webhook"])
def test_a_failure_about_something_unknown_may_be_the_cohorts(kind: str) -> None:
    metric = {"invoice_generation": "invoice_creation", "webhook": "failed_webhooks"}[kind]
    made = good()
    signal(made, kind, "INV-that-never-was", "failed")
    bound = {"limit": 1, "direction": "at_least" if kind == "invoice_generation" else "at_most"}
    assert clause(made, metric, **bound)[0] is State.INCONCLUSIVE
    assert clause(made, metric, **bound, critical=False)[0] is State.PASS
    assert clause(made, "breaks", limit=0)[0] is State.PASS, "a plan that bounds no signals does not wait for them"


def test_a_subject_that_names_several_things_is_one_event() -> None:
    made = good()
    made.rows["invoice_lines"][0]["invoice_id"] = "A"
    made.rows["payments"] = []
    signal(made, "webhook", "A", "failed")
    assert clause(made, "failed_webhooks", limit=1)[1].verdict is Verdict.PASS


def test_a_fault_of_collecting_counts_on_the_day_on_which_it_is_made() -> None:
    """The first attempt was in the stage before; the new path asks again in this one although the invoice is paid."""
    made = StageWorld(since=NEXT + timedelta(days=2), exposed_since=LAUNCH, of_payments=True, cycle_days=7)
    made.expose("A", since=LAUNCH)
    made.bill("I", "A", LAUNCH)
    made.pay("P1", "I", "A", LAUNCH)
    made.pay("P2", "I", "A", NEXT + timedelta(days=4), attempt=2)
    assert clause(made, "collection_faults", limit=0)[1].verdict is Verdict.FAIL


def test_faults_about_a_bill_of_the_new_path_whose_customers_flag_is_off_count_too() -> None:
    made = StageWorld(cycle_days=7)
    made.expose("A")
    made.bill("I", "B", NEXT, variant="candidate")
    made.pay("P1", "I", "B", NEXT)
    made.pay("P2", "I", "B", NEXT + timedelta(days=1), attempt=2)
    assert clause(made, "collection_faults", limit=0)[1].verdict is Verdict.FAIL


def test_customers_are_held_to_the_schedule_from_their_own_exposure_on() -> None:
    made = StageWorld(
        since=NEXT + timedelta(days=4), exposed_since=LAUNCH, of_payments=True, cycle_days=7, retry_days=("3", "7")
    )
    made.expose("A", since=LAUNCH)
    made.expose("B", since=NEXT + timedelta(days=4))
    for customer in ("A", "B"):
        made.bill(f"I-{customer}", customer, LAUNCH)
        made.pay(f"P1-{customer}", f"I-{customer}", customer, LAUNCH, "failed")
        made.pay(f"P2-{customer}", f"I-{customer}", customer, LAUNCH + timedelta(days=6), attempt=2)
    _, found = clause(made, "collection_faults", limit=0)
    assert found.says.startswith("collection_faults: 1 "), (
        "A's was asked on a day that the plan does not name, B's by the old path"
    )


def test_a_rate_that_only_one_day_misses_says_which() -> None:
    made = good()
    later = NEXT + timedelta(days=9)
    made.bill("N-D", "D", later, variant="candidate")
    made.pay("P-D", "N-D", "D", later, "failed")
    _, found = clause(made, "payment_failures", limit="0.5")
    assert found.verdict is Verdict.FAIL
    assert found.says.endswith(f"0.5 (2 of 4); at most 0.5 is allowed; missed on {later}, 0 such days allowed")
    assert clause(made, "payment_failures", limit="0.5", min_population=2)[1].verdict is Verdict.PASS


def test_payments_of_somebody_of_whom_nothing_else_is_known_count_for_no_group() -> None:
    made = good()
    made.pay("P-G", "I-UNKNOWN", "GHOST", NEXT, "failed")
    made.contract("C", date(2026, 1, 1))
    made.pay("P-C", "I-EARLIER", "C", NEXT)
    found = {
        figure.arm.value: (figure.numerator, figure.denominator)
        for figure in made.facts(AS_OF).figures
        if figure.metric == "payment_failures" and figure.phase.value == "stage" and figure.day == NEXT
    }
    assert found == {"cohort": (1, 2), "control": (0, 1)}


def test_a_bill_between_two_currencies_and_its_subscription_counts_where_its_customer_does() -> None:
    made = good()
    made.bill("N-A", "A", NEXT, "50", variant="candidate", currency="EUR", line_id="2", source_row=99)
    signal(made, "webhook", "S-A", "failed")
    facts = made.facts(AS_OF)
    assert facts.invoices == 2
    assert sum(f.numerator for f in facts.figures if f.metric == "failed_webhooks" and f.arm.value == "cohort") == 1
