"""The words for one priced step of each charge model, from its working. A model without words here gets the plainest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing_recon.explain.facts import count, grouped, percent, units


@dataclass(frozen=True, slots=True)
class Step:
    """The figures of a step as the working has them; and the noun, currency and decimals to word them with.

    `included`: units that cost nothing, by the charge and the contract. `times`: how often a flat fee is owed.
    """

    model: str
    figures: Mapping[str, Any]
    noun: str
    currency: str
    decimals: int
    included: Decimal = Decimal(0)
    times: int = 1

    def number(self, name: str) -> Decimal:
        return Decimal(self.figures[name])

    def units(self, name: str) -> str:
        return units(self.number(name))

    def money(self, name: str) -> str:
        return f"{self.currency} {grouped(self.number(name), self.decimals)}"

    @property
    def nothing(self) -> str:
        return f"no {self.noun}"


def words(step: Step) -> str:
    """A step in words: `12,000 events at USD 0.015`."""
    return WORDS.get(step.model, _plain)(step)


def _plain(step: Step) -> str:
    """Units at a price if the step has both, else its figures by name."""
    if step.figures.keys() >= {"units", "unit_price"}:
        return f"{step.units('units')} {step.noun} at {step.money('unit_price')}"
    return ", ".join(f"{name.replace('_', ' ')} {figure}" for name, figure in step.figures.items())


def _flat(step: Step) -> str:
    fee = f"flat fee of {step.money('amount')}"
    return fee if step.times == 1 else f"{step.times} times a {fee}"


def _per_unit(step: Step) -> str:
    above = f" above the {units(step.included)} included" if step.included else ""
    return f"{step.units('units')} {step.noun}{above} at {step.money('unit_price')}"


def _graduated(step: Step) -> str:
    tiers = [replace(step, figures=tier) for tier in step.figures["tiers"]]
    return " + ".join(_tier(tier) for tier in tiers) or step.nothing


def _tier(tier: Step) -> str:
    """One tier's units, where they lie and what they cost: `4,000 above the first 1,000 for USD 25.00`."""
    fee = tier.money("flat") if tier.number("flat") else ""
    if not tier.number("units"):
        return f"{tier.nothing}, fee of {fee}"
    place = tier.noun if tier.figures["tier"] == 1 else f"above the first {tier.units('above')}"
    price = percent(tier.number("unit_price")) if tier.model == "graduated_percentage" else tier.money("unit_price")
    if tier.number("unit_price"):
        cost = f"at {price} plus {fee}" if fee else f"at {price}"
    else:
        cost = f"for {fee}" if fee else "included"
    return f"{tier.units('units')} {place} {cost}"


def _volume(step: Step) -> str:
    tier = replace(step, figures=step.figures["tiers"][0])
    if not tier.number("amount") and not tier.number("units"):
        return step.nothing
    fee = f" plus {tier.money('flat')}" if tier.number("flat") else ""
    return f"all {tier.units('units')} {tier.noun} at {tier.money('unit_price')} (tier {tier.figures['tier']}){fee}"


def _package(step: Step) -> str:
    free = f" less {step.units('free_units')} free" if step.number("free_units") else ""
    packages = count(int(step.number("packages")), "package")
    price = step.money("package_price")
    return f"{step.units('units')} {step.noun}{free} in {packages} of {step.units('package_size')} at {price}"


def _percentage(step: Step) -> str:
    free = step.number("units") - step.number("paid_units")
    parts = [f"{percent(step.number('rate'))} of {step.units('paid_units')}"]
    parts.append(f"above the {units(free)} free {step.noun}" if free else step.noun)
    if step.number("event_fee") and step.figures["paid_events"]:
        parts.append(f"plus {count(step.figures['paid_events'], 'event')} at {step.money('event_fee')}")
    bounds = [
        f"at {side} {step.money(name)}"
        for side, name in (("least", "event_minimum"), ("most", "event_maximum"))
        if step.figures.get(name) is not None
    ]
    return " ".join(parts) + (f", each {' and '.join(bounds)}" if bounds else "")


def _dynamic(step: Step) -> str:
    times = "" if step.number("multiplier") == 1 else f" times {step.figures['multiplier']}"
    return f"cost of {step.currency} {step.units('cost')}{times}"


def _matrix(step: Step) -> str:
    values = [value or "none" for value in (step.figures["cell"] or "").split("|")]
    cell = f" ({', '.join(values)})" if step.figures["cell"] is not None else ""
    return f"{step.units('units')} {step.noun}{cell} at {step.money('unit_price')}"


def _blocks(step: Step) -> str:
    whole = "all " if step.model == "volume_blocks" else ""
    blocks = f"{count(int(step.number('blocks')), 'block')} of {step.units('block_size')}"
    place = f"in tier {step.figures['tier']} at {step.money('block_price')}"
    return f"{whole}{step.units('units')} {step.noun}, of which {blocks} {place}"


def _prorated_graduated(step: Step) -> str:
    return (
        f"{step.units('prorated_units')} prorated {step.noun} ({step.units('full_units')} in full) in graduated tiers"
    )


WORDS: Mapping[str, Callable[[Step], str]] = {
    "flat": _flat,
    "per_unit": _per_unit,
    "graduated": _graduated,
    "volume": _volume,
    "package": _package,
    "percentage": _percentage,
    "graduated_percentage": _graduated,
    "dynamic": _dynamic,
    "matrix": _matrix,
    "graduated_blocks": _blocks,
    "volume_blocks": _blocks,
    "prorated_graduated": _prorated_graduated,
}
"""Charge model -> the words for its step. What is missing is worded by _plain."""
