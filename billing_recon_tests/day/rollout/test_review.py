"""What a rollout's log tells: decisions with names, flags that should be gone, expected and observed, lessons for the next plan."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon.compute.engine import session
from billing_recon.compute.registration import register
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import METRICS
from billing_recon.core.verdict import Verdict
from billing_recon.day.rollout import review
from billing_recon.day.rollout.checklist import checklist
from billing_recon.day.rollout.progress import progress
from billing_recon.report import rollout as report
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

NEXT = DAY + timedelta(days=1)


def test_the_log_has_every_decision_with_its_name_and_reason(launch: Launch) -> None:
    launch.promote()
    launch.judged(NEXT, Verdict.FAIL)
    launch.rollback("duplicate lines at the month end")
    launch.resume("the rule counts each line once")
    amara, bo, chen = launch.people
    rows = [(row["event"], row["stage"], row["by"], row["reason"]) for row in review.log(launch.home, NAME)]
    assert rows == [
        ("rehearsed", "", amara, "three weeks on a copy, nothing doubled"),
        ("members", "internal", bo, ""),
        ("promote", "internal", bo, "as planned"),
        ("verdict", "internal", "", "FAIL"),
        ("rollback", "", chen, "duplicate lines at the month end"),
        ("resumed", "", amara, "the rule counts each line once"),
    ]


def test_a_flag_is_stale_after_its_day_or_when_the_rollout_is_over_until_somebody_says_that_it_is_gone(
    launch: Launch,
) -> None:
    assert review.flag_report(launch.home, date(2026, 12, 31)) == []
    (stale,) = review.flag_report(launch.home, date(2027, 1, 1))
    assert (stale.key, stale.why) == ("proration_by_day", "should have been removed by 2026-12-31")
    with pytest.raises(ConfigurationError, match="no flag of rollout"):
        review.note(launch.home, NAME, "flag_removed", "another", by="Bo", actor="test")
    review.note(launch.home, NAME, "flag_removed", "proration_by_day", by="Bo", actor="test")
    assert review.flag_report(launch.home, date(2027, 1, 1)) == []


def test_the_review_holds_what_was_expected_against_what_was_observed(launch: Launch) -> None:
    day = NEXT
    launch.promote()
    for _ in range(5):
        launch.judged(day)
        launch.promote()
        day += timedelta(days=1)
    review.note(launch.home, NAME, "intervention", "job restarted by hand", by="Bo", actor="test")
    review.note(launch.home, NAME, "observed", "21", by="Bo", actor="test", metric="tickets about proration")
    found = review.review(launch.home, NAME)
    assert (found["status"], found["percentage"], found["rollbacks"]) == ("closed", "100", 0)
    assert [stage["stage"] for stage in found["stages"]] == ["internal", "small", "quarter", "half", "all"]
    assert found["interventions"] == ["job restarted by hand"]
    assert found["success"] == [
        {"metric": "mismatch_rate", "expected": "at most 0.001", "observed": None, "days": "1 of 31", "met": None},
        {"metric": "tickets about proration", "expected": "at most 20", "observed": "21", "days": None, "met": False},
    ]
    assert [one["risk"] for one in review.history(launch.home)] == ["low"]
    assert [one.rollout for one in review.flag_report(launch.home, DAY)] == [NAME]


def test_a_success_metric_is_a_rate_of_all_items_of_the_month_in_each_currency(launch: Launch) -> None:
    """1 of 100 items differs in USD on the first day and none of 900 on the second, and of the one in JPY all: 0.001 and 1."""
    home = launch.home
    for day, rows in ((NEXT, (("USD", 1, 100), ("JPY", 1, 1))), (NEXT + timedelta(days=1), (("USD", 0, 900),))):
        with session() as con:
            register(
                con,
                METRICS,
                [
                    {
                        "metric": "mismatch_rate",
                        "currency": currency,
                        "cohort": "all",
                        "variant": "candidate",
                        "day": day,
                    }
                    | {"numerator": broken, "denominator": items, "value": Decimal(broken) / items}
                    for currency, broken, items in rows
                ],
            )
            home.warehouse.replace(con, METRICS, day, "metrics")
    assert review.over(home, "mismatch_rate", NEXT, NEXT + timedelta(days=30)) == {"JPY": 1, "USD": Decimal("0.001")}


def test_a_lesson_is_on_the_next_plans_checklist(launch: Launch) -> None:
    review.note(launch.home, NAME, "lesson", "watch the month end for a day longer", by="Bo", actor="test")
    text = (launch.home.path / "rollouts" / f"{NAME}.yaml").read_text()
    (launch.home.path / "rollouts" / "next.yaml").write_text(
        text.replace("salt: proration-2026", "salt: next-plan-2026")
    )
    lessons = [item.says for item in checklist(launch.home, "next") if item.name == f"lesson of {NAME}"]
    assert lessons == ["watch the month end for a day longer"]


def test_two_plans_on_one_layer_at_once_are_refused_unless_both_name_the_other(launch: Launch) -> None:
    launch.promote()
    path = launch.home.path / "rollouts" / "next.yaml"
    text = (launch.home.path / "rollouts" / f"{NAME}.yaml").read_text()
    path.write_text(text)
    layers = {item.name: item for item in checklist(launch.home, "next")}["layers"]
    assert not layers.done
    assert layers.says.startswith("proration (calculation) is live on the same layer")
    path.write_text(text.replace("layer: calculation", "layer: payment_retry"))
    assert {item.name: item.done for item in checklist(launch.home, "next")}["layers"]
    path.write_text(text.replace("# with_rollouts: [other-plan]", "with_rollouts: [proration]"))
    assert not {item.name: item.done for item in checklist(launch.home, "next")}["layers"]


def test_the_status_says_where_it_stands_and_what_the_next_stage_waits_for(launch: Launch) -> None:
    planned = report.status(progress(launch.home, launch.state))
    assert (planned["stage"], planned["percentage"], planned["verdict"], planned["exposed"]) == (None, "0", None, 0)
    assert planned["waiting_for"] == [f"approval of stage internal by {launch.people[1]}"]
    launch.promote()
    launch.judged(NEXT, Verdict.INCONCLUSIVE, waiting_for=("1 of 3 days",))
    shown = report.status(progress(launch.home, launch.state))
    assert (shown["stage"], shown["verdict"], shown["waiting_for"]) == ("internal", "INCONCLUSIVE", ["1 of 3 days"])
    assert (shown["exposed"], shown["breaks"], shown["money"]) == (2, 0, {})
    (launch.home.state / "rollouts" / NAME / "flags" / "members.csv").write_text("edited by hand\n")
    assert (
        "the flag files to agree with the record"
        in report.status(progress(launch.home, launch.state))["waiting_for"][-1]
    )
