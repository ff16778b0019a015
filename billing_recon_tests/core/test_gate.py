"""When a day passes, fails, or cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.gate import Condition, DayFacts, MetricFact, OpenBreaks, judge
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.policy import Gate, Policy, Threshold
from billing_recon.core.verdict import Verdict

DAY = date(2026, 3, 2)
POLICY = Policy()


def landed(table: str, status: LandingStatus = LandingStatus.PRESENT, rows: int = 10, **counts: Any) -> LandingReport:
    return LandingReport(table, DAY, status, rows_in=rows, **{"accepted": rows, **counts})


GOOD = DayFacts(
    partition=str(DAY),
    landing=tuple(landed(table) for table in POLICY.gate.required_layers),
    layer_rows={"control_totals": 6},
)


def instead(report: LandingReport) -> DayFacts:
    """A good day on which one table came otherwise."""
    return replace(GOOD, landing=(*(r for r in GOOD.landing if r.table != report.table), report))


def decisive(facts: DayFacts, policy: Policy = POLICY) -> tuple[Verdict, list[Condition]]:
    judgement = judge(facts, policy)
    return judgement.verdict, [c for c in judgement.conditions if c.verdict is not Verdict.PASS]


def test_a_day_on_which_everything_came_and_agrees_passes() -> None:
    assert decisive(GOOD) == (Verdict.PASS, [])


def test_a_day_without_any_facts_is_inconclusive() -> None:
    assert judge(DayFacts(str(DAY)), POLICY).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (landed("invoice_lines", LandingStatus.MISSING, 0), "No file of invoice_lines came"),
        (landed("invoice_lines", LandingStatus.REFUSED, 0, message="no header in a.csv"), "no header in a.csv"),
        (landed("invoice_lines", LandingStatus.EMPTY, 0), "its file has no rows"),
        (landed("invoice_lines", rows=4, accepted=0, quarantined=4), "every row of its file is in quarantine"),
        (landed("payments", LandingStatus.MISSING, 0), "No file of payments came"),
        (landed("metered_usage", LandingStatus.REFUSED, 0, message="not UTF-8"), "optional, but its file came"),
    ],
)
def test_a_layer_that_cannot_be_looked_at_is_inconclusive(report: LandingReport, says: str) -> None:
    verdict, conditions = decisive(instead(report))
    assert verdict is Verdict.INCONCLUSIVE
    assert says in conditions[0].sentence
    assert conditions[0].name == f"layer:{report.table}"


def test_a_layer_that_was_never_landed_is_inconclusive() -> None:
    assert decisive(replace(GOOD, landing=GOOD.landing[1:]))[0] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "report",
    [landed("payments", LandingStatus.EMPTY, 0), landed("metered_usage", LandingStatus.MISSING, 0)],
)
def test_payments_may_be_empty_and_optional_layers_may_be_absent(report: LandingReport) -> None:
    assert decisive(instead(report)) == (Verdict.PASS, [])


def test_an_absent_layer_outranks_the_breaks_that_its_absence_causes() -> None:
    facts = replace(
        instead(landed("ledger_entries", LandingStatus.MISSING, 0)),
        open_breaks=(OpenBreaks("LEDGER_MISSING", "USD", 400, Decimal(1), Decimal(1)),),
    )
    assert decisive(facts)[0] is Verdict.INCONCLUSIVE


def test_open_breaks_fail_and_are_told_gross_and_net_per_currency() -> None:
    facts = replace(
        GOOD,
        open_breaks=(
            OpenBreaks("ROUNDING", "JPY", 1, Decimal("1.000"), Decimal("-1.000")),
            OpenBreaks("PRICE_VERSION", "USD", 2, Decimal("12.5"), Decimal("0")),
            OpenBreaks("USAGE_MISSING", None, 1, Decimal("40"), Decimal("-40")),
        ),
    )
    verdict, (breaks,) = decisive(facts)
    assert verdict is Verdict.FAIL
    assert breaks.sentence == (
        "4 open breaks, none allowed: PRICE_VERSION 2 (gross 12.50 USD, net 0.00 USD), "
        "ROUNDING 1 (gross 1 JPY, net -1 JPY), USAGE_MISSING 1 (gross 40 units, net -40 units)."
    )
    assert (breaks.observed, breaks.bound) == ("4", "0")


@pytest.mark.parametrize(("allowed", "verdict"), [(1, Verdict.FAIL), (2, Verdict.PASS)])
def test_as_many_breaks_as_policy_allows_pass(allowed: int, verdict: Verdict) -> None:
    facts = replace(GOOD, open_breaks=(OpenBreaks("ROUNDING", "USD", 2, Decimal("0.02"), Decimal(0)),))
    assert decisive(facts, Policy(gate=Gate(max_breaks=allowed)))[0] is verdict


@pytest.mark.parametrize(
    ("facts", "name", "verdict"),
    [
        (replace(GOOD, unexplained=1), "no_unexplained", Verdict.FAIL),
        (replace(GOOD, footing_failures=("billed_booked USD: 1 against 2",)), "footing", Verdict.FAIL),
        (replace(GOOD, quarantined_rows=1), "quarantine", Verdict.FAIL),
        (instead(landed("payments", rows=3, accepted=2)), "rows_accounted_for", Verdict.FAIL),
        (replace(GOOD, unrated_subscriptions=("SUB-1",)), "rated", Verdict.INCONCLUSIVE),
        (replace(GOOD, layer_rows={}), "compared", Verdict.INCONCLUSIVE),
    ],
)
def test_each_condition_alone_keeps_the_gate_shut(facts: DayFacts, name: str, verdict: Verdict) -> None:
    found, conditions = decisive(facts)
    assert (found, [c.name for c in conditions]) == (verdict, [name])


def with_threshold(**bounds: Any) -> Policy:
    return Policy(gate=Gate(thresholds=(Threshold(metric="mismatch_rate", **bounds),)))


def metric(value: str | None, currency: str = "USD", drift: str | None = None) -> MetricFact:
    return MetricFact(
        "mismatch_rate",
        currency,
        value=value and Decimal(value),
        drift=drift and Decimal(drift),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("metrics", "verdict"),
    [
        ((), Verdict.INCONCLUSIVE),
        ((metric(None),), Verdict.INCONCLUSIVE),
        ((metric("0.01"),), Verdict.PASS),
        ((metric("0.01"), metric(None, "JPY")), Verdict.PASS),
        ((metric("0.01"), metric("0.010000000001", "JPY")), Verdict.FAIL),
    ],
)
def test_a_threshold_holds_in_every_currency_and_no_data_is_no_pass(
    metrics: tuple[MetricFact, ...], verdict: Verdict
) -> None:
    assert decisive(replace(GOOD, metrics=metrics), with_threshold(max="0.01"))[0] is verdict


def test_a_lower_bound_is_inclusive() -> None:
    facts = replace(GOOD, metrics=(metric("0.98"),))
    assert decisive(facts, with_threshold(min="0.98"))[0] is Verdict.PASS
    verdict, (condition,) = decisive(facts, with_threshold(min="0.99"))
    assert verdict is Verdict.FAIL
    assert condition.sentence == "mismatch_rate (USD) 0.98; at least 0.99 is allowed."


def test_a_warning_is_shown_and_does_not_decide() -> None:
    facts = replace(GOOD, metrics=(metric("1"),))
    verdict, (condition,) = decisive(facts, with_threshold(max="0.5", severity="warn"))
    assert (verdict, condition.verdict, condition.blocking) == (Verdict.PASS, Verdict.FAIL, False)


@pytest.mark.parametrize("drift", ["0.3", "-0.3"])
def test_drift_counts_in_both_directions(drift: str) -> None:
    facts = replace(GOOD, metrics=(metric("5", drift=drift),), baseline_found=True)
    policy = Policy(gate=Gate(thresholds=(Threshold(metric="mismatch_rate", max_drift="0.25"),), baseline="pre"))
    assert decisive(facts, policy)[0] is Verdict.FAIL


def test_a_baseline_that_was_never_captured_is_inconclusive() -> None:
    verdict, (condition,) = decisive(GOOD, Policy(gate=Gate(baseline="pre-launch")))
    assert verdict is Verdict.INCONCLUSIVE
    assert "'pre-launch', which was never captured" in condition.sentence


def test_drift_without_a_baseline_is_inconclusive_and_says_why() -> None:
    facts = replace(GOOD, metrics=(metric("5"),))
    verdict, (condition,) = decisive(facts, with_threshold(max_drift="0.25"))
    assert verdict is Verdict.INCONCLUSIVE
    assert "the policy names no baseline" in condition.sentence
