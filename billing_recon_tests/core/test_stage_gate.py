"""The stage gate: what holds a stage back, what it waits for, and what switches it back. Nothing passes without a population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon.core.rollout import Boundary, Stage, Trigger
from billing_recon.core.stage_gate import Arm, Crossing, Figure, Phase, StageFacts, StageJudgement, State, judge_stage
from billing_recon.core.verdict import Verdict

SINCE = date(2026, 3, 1)
DAY = SINCE + timedelta(days=2)
COHORT, CONTROL, NOW, BEFORE = Arm.COHORT, Arm.CONTROL, Phase.STAGE, Phase.BEFORE


def figure(
    metric: str, numerator: str | int, population: int = 10, *, of: int | None = None, arm: Arm = COHORT,
    phase: Phase = NOW, on: date = DAY, currency: str | None = None,
) -> Figure:  # fmt: skip
    whole = None if of is None else Decimal(of)
    return Figure(metric, currency, arm, phase, on, Decimal(numerator), whole, population)


def judged(
    figures: Sequence[Figure],
    *thresholds: Mapping[str, object],
    triggers: Sequence[Mapping[str, object]] = (),
    window: dict[str, object] | None = None,
    crossings: Sequence[Crossing] = (),
    invoices: int = 10,
    unknown_days: dict[date, str] | None = None,
    unattributed: int = 0,
) -> StageJudgement:
    stage = Stage.model_validate(
        {"name": "small", "share": "0.05", "approvers": ["Ana Ruiz"], "window": window or {}, "thresholds": thresholds}
    )
    facts = StageFacts(DAY, SINCE, figures, crossings, invoices, unknown_days or {}, unattributed)
    return judge_stage(stage, [Trigger.model_validate(one) for one in triggers], facts)


def test_a_stage_without_breaks_passes_and_one_break_freezes_it() -> None:
    none = {"metric": "breaks", "limit": 0}
    assert judged([figure("breaks", 0)], none).state is State.PASS
    assert judged([figure("breaks", 1)], none).state is State.FAIL


def test_one_penny_above_the_limit_fails_and_the_limit_itself_does_not() -> None:
    bound = {"metric": "break_money", "limit": "50.00"}
    assert judged([figure("break_money", "50.00", currency="USD")], bound).state is State.PASS
    found = judged([figure("break_money", "50.01", currency="USD")], bound)
    assert found.state is State.FAIL
    assert "break_money in USD: 50.01 (population 10); at most 50.00 is allowed" in found.clauses[1].says


def test_small_amounts_of_many_days_add_up_to_the_stages_limit() -> None:
    days = [figure("break_money", "20", on=SINCE + timedelta(days=n), currency="USD") for n in range(3)]
    assert judged(days, {"metric": "break_money", "limit": "50.00"}).state is State.FAIL


def test_currencies_are_judged_each_by_itself() -> None:
    money = [figure("break_money", "9", currency="EUR"), figure("break_money", "900", currency="JPY")]
    assert judged(money, {"metric": "break_money", "limit": "50.00"}).state is State.FAIL
    assert judged(money, {"metric": "break_money", "limit": "50.00", "currency": "EUR"}).state is State.PASS


@pytest.mark.parametrize("figures", [[], [figure("breaks", 0, 0)]])
def test_no_data_is_never_a_pass(figures: list[Figure]) -> None:
    found = judged(figures, {"metric": "breaks", "limit": 0})
    assert (found.state, found.verdict) == (State.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "NO DATA of the cohort" in found.clauses[1].says


def test_too_few_prove_nothing_but_a_fault_among_few_is_a_fault() -> None:
    bound = {"metric": "breaks", "limit": 0, "min_population": 20}
    assert judged([figure("breaks", 0, 19)], bound).state is State.INCONCLUSIVE
    assert judged([figure("breaks", 1, 19)], bound).state is State.FAIL
    assert judged([figure("breaks", 0, 20)], bound).state is State.PASS


def test_a_metric_that_need_not_have_data_holds_nothing_back_without_it() -> None:
    held = {"metric": "breaks", "limit": 0}
    assert judged([figure("breaks", 0)], held, {"metric": "tickets", "limit": 0}).state is State.INCONCLUSIVE
    free = {"metric": "tickets", "limit": 0, "must_have_data": False}
    found = judged([figure("breaks", 0)], held, free)
    assert found.state is State.PASS
    assert found.clauses[2].verdict is Verdict.INCONCLUSIVE


def test_without_anything_to_judge_a_stage_does_not_pass() -> None:
    assert judged([], invoices=0).state is State.INCONCLUSIVE


@pytest.mark.parametrize("how", [{"dry_run": True}, {"critical": False}])
def test_a_dry_run_and_what_is_not_critical_are_shown_and_decide_nothing(how: dict[str, object]) -> None:
    found = judged([figure("breaks", 3)], {"metric": "breaks", "limit": 0, **how})
    assert found.state is State.PASS
    assert found.clauses[1].verdict is Verdict.FAIL


def test_a_rate_is_exact_and_its_direction_can_be_up() -> None:
    rate = {"metric": "capture_rate", "limit": "0.999", "direction": "at_least"}
    assert judged([figure("capture_rate", 999, of=1000, currency="USD")], rate).state is State.PASS
    assert judged([figure("capture_rate", "998.99", of=1000, currency="USD")], rate).state is State.FAIL


def test_days_that_miss_may_be_allowed_and_one_more_may_not() -> None:
    bound = {"metric": "failed_webhooks", "limit": 0, "max_failures": 1}
    one = [figure("failed_webhooks", 0), figure("failed_webhooks", 4, on=SINCE)]
    assert judged(one, bound).state is State.PASS
    assert judged([*one, figure("failed_webhooks", 1, on=SINCE + timedelta(days=1))], bound).state is State.FAIL


def four(now: int, before: int, other_now: int, other_before: int, population: int = 100) -> list[Figure]:
    return [
        figure("payment_failures", now, population, of=population),
        figure("payment_failures", before, population, of=population, phase=BEFORE),
        figure("payment_failures", other_now, population, of=population, arm=CONTROL),
        figure("payment_failures", other_before, population, of=population, arm=CONTROL, phase=BEFORE),
    ]


def test_what_gets_worse_for_everybody_is_not_the_new_paths_fault() -> None:
    """The processor fails for all: 5% more for the cohort, 5% more for the control cohort."""
    bound = {"metric": "payment_failures", "limit": "0.01", "against": "control"}
    assert judged(four(8, 3, 9, 4), bound).state is State.PASS
    worse = judged(four(10, 3, 9, 4), bound)
    assert worse.state is State.FAIL
    assert "the control cohort 0.09 of 100" in worse.clauses[1].says
    assert judged(four(8, 3, 9, 4), bound | {"against": "baseline"}).state is State.FAIL


def test_counts_against_the_control_are_how_many_more_there_are_than_expected() -> None:
    """One break in 100 control invoices: of the cohort's 200 two are expected, five are three more."""
    bound = {"metric": "breaks", "limit": 3, "against": "control"}
    figures = [
        figure("breaks", 5, 200), figure("breaks", 0, 200, phase=BEFORE),
        figure("breaks", 1, 100, arm=CONTROL), figure("breaks", 0, 100, arm=CONTROL, phase=BEFORE),
    ]  # fmt: skip
    assert judged(figures, bound).state is State.PASS
    assert judged(figures, bound | {"limit": "2.99"}).state is State.FAIL


@pytest.mark.parametrize("missing", range(1, 4))
def test_a_group_that_is_missing_or_too_small_is_named_and_nothing_is_concluded(missing: int) -> None:
    bound = {"metric": "payment_failures", "limit": "0.01", "against": "control", "min_population": 50}
    groups = four(8, 3, 9, 4)
    del groups[missing]
    found = judged(groups, bound)
    assert found.state is State.INCONCLUSIVE
    names = ("the cohort", "the cohort before the launch", "the control cohort", "the control cohort before the launch")
    assert f"NO DATA of {names[missing]}" in found.clauses[1].says
    assert judged(four(8, 3, 9, 4, population=49), bound).state is State.INCONCLUSIVE


def test_a_day_that_is_not_known_leaves_the_stage_open_and_a_known_fault_still_freezes_it() -> None:
    unknown = {SINCE: f"{SINCE} was never judged"}
    bound = {"metric": "breaks", "limit": 0}
    assert judged([figure("breaks", 0)], bound, unknown_days=unknown).state is State.INCONCLUSIVE
    assert judged([figure("breaks", 1)], bound, unknown_days=unknown).state is State.FAIL
    assert judged([figure("breaks", 0)], bound | {"max_inconclusives": 1}, unknown_days=unknown).state is State.PASS
    today = {DAY: f"{DAY} was never judged"}
    assert (
        judged([figure("breaks", 0)], bound | {"max_inconclusives": 1}, unknown_days=today).state is State.INCONCLUSIVE
    )


def test_breaks_that_name_nobody_leave_the_stage_open() -> None:
    assert judged([figure("breaks", 0)], {"metric": "breaks", "limit": 0}, unattributed=1).state is State.INCONCLUSIVE


def test_a_stage_waits_for_its_days_invoices_and_boundaries_and_says_when_they_are_due() -> None:
    window = {"days": 5, "invoices": 20, "boundaries": ["month_end", "renewal", "reissue"]}
    crossings = [
        Crossing(Boundary.MONTH_END, 0, None, date(2026, 3, 31)),
        Crossing(Boundary.RENEWAL, 4, SINCE),
        Crossing(Boundary.REISSUE, 0),
    ]
    found = judged([figure("breaks", 0)], {"metric": "breaks", "limit": 0}, window=window, crossings=crossings)
    assert (found.state, found.verdict) == (State.WAITING, Verdict.INCONCLUSIVE)
    assert found.waiting_for == (
        "days: 3 of 5 judged",
        "invoices: 10 of 20 billed by the new path",
        "month_end: not crossed by any bill of the new path; next due on 2026-03-31",
        "reissue: not crossed by any bill of the new path; the contracts do not tell when it is next due",
    )
    assert judged([figure("breaks", 1)], {"metric": "breaks", "limit": 0}, window=window).state is State.FAIL


def test_a_trigger_fires_whatever_else_is_not_known_and_names_what_follows() -> None:
    trigger = {"metric": "break_money", "limit": "50.00", "then": "rollback"}
    figures = [figure("break_money", "50.01", currency="USD")]
    found = judged(figures, triggers=[trigger], unknown_days={DAY: "not judged"}, invoices=0)
    assert found.state is State.FAIL
    assert found.triggered == ("rollback: break_money in USD is 50.01 (population 10); at most 50.00 is allowed",)
    assert judged([figure("break_money", "50.00", currency="USD")], triggers=[trigger]).triggered == ()
    assert judged([], triggers=[trigger]).triggered == ()


def test_a_bill_by_the_other_path_holds_a_stage_back_that_bounds_no_exposure() -> None:
    none = {"metric": "breaks", "limit": 0}
    assert judged([figure("breaks", 0), figure("exposure", 1)], none).state is State.FAIL
    allowed = {"metric": "exposure", "limit": 1}
    assert judged([figure("breaks", 0), figure("exposure", 1)], none, allowed).state is State.PASS
