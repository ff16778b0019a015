"""When a day passes, fails, or cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.detector import Detector
from billing_recon.core.gate import (
    Condition,
    DayFacts,
    Detected,
    MetricFact,
    NotKnown,
    OpenBreaks,
    SettledBreaks,
    Unknown,
    judge,
)
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
    """A good day on which one table was delivered differently."""
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
        (landed("invoice_lines", LandingStatus.MISSING, 0), "No file of invoice_lines was delivered"),
        (landed("invoice_lines", LandingStatus.REFUSED, 0, message="no header in a.csv"), "no header in a.csv"),
        (landed("invoice_lines", LandingStatus.EMPTY, 0), "its file has no rows"),
        (landed("invoice_lines", rows=4, accepted=0, quarantined=4), "every row of its file is in quarantine"),
        (landed("payments", LandingStatus.MISSING, 0), "No file of payments was delivered"),
        (
            landed("metered_usage", LandingStatus.REFUSED, 0, message="not UTF-8"),
            "optional, but its file could not be read",
        ),
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


QUIET = tuple(
    landed(table, LandingStatus.EMPTY, 0) if table not in ("usage_events", "subscriptions") else landed(table)
    for table in POLICY.gate.required_layers
)
QUIET_LAYERS = ("invoice_lines", "rendered_invoices", "rendered_lines", "ledger_entries", "payments")
NOTHING = replace(GOOD, landing=QUIET, layer_rows={"control_totals": 0})


def quiet_policy(*layers: str, **gate: Any) -> Policy:
    return Policy(gate=Gate(may_be_empty=layers or QUIET_LAYERS, **gate))


def test_a_day_with_nothing_to_compare_passes_if_every_quiet_layer_may_be_empty_and_says_so() -> None:
    judgement = judge(NOTHING, quiet_policy(thresholds=(Threshold(metric="mismatch_rate", max=Decimal(0)),)))
    assert judgement.verdict is Verdict.PASS
    said = {condition.name: condition for condition in judgement.conditions}
    assert said["compared"].sentence.startswith("A quiet day: nothing was due and nothing was billed")
    assert not said["threshold:mismatch_rate:max"].blocking, "a rate of nothing is shown and does not decide"


@pytest.mark.parametrize(
    ("facts", "policy"),
    [
        (NOTHING, quiet_policy(*QUIET_LAYERS[1:])),
        (replace(NOTHING, layer_rows={}), quiet_policy()),
        (replace(NOTHING, compared_now=False), quiet_policy()),
        (replace(NOTHING, not_known=(NotKnown(Unknown.REFUSED, "payments", (DAY,)),)), quiet_policy()),
        (replace(NOTHING, landing=(*QUIET[:2], landed("invoice_lines"), *QUIET[3:])), quiet_policy()),
        (replace(NOTHING, landing=QUIET[:-1]), quiet_policy()),
    ],
    ids=[
        "not declared",
        "never computed",
        "computed on other data",
        "a day not known",
        "bills and no totals",
        "absent",
    ],
)
def test_a_day_on_which_nothing_was_compared_for_another_reason_is_inconclusive(
    facts: DayFacts, policy: Policy
) -> None:
    assert judge(facts, policy).verdict is Verdict.INCONCLUSIVE


def test_days_that_are_not_known_are_named_with_what_to_run() -> None:
    days = tuple(DAY - timedelta(days=n) for n in (4, 3, 2))
    never = NotKnown(Unknown.NEVER_LANDED, "", days)
    decided = NotKnown(Unknown.ROWS_DECIDED, "usage_events", days[1:2])
    verdict, conditions = decisive(replace(GOOD, not_known=(never, decided)))
    assert verdict is Verdict.INCONCLUSIVE
    assert [c.name for c in conditions] == ["history:never_landed", "history:rows_decided:usage_events"]
    assert "2026-02-26 to 2026-02-28 was never landed" in conditions[0].sentence
    assert "run --day 2026-02-26 --to 2026-03-02" in conditions[0].sentence
    assert "cut off" not in conditions[1].sentence
    assert "(usage_events of 2026-02-27) take effect when the day is run again" in conditions[1].sentence


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


def test_what_is_not_counted_is_said_gross_and_net_and_does_not_decide() -> None:
    settled = (
        SettledBreaks("ACCEPTED_TOLERANCE", "EUR", 2, Decimal("36.84"), Decimal(0)),
        SettledBreaks("EXPECTED_CHANGE", "USD", 1, Decimal("5"), Decimal("-5")),
    )
    judgement = judge(replace(GOOD, settled_breaks=settled), Policy())
    said = {c.name: c.sentence for c in judgement.conditions if c.name.startswith("not_counted")}
    assert said == {
        "not_counted:ACCEPTED_TOLERANCE": "2 breaks within tolerance, not counted: gross 36.84 EUR, net 0.00 EUR.",
        "not_counted:EXPECTED_CHANGE": "1 break covered by an expected change, not counted: gross 5.00 USD, net -5.00 USD.",
    }
    assert judgement.verdict is Verdict.PASS


def test_an_expired_entry_is_reported_with_the_days_since_and_does_not_decide() -> None:
    entry = {
        "id": "EC-7", "reason": "r", "codes": "ROUNDING", "currency": "EUR", "max_per_break": "1", "owner": "tax",
        "starts": "2026-01-01", "expires": "2026-02-27", "approved_by": "ana",
    }  # fmt: skip
    judgement = judge(GOOD, Policy.model_validate({"expected_changes": [entry]}))
    (expired,) = (c for c in judgement.conditions if c.name == "expected_changes")
    assert expired.sentence.startswith("EC-7 expired 3 days ago, on 2026-02-27 (owner tax).")
    assert (expired.verdict, expired.blocking, judgement.verdict) == (Verdict.FAIL, False, Verdict.PASS)


@pytest.mark.parametrize(("severity", "verdict"), [("warn", Verdict.PASS), ("block", Verdict.FAIL)])
def test_a_detectors_findings_decide_where_policy_says_so(severity: str, verdict: Verdict) -> None:
    facts = replace(GOOD, detected=(Detected(Detector.NUMBER_GAP, 2, "1 number is missing."),))
    judgement = judge(facts, Policy.model_validate({"detectors": {"severities": {"NUMBER_GAP": severity}}}))
    (found,) = (c for c in judgement.conditions if c.name == "detector:NUMBER_GAP")
    assert (found.sentence, judgement.verdict) == ("2 findings: 1 number is missing. ...", verdict)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [("4", "6", Verdict.PASS), ("6", "7", Verdict.FAIL), (None, None, Verdict.INCONCLUSIVE)],
)
def test_a_value_lies_in_its_band_or_the_band_is_no_data(low: str | None, high: str | None, verdict: Verdict) -> None:
    facts = replace(
        GOOD,
        metrics=(replace(metric("5"), low=low and Decimal(low), high=high and Decimal(high)),),  # type: ignore[arg-type]
    )
    assert decisive(facts, with_threshold(within_band=True))[0] is verdict


def test_drift_against_the_day_before_or_the_cycle_before_needs_no_baseline() -> None:
    facts = replace(GOOD, metrics=(replace(metric("5"), prior_drift=Decimal("0.1"), cycle_drift=Decimal("0.5")),))
    assert decisive(facts, with_threshold(max_drift="0.2", against="prior"))[0] is Verdict.PASS
    verdict, (condition,) = decisive(facts, with_threshold(max_drift="0.2", against="cycle"))
    assert verdict is Verdict.FAIL
    assert "away from the same day of the cycle before" in condition.sentence
