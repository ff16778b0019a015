"""The stage's figures: whose breaks and bills are the new engine's, whose are the control cohort's, and what was crossed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import FIGURES
from billing_recon.core.rollout import Boundary, Stage, Window
from billing_recon.core.stage_gate import Arm, Phase, StageFacts, State, judge_stage
from billing_recon.core.verdict import Verdict
from billing_recon_tests.compute.rollout.stage_world import LAUNCH, StageWorld

NEXT = LAUNCH + timedelta(days=1)


def figure(
    facts: StageFacts, metric: str, arm: Arm = Arm.COHORT, phase: Phase = Phase.STAGE
) -> list[tuple[int, int | None, int]]:
    return [
        (int(one.numerator), None if one.denominator is None else int(one.denominator), one.population)
        for one in facts.figures
        if (one.metric, one.arm, one.phase) == (metric, arm, phase)
    ]


def test_breaks_of_new_bills_are_the_cohorts_and_those_of_old_bills_are_not() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("OLD", "A", LAUNCH - timedelta(days=3))
    world.bill("NEW", "A", NEXT, variant="candidate")
    world.bill("CTL", "B", NEXT)
    world.break_("OLD", NEXT, "-7", pair="billed_paid", code="PAYMENT_MISSING")
    world.break_("NEW", NEXT, "5")
    world.break_("CTL", NEXT, "3")
    facts = world.facts(NEXT)
    assert figure(facts, "breaks") == [(1, None, 1)]
    assert figure(facts, "break_money") == [(5, None, 1)]
    assert figure(facts, "breaks", Arm.CONTROL) == [(1, None, 1)]
    assert figure(facts, "break_money", Arm.CONTROL) == [(3, None, 1)]
    assert facts.invoices == 1


def test_a_bill_by_the_new_engine_for_a_customer_whose_flag_is_off_is_judged_too() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("NEW", "B", NEXT, variant="candidate")
    world.break_("NEW", NEXT, "5")
    told = {"code": "EXPOSURE", "customer_id": "B"}
    world.break_("NEW", NEXT, "0", evidence='{"rollout": "q, r", "flag": "control"}', **told)
    world.break_("NEW", NEXT, "0", evidence='{"rollout": "q", "flag": "control"}', **told)
    facts = world.facts(NEXT)
    assert figure(facts, "breaks") == [(1, None, 1)]
    assert figure(facts, "exposure") == [(1, None, 1)]


def test_what_was_decided_to_be_no_fault_does_not_count_and_money_of_two_currencies_is_never_added() -> None:
    world = StageWorld()
    world.expose("A", "C")
    world.bill("N1", "A", NEXT, variant="candidate")
    world.bill("N2", "C", NEXT, "1000", variant="candidate", currency="JPY")
    world.break_("N1", NEXT, "-4")
    world.break_("N2", NEXT, "90", currency="JPY")
    world.break_("N1", NEXT, "8", disposition="EXPECTED_CHANGE")
    facts = world.facts(NEXT)
    money = {one.currency: int(one.numerator) for one in facts.figures if one.metric == "break_money"}
    assert money == {"USD": 4, "JPY": 90}
    assert figure(facts, "breaks") == [(2, None, 2)]


def test_a_missing_bill_is_the_cohorts_only_if_it_was_due_after_its_customer_was_exposed() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("N1", "A", NEXT, variant="candidate")
    world.break_(None, LAUNCH, "-50", code="INVOICE_MISSING", customer_id="A")  # due the day before the launch
    assert figure(world.facts(NEXT), "missing_invoices") == [(0, None, 1)]
    world.break_(None, NEXT, "-50", code="INVOICE_MISSING", customer_id="A")
    assert figure(world.facts(NEXT), "missing_invoices") == [(1, None, 1)]


def test_a_bill_that_is_in_quarantine_as_a_whole_counts_from_the_first_day() -> None:
    world = StageWorld()
    world.expose("A")
    world.break_("N1", LAUNCH, "-50", code="RECORD_QUARANTINED", customer_id="A")
    assert figure(world.facts(NEXT), "breaks") == [(1, None, 0)]


def test_a_break_that_names_nobody_may_be_anybodys() -> None:
    world = StageWorld()
    world.expose("A")
    world.break_(None, NEXT, "12", code="LEDGER_AMOUNT", pair="billed_booked")
    assert world.facts(NEXT).unattributed == 1


def test_in_the_last_stage_everybody_is_the_cohort_and_nobody_is_left_to_compare_with() -> None:
    world = StageWorld()
    world.expose("*")
    world.bill("N1", "X", NEXT, variant="candidate")
    world.bill("C1", "Y", NEXT)
    facts = world.facts(NEXT)
    assert figure(facts, "breaks") == [(0, None, 1)]
    assert figure(facts, "breaks", Arm.CONTROL) == []


def test_customers_of_another_rollout_are_no_control() -> None:
    world = StageWorld()
    world.expose("A")
    world.expose("B", rollout="other")
    world.bill("N1", "A", NEXT, variant="candidate")
    world.bill("C1", "B", NEXT)
    assert figure(world.facts(NEXT), "breaks", Arm.CONTROL) == []


def test_before_the_launch_the_same_customers_are_compared() -> None:
    world = StageWorld()
    world.expose("A")
    before = LAUNCH - timedelta(days=5)
    world.bill("O1", "A", before)
    world.bill("O2", "B", before)
    world.break_("O1", before, "2")
    facts = world.facts(NEXT)
    assert figure(facts, "break_money", Arm.COHORT, Phase.BEFORE) == [(2, None, 1)]
    assert figure(facts, "break_money", Arm.CONTROL, Phase.BEFORE) == [(0, None, 1)]


@pytest.mark.parametrize(
    ("issued", "period_end", "crossed"),
    [
        (date(2026, 3, 30), date(2026, 3, 28), False),
        (date(2026, 3, 31), date(2026, 3, 29), True),
        (date(2026, 4, 1), date(2026, 3, 30), True),
        (date(2026, 4, 3), date(2026, 4, 1), True),
        (date(2026, 4, 3), date(2026, 4, 2), False),
    ],
)
def test_a_month_end_is_crossed_by_bills_of_the_turn_or_of_whole_months(
    issued: date, period_end: date, crossed: bool
) -> None:
    world = StageWorld(since=date(2026, 3, 5))
    world.expose("A")
    world.bill("N1", "A", issued, variant="candidate", period_start=date(2026, 3, 1), period_end=period_end)
    found = {one.boundary: one for one in world.facts(date(2026, 4, 5)).crossings}
    assert bool(found[Boundary.MONTH_END].events) is crossed
    assert found[Boundary.MONTH_END].due_on == date(2026, 4, 30)


def test_boundaries_are_crossed_by_the_new_engines_bills_only_and_the_contracts_tell_when_they_are_due() -> None:
    world = StageWorld()
    world.expose("A")
    world.contract("A", date(2026, 2, 20), contract='{"discount": {"rate": "0.1", "valid_to": "2026-03-25"}}')
    world.bill("C1", "B", NEXT, kind="proration")
    world.rows["term_taxes"] += [{"tax_region": "DE", "rate": "0.19", "effective_from": date(2026, 7, 1)}]
    day = date(2026, 3, 10)
    found = {one.boundary: one for one in world.facts(day).crossings}
    assert {one for one in found if found[one].events} == set()
    assert found[Boundary.RENEWAL].due_on == date(2026, 3, 20)
    assert found[Boundary.COUPON_EXPIRY].due_on == date(2026, 3, 25)
    assert found[Boundary.TAX_CHANGE].due_on == date(2026, 7, 1)
    world.bill("N1", "A", NEXT, variant="candidate", kind="proration", status="void")
    world.bill("N2", "A", NEXT, variant="candidate", kind="proration")
    world.pay("P1", "N2", "A", NEXT, "failed")
    world.pay("P2", "N2", "A", day, attempt=2)
    found = {one.boundary: one for one in world.facts(day).crossings}
    assert {one for one in found if found[one].events} == {Boundary.PLAN_CHANGE, Boundary.RETRY_CYCLE, Boundary.REISSUE}


def test_a_bill_fills_the_window_once_a_document_or_posting_that_it_lacks_would_be_known() -> None:
    world = StageWorld(since=date(2026, 3, 30), settle_days=2)
    world.expose("A")
    world.bill("N1", "A", date(2026, 3, 31), variant="candidate")
    stage = plan_stage({"metric": "breaks", "limit": 0}).model_copy(
        update={"window": Window(days=1, invoices=1, boundaries=(Boundary.MONTH_END,))}
    )

    def judged(day: date) -> tuple[State, tuple[str, ...]]:
        held = judge_stage(stage, [], world.facts(day))
        return held.state, tuple(says.split(":")[0] for says in held.waiting_for)

    assert judged(date(2026, 4, 1)) == (State.WAITING, ("invoices", "month_end"))
    world.break_("N1", date(2026, 4, 2), "-100", pair="billed_booked", code="LEDGER_MISSING")
    assert judged(date(2026, 4, 2)) == (State.FAIL, ())


def test_payments_are_those_of_the_groups_own_bills() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("OLD", "A", LAUNCH - timedelta(days=3))
    world.bill("N1", "A", NEXT, variant="candidate")
    world.pay("P0", "OLD", "A", NEXT, "failed")
    world.pay("P1", "N1", "A", NEXT, "failed")
    world.pay("P2", "N1", "A", NEXT, attempt=2)
    facts = world.facts(NEXT)
    assert figure(facts, "payment_failures") == [(1, 2, 2)]
    assert figure(facts, "payment_retries") == [(1, 1, 2)]


def test_a_rollout_of_payment_retries_is_judged_by_customer_whichever_engine_billed() -> None:
    world = StageWorld(of_payments=True)
    world.expose("A")
    world.bill("OLD", "A", LAUNCH - timedelta(days=3))
    world.bill("N1", "A", NEXT)
    world.pay("P0", "OLD", "A", NEXT, "failed")
    world.break_("N1", NEXT, "100", pair="billed_paid", code="PAYMENT_DUPLICATE", customer_id="A")
    facts = world.facts(NEXT)
    assert figure(facts, "payment_failures") == [(1, 1, 1)]
    assert figure(facts, "breaks") == [(1, None, 1)]
    assert facts.invoices == 1, "the invoice that it asked money for"
    world.break_("N1", NEXT, "9")
    world.break_(None, NEXT, "9", pair="billed_booked", code="LEDGER_AMOUNT")
    facts = world.facts(NEXT)
    assert figure(facts, "breaks") == [(1, None, 1)], "a wrong price is not the fault of a retry engine"
    assert facts.unattributed == 0


def test_a_bill_that_names_no_engine_is_the_cohorts_and_is_counted() -> None:
    """Else an engine that labels only its good bills would pass."""
    world = StageWorld()
    world.expose("A", "B")
    world.bill("N1", "A", NEXT, variant="candidate")
    world.bill("N2", "B", NEXT, variant=None)
    world.bill("C1", "C", NEXT, variant=None)
    world.break_("N2", NEXT, "50")
    facts = world.facts(NEXT)
    assert (facts.unlabelled, figure(facts, "break_money")) == (1, [(50, None, 2)])
    assert figure(facts, "breaks", Arm.CONTROL) == [(0, None, 1)]
    stage = plan_stage({"metric": "break_money", "limit": 100})
    (clause,) = [one for one in judge_stage(stage, [], facts).clauses if one.name == "unlabelled"]
    assert (clause.verdict, clause.says.split(",")[0]) == (
        Verdict.INCONCLUSIVE,
        "1 bill of exposed customers name no variant",
    )


def test_the_bills_of_another_live_rollout_neither_fill_the_window_nor_dilute_the_rates() -> None:
    world = StageWorld()
    world.expose("A")
    world.expose("B", rollout="other")
    world.bill("N1", "A", NEXT, variant="candidate")
    world.bill("O1", "B", NEXT, variant="candidate")
    facts = world.facts(NEXT)
    assert facts.invoices == 1
    assert figure(facts, "breaks") == [(0, None, 1)]


def test_customers_of_a_rollout_that_is_over_are_the_control_cohort_of_the_next() -> None:
    world = StageWorld()
    world.expose("A")
    world.expose("*", rollout="finished", since=LAUNCH - timedelta(days=300))
    world.bill("C1", "B", NEXT)
    assert figure(world.facts(NEXT), "breaks", Arm.CONTROL) == []
    world.closed["finished"] = LAUNCH - timedelta(days=200)
    assert figure(world.facts(NEXT), "breaks", Arm.CONTROL) == [(0, None, 1)]


def test_customers_and_invoices_under_other_names_are_of_the_same_group() -> None:
    world = StageWorld()
    world.expose("A")
    for layer, theirs, ours in (("engine", "cus_9", "A"), ("payments", "cus_x", "A")):
        source = {
            "day": LAUNCH,
            "observed_on": LAUNCH,
            "source_file": "k.csv",
            "source_row": len(world.rows["key_map"]),
        }
        world.rows["key_map"].append({"layer": layer, "their_key": theirs, "our_key": ours} | source)
    world.bill("O1", "cus_9", LAUNCH - timedelta(days=5))
    world.bill("N1", "cus_9", NEXT, variant="candidate")
    world.pay("P1", "N9", "cus_x", NEXT, "failed")
    world.rows["payments"][-1]["invoice_id"] = None
    facts = world.facts(NEXT)
    assert figure(facts, "breaks", phase=Phase.BEFORE) == [(0, None, 1)]
    assert figure(facts, "payment_failures") == [(1, 1, 1)]


def test_a_payment_that_is_delivered_again_is_one_attempt_with_its_last_answer() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("N1", "A", LAUNCH, variant="candidate")
    world.pay("P1", "N1", "A", LAUNCH, "pending")
    world.pay("P1", "N1", "A", NEXT, "failed")
    assert figure(world.facts(NEXT), "payment_failures") == [(1, 1, 1)]


def test_a_small_fault_of_every_bill_does_not_hide_in_a_tolerance() -> None:
    world = StageWorld()
    world.expose("A")
    world.bill("N1", "A", NEXT, variant="candidate")
    for _ in range(3):
        world.break_("N1", NEXT, "4", disposition="ACCEPTED_TOLERANCE")
    facts = world.facts(NEXT)
    assert figure(facts, "breaks") == [(0, None, 1)]
    assert figure(facts, "tolerated_money") == [(12, None, 1)]
    bound = {"metric": "break_money", "limit": 10}
    held = judge_stage(plan_stage(bound), [], facts)
    assert (held.state, held.clauses[-2].says.split(":")[0]) == (
        State.INCONCLUSIVE,
        "differences within tolerances come to 12.00 in USD, more than the plan's limit of 10.00",
    )
    assert judge_stage(plan_stage(bound | {"limit": 12}), [], facts).state is State.PASS
    known = {"metric": "tolerated_money", "limit": 20}
    assert judge_stage(plan_stage(bound, known), [], facts).state is State.PASS


def plan_stage(*thresholds: dict[str, Any]) -> Stage:
    return Stage.model_validate({"name": "s", "share": "0.05", "approvers": ["Ana Ruiz"], "thresholds": thresholds})


def test_the_status_counts_the_breaks_of_every_customer_while_everybody_is_exposed_and_each_once() -> None:
    """A was exposed before everybody was; B is on no list; C's break is of before the launch."""
    world = StageWorld()
    world.expose("A")
    world.expose("*", since=LAUNCH + timedelta(days=2))
    for customer, on, delta in (("A", 3, "10"), ("B", 3, "-5"), ("B", 1, "7"), ("C", -1, "9")):
        world.break_(f"N-{customer}", LAUNCH + timedelta(days=on), delta, customer_id=customer)
    with world.session(LAUNCH + timedelta(days=3)) as con:
        build(con, FIGURES)
        assert con.execute("SELECT currency, breaks, gross FROM exposed_breaks").fetchall() == [("USD", 2, 15)]
