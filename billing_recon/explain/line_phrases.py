"""Phrases that sentences about a billed line share: which line, what it charges, its period, its terms, the amounts at the end."""

from __future__ import annotations

from billing_recon.explain.facts import Facts


def label(facts: Facts) -> str:
    """INV-7 line 2. An invoice id that the line ids repeat is dropped."""
    invoice, lines = str(facts["invoice_id"]), facts.get("line_ids")
    if lines is None:
        return invoice
    noun = "lines" if (facts.get("parts") or 1) > 1 else "line"
    return f"{invoice} {noun} {lines.replace(f'{invoice}/', '')}"


def what(facts: Facts) -> str:
    """usage api_calls"""
    return named(facts["kind"], facts.get("meter"))


def named(kind: str, meter: str | None) -> str:
    return f"{kind} {meter}" if meter else kind


def charged(facts: Facts) -> str:
    """12,400 api_calls, or the charge where it has no meter."""
    if not facts.get("meter"):
        return what(facts)
    quantity = "expected_quantity" if facts.get("billed_quantity") is None else "billed_quantity"
    return f"{facts.units(quantity)} {facts['meter']}"


def noun(facts: Facts) -> str:
    """What the units of the line are called."""
    return str(facts.get("meter") or ("units" if facts["kind"] == "usage" else "seats"))


def period(facts: Facts, side: str = "period") -> str:
    """2026-02-01 to 2026-03-01"""
    return f"{facts[f'{side}_start']} to {facts[f'{side}_end']}"


def terms(facts: Facts) -> str:
    """pro v2"""
    return f"{facts['plan']} {facts['plan_version']}"


def instead(facts: Facts) -> str:
    return f"{facts.money('billed')} instead of {facts.money('expected')}"


def total_off(facts: Facts) -> str:
    """The difference, before tax where there is one, and in total. Ends the sentence."""
    total = f"{facts.signed('delta')} in total."
    if not facts.number("before_tax"):
        return total
    basis = "after discount and before tax" if facts.has("discounted") else "before tax"
    return f"{facts.signed('before_tax')} {basis}, {total}"
