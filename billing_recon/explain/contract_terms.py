"""Sentences about the terms that a line was rated under: plan, version, allowance, contract price, minimum, discount, credit."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence
from billing_recon.explain.line_phrases import charged, instead, label, noun, terms, total_off, what


def _plan(facts: Facts) -> str:
    return (
        f"{label(facts)} charges plan {facts.get('billed_plan') or '(none)'} where the subscription is on {facts['plan']}: "
        f"{instead(facts)}, {total_off(facts)}"
    )


def _price_version(facts: Facts) -> str:
    if facts.get("other_version") is not None:
        reason = f"it is the price of version {facts['other_version']}"
    elif facts.get("billed_version") not in (None, facts["plan_version"]):
        reason = f"the line names version {facts['billed_version']}"
    else:
        reason = "no version has this unit price"
    return (
        f"{label(facts)} charges {facts.money('billed')} for {charged(facts)} where {terms(facts)} gives "
        f"{facts.money('expected')}: {reason}, {total_off(facts)}"
    )


def _allowance(facts: Facts) -> str:
    quantity = "expected_quantity" if facts.get("billed_quantity") is None else "billed_quantity"
    free = "none of them" if facts.has("is_unfree") else "another number of them"
    return (
        f"{label(facts)} charges {facts.money('billed')} for {facts.units(quantity)} {noun(facts)} where "
        f"{facts.units('free_units')} of them are free and {terms(facts)} gives {facts.money('expected')}: it is the price "
        f"with {free} free, {total_off(facts)}"
    )


def _list_price(facts: Facts) -> str:
    return (
        f"{label(facts)} charges {facts.money('billed')} for {charged(facts)}, the list price of {terms(facts)}, where the "
        f"contract's own price gives {facts.money('expected')}: {total_off(facts)}"
    )


def _list_minimum(facts: Facts) -> str:
    return (
        f"{label(facts)} fills the minimum with {facts.money('billed')} where the contract's own minimum requires "
        f"{facts.money('expected')}: it is the minimum of {terms(facts)}, {total_off(facts)}"
    )


_SHARED = {
    "whole": "of the whole period",
    "more": "of a day more",
    "less": "of a day less",
    "thirty": "by months of 30 days",
}


def _figure(facts: Facts) -> str:
    way = "whole" if facts.has("is_whole") else facts.get("shared_by")
    amount = f", the amount {_SHARED[way]}," if facts["code"] == "PRORATION" and way else ""
    share = ""
    if facts.get("share_days"):
        unit = "days" if int(facts["share_of"]) < 1000 else "seconds"
        share = f" for {int(facts['share_days']):,} of {int(facts['share_of']):,} {unit}"
    if facts.get("expired_on"):
        share += f", since the {facts['figure']} ended on {facts['expired_on']}"
    elif facts.get("begins_on"):
        share += f", since the {facts['figure']} begins on {facts['begins_on']}"
    return (
        f"{label(facts)} has a {facts['figure']} of {facts.money('billed')} ({what(facts)}{_at_price(facts)}){amount} where "
        f"{terms(facts)} and the contract give {facts.money('expected')}{share}: {total_off(facts)}"
    )


def _at_price(facts: Facts) -> str:
    """How many units at which price, where the price of a unit makes the gross."""
    if facts["figure"] != "gross" or facts.get("unit_price") is None or not facts.get("meter"):
        return ""
    return f", {facts.units('expected_quantity')} at {facts.money('unit_price')}"


SENTENCES: Mapping[str, Sentence] = {
    "line_plan": _plan,
    "line_price_version": _price_version,
    "line_allowance": _allowance,
    "line_list_price": _list_price,
    "line_list_minimum": _list_minimum,
    "line_figure": _figure,
}
