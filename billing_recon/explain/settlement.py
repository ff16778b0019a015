"""Sentences about how amounts are written: currency, unit, rounding, and totals that their own parts do not make."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, count, units
from billing_recon.explain.line_phrases import label, total_off


def _line_currency(facts: Facts) -> str:
    return f"{label(facts)} charges {_currencies(facts)}"


def _invoice_currency(facts: Facts) -> str:
    where = f" on {count(facts['lines'], 'line')}"
    return f"{facts['invoice_id']} charges {_currencies(facts, where)}"


def _currencies(facts: Facts, where: str = "") -> str:
    billed, expected = facts["billed_currency"], facts["expected_currency"]
    return (
        f"{facts.money('billed', billed)}{where} where the contract is in {expected} and "
        f"{facts.money('expected', expected)} is due; this is the part in {facts.currency}."
    )


def _unit(facts: Facts) -> str:
    return (
        f"{label(facts)} charges {facts.money('billed')} where {facts.money('expected')} is due: the amounts are not in the "
        f"currency's unit, {total_off(facts)}"
    )


def _settling(facts: Facts) -> str:
    return (
        f"{label(facts)} settles its {facts['figure']} of {units(facts.number('exact'))} to {facts.money('billed')} where "
        f"{facts['rounding'].replace('_', ' ')} gives {facts.money('expected')}: {total_off(facts)}"
    )


def _unexplained(facts: Facts) -> str:
    return (
        f"{label(facts)} totals {facts.money('billed')} where its own parts make {facts.money('own_total')}: "
        f"{total_off(facts)}"
    )


SENTENCES: Mapping[str, Sentence] = {
    "line_currency": _line_currency,
    "invoice_currency": _invoice_currency,
    "line_unit": _unit,
    "line_settling": _settling,
    "line_unexplained": _unexplained,
}
