"""Sentences about the quantity that a line charges: usage, or the seats of a subscription."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, units
from billing_recon.explain.line_phrases import label, noun, total_off

_REASONS = {
    "USAGE_LATE": ", the quantity that arrived late",
    "USAGE_CORRECTED": ", the quantity that corrections removed",
    "USAGE_AGGREGATION": ", although the engine metered the right quantity",
}


def _quantity(facts: Facts) -> str:
    billed, expected = facts.number("billed_quantity"), facts.number("expected_quantity")
    source = "usage says" if facts["kind"] == "usage" else "the subscription has"
    direction = "too many" if billed > expected else "too few"
    price = f" at {facts.money('unit_price')}" if facts.get("unit_price") is not None else ""
    reason = _REASONS.get(facts["code"], "")
    if facts["code"] == "USAGE_DUPLICATE" and facts.has("duplicates"):
        reason = ", the quantity of the duplicates"
    return (
        f"{label(facts)} charges {units(billed)} {noun(facts)} where {source} {units(expected)}: "
        f"{units(abs(billed - expected))} {direction}{price}{reason}, {total_off(facts)}"
    )


SENTENCES: Mapping[str, Sentence] = {"line_quantity": _quantity}
