"""Sentences about lines whose parts are right: taken in the wrong order, or wrong because a line before them is."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence
from billing_recon.explain.line_phrases import instead, label, total_off, what


def _consequence(facts: Facts) -> str:
    cause = f"line {facts['follows']}" if facts.get("follows") is not None else "one of them"
    return (
        f"{label(facts)} ({what(facts)}) is right for the lines that it depends on, and wrong because {cause} is "
        f"({facts['code']}): {instead(facts)}, {total_off(facts)}"
    )


def _minimum_before_discount(facts: Facts) -> str:
    return (
        f"{label(facts)} fills the minimum with {facts.money('billed')} where {facts.money('expected')} is missing: the "
        f"minimum was filled before the discount was deducted, {total_off(facts)}"
    )


def _totals(facts: Facts) -> str:
    return f"{label(facts)} totals {facts.money('billed')} where {facts.money('expected')} is due"


def _order(facts: Facts) -> str:
    return f"{_totals(facts)}: every part is right, but not their order, {total_off(facts)}"


def _after_tax(facts: Facts) -> str:
    reason = f"the {facts['deduction']} is right, but deducted after tax instead of before"
    return f"{_totals(facts)}: {reason}, {total_off(facts)}"


def _before_tax(facts: Facts) -> str:
    reason = f"the {facts['deduction']} is right, but deducted before tax instead of after"
    return f"{_totals(facts)}: {reason}, {total_off(facts)}"


SENTENCES: Mapping[str, Sentence] = {
    "line_consequence": _consequence,
    "line_minimum_before_discount": _minimum_before_discount,
    "line_order": _order,
    "line_deducted_after_tax": _after_tax,
    "line_deducted_before_tax": _before_tax,
}
