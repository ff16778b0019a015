"""A rollout's plan: what it must say, and what it may not be."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.rollout import Layer, RolloutPlan
from billing_recon.core.yaml_text import read_yaml

TEMPLATE = (files("billing_recon") / "cli" / "new_rollout.yaml").read_text(encoding="utf-8")


def plan(text: str = TEMPLATE) -> RolloutPlan:
    return read_yaml(RolloutPlan, text, "rollouts/p.yaml")


def edited(old: str, new: str) -> str:
    assert old in TEMPLATE, old
    return TEMPLATE.replace(old, new, 1)


def without(first: str, last: str) -> str:
    """The template without its lines from `first` up to, not including, `last`."""
    return re.sub(rf"(?ms)^{re.escape(first)}.*?(?=^{re.escape(last)})", "", TEMPLATE)


def test_the_template_is_a_plan_with_five_stages_to_everybody() -> None:
    written = plan()
    assert written.names == ("internal", "small", "quarter", "half", "all")
    assert written.stages[-1].everybody
    assert not written.stages[0].everybody
    assert written.layers == {Layer.CALCULATION}
    assert [s.name if (s := written.after(n)) else None for n in (None, "half", "all")] == ["internal", "all", None]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            without("  - name: internal", "  - name: all").replace("*strict", "[{metric: breaks, limit: 0}]"),
            "stages",
            "big bang",
        ),
        (
            without("  - name: internal", "  - name: small")
            .replace("*strict", "[{metric: breaks, limit: 0}]")
            .replace('share: "0.05"', 'share: "0.2"'),
            "",
            "at most 5",
        ),
        (edited('share: "0.5"', 'share: "0.2"'), "", "only widen"),
        (edited("approvers: [Bo Lindqvist]", "approvers: [Dana Roe]"), "", "Dana Roe may not widen"),
        (
            edited("{metric: breaks, limit: 0} ", "{metric: brakes, limit: 0} "),
            ":41: stages[0].thresholds[0]",
            "'brakes' is no metric",
        ),
        (edited("then: rollback}", "then: roll}"), ": triggers[0].then", ""),
        (edited("salt: proration-2026", "salt: p"), ": salt", ""),
        (edited("rollback}", "pause}").replace("rollback}", "pause}"), "", "at least one trigger has to roll back"),
        (
            edited('share: "0.05"\n    cohort: {single_tax: true, pays: true}', "window: {days: 1}").replace(
                "    window: {days: 7, invoices: 20, boundaries: [month_end, plan_change]}\n", ""
            ),
            "stages[1]",
            "chooses nobody",
        ),
        (edited("kind: revenue", "kinds: revenue"), ": kinds", "did you mean 'kind'"),
    ],
    ids=lambda value: None,
)
def test_a_plan_that_may_not_be_is_refused_with_its_line(text: str, line: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(text)
    assert line in str(refused.value)
    assert says in str(refused.value)


def test_a_plan_that_touches_no_money_may_be_for_everybody_at_once() -> None:
    text = without("  - name: internal", "  - name: all").replace("*strict", "[]").replace("[totals, tax]", "[exports]")
    assert plan(text).names == ("all",)
