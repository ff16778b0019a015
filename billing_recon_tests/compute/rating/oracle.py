"""The rules of docs/rating.md in plain decimals and fractions, to hold the SQL against. It shares nothing with it.

Rule numbers are those of the page. Figures are Fractions, so nothing is ever rounded but where a rule says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from billing_recon.core.catalog import Charge, Tier
from billing_recon.core.profile import Profile

ZERO = Fraction(0)


@dataclass(frozen=True)
class Asked:
    """Units under a charge: what is metered in this part of the period, and where the part lies."""

    charge: Charge
    units: Fraction
    before: Fraction = ZERO
    opens: bool = True
    closes: bool = True
    tier_units: Fraction | None = None
    events: tuple[tuple[Fraction, Fraction], ...] = ()


def settled(amount: Fraction, decimals: int, rounding: str) -> Fraction:
    """Rule 15."""
    scaled = abs(amount) * 10**decimals
    whole, rest = floor(scaled), scaled - floor(scaled)
    up = {
        "half_up": rest >= Fraction(1, 2),
        "half_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1),
        "down": False,
        "up": rest > 0,
    }[rounding]
    return Fraction(whole + up, 10**decimals) * (1 if amount >= 0 else -1)


def converted(units: Fraction, charge: Charge) -> Fraction:
    """Rule 2."""
    convert = charge.convert
    if convert is None:
        return units
    by = Fraction(convert.multiply_by or 1) if convert.divide_by is None else 1 / Fraction(convert.divide_by)
    found = units * by
    if not (convert.divide_by is not None and convert.decimals == 0 and convert.rounding in ("ceiling", "floor")):
        found = Fraction(round(found * 10**10), 10**10)
    scaled = found * 10**convert.decimals
    match convert.rounding:
        case "ceiling":
            return Fraction(ceil(scaled), 10**convert.decimals)
        case "floor":
            return Fraction(floor(scaled), 10**convert.decimals)
        case "half_up":
            return Fraction(floor(scaled + Fraction(1, 2)), 10**convert.decimals)
    return found


def amount(asked: Asked, profile: Profile) -> Fraction:
    """What a part owes, unrounded: rules 2 to 14."""
    charge = asked.charge
    units, before = converted(asked.units, charge), converted(asked.before, charge)
    bounded = charge.event_minimum is not None or charge.event_maximum is not None
    if charge.kind == "usage" and units + before == 0 and not charge.prorated and not bounded:
        fee = profile.no_usage == "first_tier" and charge.model in ("graduated", "graduated_percentage", "volume")
        if not fee:
            return ZERO
    if charge.model == "percentage":
        return _percentage(charge, [value for value, _ in asked.events])
    if charge.model == "graduated" and charge.prorated:
        return _prorated(charge, asked.events, profile)
    free = Fraction(charge.free_units)
    total, prior = max(units + before - free, ZERO), max(before - free, ZERO)
    match charge.model:
        case "flat":
            owed = asked.opens if charge.due == "in_advance" else asked.closes
            return Fraction(charge.amount or 0) if owed else ZERO
        case "volume":
            return _volume(charge, total, asked.tier_units, profile) if asked.closes else ZERO
        case "volume_blocks":
            return _volume_blocks(charge, total) if asked.closes else ZERO
        case "per_unit":
            return (total - prior) * Fraction(charge.unit_price or 0)
        case "dynamic":
            return (total - prior) * Fraction(charge.multiplier)
        case "package":
            return (_packages(charge, total) - (0 if asked.opens else _packages(charge, prior))) * Fraction(
                charge.package_price or 0
            )
        case "graduated_blocks":
            return _graduated_blocks(charge, total) - _graduated_blocks(charge, prior)
    owed = _graduated(charge, total, profile)
    if prior > 0 or not asked.opens:
        owed -= _graduated(charge, prior, profile)
    return owed


def steps(asked: Asked, profile: Profile) -> list[Fraction]:
    """What is settled by itself under rounding_point tier: each tier's units of this part, each fee that it owes."""
    charge = asked.charge
    units, before = converted(asked.units, charge), converted(asked.before, charge)
    free = Fraction(charge.free_units)
    total, prior = max(units + before - free, ZERO), max(before - free, ZERO)
    if charge.kind == "usage" and units + before == 0 and profile.no_usage == "nothing":
        return []
    found: list[Fraction] = []
    if charge.model == "graduated_blocks":
        after, earlier = _tier_blocks(charge, total), _tier_blocks(charge, prior)
        prices = [Fraction(tier.unit) for tier in charge.tiers]
        return [(a - e) * price for a, e, price in zip(after, earlier, prices, strict=True)]
    if charge.model == "volume":
        if asked.closes:
            tier = _holding(charge.tiers, total if asked.tier_units is None else asked.tier_units)
            found = [total * Fraction(tier.unit), Fraction(tier.flat)]
        return found
    lower = ZERO
    for number, tier in enumerate(charge.tiers):
        upper = total if tier.up_to is None else min(Fraction(tier.up_to), total)
        counted = (
            max(upper - max(prior, lower), ZERO) if prior > lower else max(upper - _from(charge, number, profile), ZERO)
        )
        price = Fraction(tier.unit if tier.rate is None else tier.rate)
        if lower < total or number == 0:
            found.append(counted * price if (tier.up_to is None or prior < tier.up_to) and total > prior else ZERO)
        first_owed = asked.opens or profile.no_usage == "nothing"
        if (prior <= lower < total and (number > 0 or first_owed)) or (
            number == 0 and total == 0 and asked.opens and profile.no_usage == "first_tier"
        ):
            found.append(Fraction(tier.flat))
        if tier.up_to is not None:
            lower = Fraction(tier.up_to)
    return found


def _from(charge: Charge, number: int, profile: Profile) -> Fraction:
    """Rule 13: from where a tier's units are counted."""
    tiers = charge.tiers
    before = Fraction(tiers[number - 1].up_to or 0) if number else ZERO
    adjacent = all(after.first_unit in (None, one.up_to) for one, after in pairwise(tiers))
    stepping = profile.stepped_tiers == "unless_all_adjacent" and (
        charge.model == "graduated_percentage" or not adjacent
    )
    first = tiers[number].first_unit
    return Fraction(first) - 1 if stepping and first else before


def _graduated(charge: Charge, units: Fraction, profile: Profile) -> Fraction:
    """Rule 6, and 10 for no units."""
    if units <= 0:
        return Fraction(charge.tiers[0].flat) if profile.no_usage == "first_tier" else ZERO
    owed, below = ZERO, ZERO
    for number, tier in enumerate(charge.tiers):
        if number and units <= below:
            break
        top = units if tier.up_to is None else min(units, Fraction(tier.up_to))
        price = Fraction(tier.unit if tier.rate is None else tier.rate)
        owed += (top - _from(charge, number, profile)) * price + Fraction(tier.flat)
        below = below if tier.up_to is None else Fraction(tier.up_to)
    return owed


def _holding(tiers: Sequence[Tier], units: Fraction) -> Tier:
    return next(tier for tier in tiers if tier.up_to is None or units <= Fraction(tier.up_to))


def _volume(charge: Charge, units: Fraction, tier_units: Fraction | None, profile: Profile) -> Fraction:
    tier = _holding(charge.tiers, units if tier_units is None else tier_units)
    return units * Fraction(tier.unit) + Fraction(tier.flat)


def _packages(charge: Charge, units: Fraction) -> int:
    packages = units / Fraction(charge.package_size or 1)
    return floor(packages) if charge.package_rounding == "down" else ceil(packages)


def _graduated_blocks(charge: Charge, units: Fraction) -> Fraction:
    begun = _tier_blocks(charge, units)
    return sum((n * Fraction(tier.unit) for n, tier in zip(begun, charge.tiers, strict=True)), ZERO)


def _tier_blocks(charge: Charge, units: Fraction) -> list[int]:
    """Rule 9: the blocks begun in each tier."""
    begun, left = [], units
    for tier in charge.tiers:
        size = Fraction(tier.block_size or 1)
        blocks = ceil(left / size)
        if tier.max_blocks is not None:
            blocks = min(blocks, tier.max_blocks)
        begun.append(blocks)
        left = max(left - blocks * size, ZERO)
    return begun


def _volume_blocks(charge: Charge, units: Fraction) -> Fraction:
    left = units
    held = charge.tiers[-1]
    for tier in charge.tiers:
        size = Fraction(tier.block_size or 1)
        if tier.max_blocks is None or ceil(left / size) <= tier.max_blocks:
            held = tier
            break
        left -= tier.max_blocks * size
    return ceil(units / Fraction(held.block_size or 1)) * Fraction(held.unit)


def _percentage(charge: Charge, values: Sequence[Fraction]) -> Fraction:
    """Rule 11."""
    rate, fee = Fraction(charge.rate or 0), Fraction(charge.event_fee)
    events, units = charge.free_events, Fraction(charge.free_units)
    total = sum(values, ZERO)
    running = [sum(values[: n + 1], ZERO) for n in range(len(values))]
    if charge.event_minimum is not None or charge.event_maximum is not None:
        owed, before = ZERO, ZERO
        for place, (value, run) in enumerate(zip(values, running, strict=True)):
            paid = value
            if units > 0:
                if run < units:
                    before = run
                    continue
                paid = run - units if before < units else value
            elif place < events:
                continue
            before = run
            cost = paid * rate + fee
            if charge.event_maximum is not None:
                cost = min(cost, Fraction(charge.event_maximum))
            if charge.event_minimum is not None:
                cost = max(cost, Fraction(charge.event_minimum))
            owed += cost
        return owed
    first = sum(values[:events], ZERO)
    free = min(first, units) if events and units else first if events else min(units, total)
    under = sum(1 for place, run in enumerate(running) if run < units and (not events or place < events))
    free_events = min(events, under) if events and under else events or under
    if total == 0:
        return ZERO
    return max(total - free, ZERO) * rate + max(len(values) - free_events, 0) * fee


def _prorated(charge: Charge, events: Sequence[tuple[Fraction, Fraction]], profile: Profile) -> Fraction:
    """Rule 12."""
    tiers = charge.tiers
    edges = [ZERO, *(Fraction(tier.up_to) for tier in tiers if tier.up_to is not None)]
    moved, most, at = ZERO, ZERO, ZERO
    for begin, end, full, part in _walked(events):
        at, most = end, max(most, end)
        low, high = min(begin, end), max(begin, end)
        for number, tier in enumerate(tiers):
            bottom = low if number == 0 else max(low, edges[number])
            top = high if tier.up_to is None else min(high, Fraction(tier.up_to))
            if top > bottom and full:
                moved += (top - bottom) / abs(full) * part * Fraction(tier.unit)
    if at < 0:
        return ZERO
    if sum((part for _, part in events), ZERO) == 0:
        return Fraction(tiers[0].flat)
    fees = sum((Fraction(tier.flat) for number, tier in enumerate(tiers) if number == 0 or edges[number] < most), ZERO)
    return max(moved, ZERO) + fees


def _walked(events: Sequence[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction, Fraction, Fraction]]:
    at, moves = ZERO, []
    for full, part in events:
        passed = part == 0 and (full > 0 or (full < 0 and at + full < 0))
        if not passed:
            moves.append((at, at + full, full, part))
            at += full
    return moves


def adjusted(
    gross: Fraction,
    profile: Profile,
    decimals: int,
    rate: Fraction,
    minimum: Fraction | None,
    maximum: Fraction | None,
    previous: Fraction,
    closes: bool,
) -> Fraction:
    """Rule 16: what is left of a settled gross."""
    net = gross
    rounding = profile.rounding.value
    for step in profile.adjustments:
        if step == "discount":
            net -= settled(net * rate, decimals, rounding)
        elif step == "maximum" and maximum is not None:
            most = settled(maximum, decimals, rounding)
            net = net if previous + net <= most else max(most - previous, ZERO)
        elif step == "minimum" and minimum is not None and closes:
            least = settled(minimum, decimals, rounding)
            net = max(net, least - previous)
    return net
