"""Sentences about a line's tax: its rate, and the amount that it is computed on."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, rate
from billing_recon.explain.line_phrases import label, total_off


def _rate(facts: Facts) -> str:
    return (
        f"{label(facts)} is taxed {facts.money('billed')} at rate {rate(facts.number('used_rate'))} where "
        f"{facts.get('tax_region') or 'its region'} has {rate(facts.number('expected_rate'))}: {total_off(facts)}"
    )


def _base(facts: Facts) -> str:
    return (
        f"{label(facts)} is taxed {facts.money('billed')} where {facts.money('expected')} is the tax on the amount that "
        f"should be taxed: {total_off(facts)}"
    )


SENTENCES: Mapping[str, Sentence] = {"line_tax_rate": _rate, "line_tax_base": _base}
