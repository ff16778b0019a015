"""Dunning of a stage: which money a retry recovered in its cycle, what is left, and attempts that should not have been made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from billing_recon.compute.engine import build
from billing_recon.compute.match import LATEST
from billing_recon.compute.rollout import STAGE
from billing_recon.core.stage_gate import Arm
from billing_recon.explain.texts import rows_of
from billing_recon_tests.compute.rollout.stage_world import LAUNCH, StageWorld

DAY = timedelta(days=1)
AS_OF = LAUNCH + 20 * DAY


def world(**more: Any) -> StageWorld:
    """Customers A to E under a new retry engine that tries again after 3 and 7 days."""
    made = StageWorld(of_payments=True, cycle_days=7, retry_days=("3", "7"), **more)
    made.expose("A", "B", "C", "D", "E")
    return made


def ask(made: StageWorld, invoice: str, customer: str, *answers: tuple[int, str]) -> None:
    """Attempts to collect an invoice: days after the launch, and how each ended."""
    made.bill(invoice, customer, LAUNCH)
    for number, (after, status) in enumerate(answers, 1):
        made.pay(f"{invoice}-{number}", invoice, customer, LAUNCH + after * DAY, status, number)


def collected(made: StageWorld, day: Any = AS_OF) -> dict[str, tuple[str, list[str]]]:
    with made.session(day) as con:
        build(con, STAGE)
        rows = rows_of(con, "SELECT invoice_id, outcome, faults FROM stage_collections ORDER BY invoice_id")
    return {row["invoice_id"]: (row["outcome"], row["faults"]) for row in rows}


def test_what_a_retry_collects_in_its_cycle_is_recovered_and_the_rest_is_left() -> None:
    made = world()
    ask(made, "I1", "A", (0, "succeeded"))
    ask(made, "I2", "B", (0, "failed"), (3, "failed"), (7, "succeeded"))
    ask(made, "I3", "C", (0, "failed"), (3, "failed"), (7, "failed"))
    ask(made, "I4", "D", (15, "failed"), (18, "failed"))
    found = collected(made)
    assert "I1" not in found, "what is collected at once needs no dunning"
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "I2": "recovered", "I3": "left", "I4": "in_cycle",
    }  # fmt: skip
    assert all(not faults for _, faults in found.values())
    facts = made.facts(AS_OF)
    (rate,) = [one for one in facts.figures if one.metric == "recovery_rate"]
    assert (rate.arm, rate.numerator, rate.denominator, rate.population) == (Arm.COHORT, 100, 200, 2)
    (left,) = [one for one in facts.figures if one.metric == "money_left"]
    assert (left.currency, left.numerator) == ("USD", 100)


def test_until_a_cycle_is_over_nothing_is_said_of_its_recovery() -> None:
    made = world()
    ask(made, "I1", "A", (0, "failed"), (3, "failed"))
    assert [one for one in made.facts(LAUNCH + 7 * DAY).figures if one.metric == "recovery_rate"] == []


def test_attempts_are_held_to_the_invoices_status_and_to_the_schedule() -> None:
    made = world()
    ask(made, "PAID", "A", (0, "succeeded"), (3, "succeeded"))
    ask(made, "VOID", "B", (0, "failed"), (3, "failed"))
    made.rows["invoice_lines"][-1].update(status="void", observed_on=LAUNCH + DAY)
    ask(made, "TWICE", "C", (0, "failed"), (3, "succeeded"))
    made.pay("TWICE-again", "TWICE", "C", LAUNCH + 3 * DAY, attempt=2)
    ask(made, "EARLY", "D", (0, "failed"), (2, "failed"), (3, "failed"), (7, "succeeded"))
    ask(made, "FORGOTTEN", "E", (0, "failed"), (3, "failed"))
    found = {name: faults for name, (_, faults) in collected(made).items()}
    assert found == {
        "PAID": ["asked after it was paid"],
        "VOID": ["asked after it was void"],
        "TWICE": ["two attempts of one number"],
        "EARLY": ["retried on a day that the schedule does not name"],
        "FORGOTTEN": ["not retried on a day that the schedule names"],
    }
    assert sum(int(one.numerator) for one in made.facts(AS_OF).figures if one.metric == "collection_faults") == 5


def test_the_old_retry_engine_is_not_held_to_the_new_ones_schedule_and_is_compared() -> None:
    made = world()
    ask(made, "I1", "A", (0, "failed"), (3, "succeeded"))
    ask(made, "C1", "Z", (0, "failed"), (5, "failed"))
    assert collected(made)["C1"] == ("left", [])
    facts = made.facts(AS_OF)
    rates = {one.arm: one.numerator for one in facts.figures if one.metric == "recovery_rate"}
    assert rates == {Arm.COHORT: 100, Arm.CONTROL: 0}


def test_every_attempt_stands_under_its_number() -> None:
    made = world()
    ask(made, "I1", "A", (0, "failed"), (3, "succeeded"))
    ask(made, "I2", "B", (0, "failed"), (3, "failed"), (7, "failed"))
    with made.session(AS_OF) as con:
        build(con, STAGE)
        rows = rows_of(con, "SELECT attempt, attempts, succeeded, collected FROM stage_retries ORDER BY attempt")
    assert [tuple(row.values()) for row in rows] == [(1, 2, 0, 0), (2, 2, 1, 100), (3, 1, 0, 0)]


def test_latest_payments_keep_the_number_of_the_attempt() -> None:
    assert "attempt" in next(one for one in LATEST if one.name == "latest_payments").sql
