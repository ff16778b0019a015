"""Limits per currency: a rate of invoices, the money of one account, and the money in all hold together, or the day fails."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.gate import BrokenInvoices, DayFacts, Exposure, OpenBreaks, judge
from billing_recon.core.policy import Gate, Limit, Policy
from billing_recon.core.verdict import Verdict
from billing_recon_tests.core.test_gate import GOOD

LIMIT: dict[str, Any] = {"currency": "USD", "max_rate": "0.002", "max_per_account": "5.00", "max_total": "500.00"}


def judged(facts: DayFacts, *limits: dict[str, Any], **gate: Any) -> tuple[Verdict, dict[str, Verdict]]:
    policy = Policy(gate=Gate(limits=tuple(Limit.model_validate(one) for one in limits), **gate))
    judgement = judge(facts, policy)
    conditions = {c.name: c.verdict for c in judgement.conditions if c.name.startswith(("limits", "breaks"))}
    return judgement.verdict, conditions


def day(broken: int = 2, compared: int = 1000, total: str = "9.00", account: str = "5.00", **more: Any) -> DayFacts:
    """A day on which some invoices in USD are a little off."""
    return replace(
        GOOD,
        open_breaks=(OpenBreaks("ROUNDING", "USD", broken, Decimal(total), Decimal(total)),),
        broken_invoices=(BrokenInvoices("expected_billed", "USD", broken, compared),),
        exposures=(Exposure("USD", Decimal(total), "C-1", Decimal(account)),),
        **more,
    )


def test_a_day_at_each_of_its_limits_passes_and_without_limits_it_fails() -> None:
    assert judged(day(2, 1000, "500.00", "5.00"), LIMIT)[0] is Verdict.PASS
    assert judged(day(2, 1000, "500.00", "5.00"))[0] is Verdict.FAIL


@pytest.mark.parametrize(
    ("facts", "broken"),
    [
        (day(3, 1000), "limits:USD:rate:expected_billed"),
        (day(2, 999), "limits:USD:rate:expected_billed"),
        (day(account="5.01"), "limits:USD:per_account"),
        (day(total="500.01"), "limits:USD:total"),
    ],
)
def test_each_limit_fails_the_day_by_itself(facts: DayFacts, broken: str) -> None:
    verdict, conditions = judged(facts, LIMIT)
    assert verdict is Verdict.FAIL
    assert [name for name, answer in conditions.items() if answer is Verdict.FAIL] == [broken]


def test_below_the_minimum_population_the_day_is_inconclusive_or_counts_as_the_policy_says() -> None:
    few = day(1, 99)
    assert judged(few, LIMIT | {"min_population": 100})[0] is Verdict.INCONCLUSIVE
    counted = LIMIT | {"min_population": 100, "below_minimum": "count"}
    assert judged(few, counted)[0] is Verdict.FAIL
    assert judged(few, counted, max_breaks=1)[0] is Verdict.PASS
    nothing = replace(GOOD, broken_invoices=(BrokenInvoices("expected_billed", "USD", 0, 3),))
    assert judged(nothing, LIMIT | {"min_population": 100})[0] is Verdict.INCONCLUSIVE, "0 of 3 proves no rate"


def test_limits_of_one_currency_say_nothing_about_others_or_units() -> None:
    for currency in ("EUR", None):
        other = OpenBreaks("ROUNDING", currency, 1, Decimal(1), Decimal(1))
        facts = day()
        assert judged(replace(facts, open_breaks=(*facts.open_breaks, other)), LIMIT)[0] is Verdict.FAIL
    euros = replace(day(), open_breaks=(OpenBreaks("ROUNDING", "EUR", 1, Decimal(1), Decimal(1)),))
    assert judged(euros, LIMIT)[1]["breaks"] is Verdict.FAIL


def test_a_limit_for_all_currencies_holds_for_those_without_one_of_their_own() -> None:
    anything = {"currency": "*", "max_rate": "1", "max_per_account": "1000", "max_total": "1000"}
    assert judged(day(900, 1000, "900", "900"), anything)[0] is Verdict.PASS
    assert judged(day(900, 1000, "900", "900"), anything, LIMIT)[0] is Verdict.FAIL


def test_limits_never_excuse_what_is_unexplained() -> None:
    assert judged(day(unexplained=1), LIMIT)[0] is Verdict.FAIL
