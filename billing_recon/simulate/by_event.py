"""Charges that need single events, in plain Python: which events count, how many units they make, what they cost.

Written from docs/rating.md (rules D5, 1, 5, 11 and 12), without code shared with compute, so that the two
check each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing_recon.core.catalog import Charge, Tier
from billing_recon.core.period import Period

ZERO = Decimal(0)

Pricing = Callable[[Charge, Decimal], Decimal]
"""The unrounded price of some units under one charge."""
Slice = tuple[datetime | None, tuple[str, ...]]
"""One bucket and cell of a charge."""


@dataclass(frozen=True, slots=True)
class Single:
    """One event as it landed; `corrects` names the event that it replaces."""

    event_id: str
    units: Decimal
    at: datetime
    received: datetime
    arrived: date
    corrects: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        return (self.at, self.received, self.event_id)


class Singles(dict[str, Mapping[date, Decimal]]):
    """Usage by meter and day, and the single events of meters that are charged by them.

    A period's own bill knows what arrived by its cutoff, unless `until` is given.
    """

    def __init__(
        self,
        days: Mapping[str, Mapping[date, Decimal]],
        events: Mapping[str, Sequence[Single]],
        timezone: str,
        window_days: int,
        first_day: date = date.min,
        until: date | None = None,
    ) -> None:
        super().__init__(days)
        self.events, self.timezone, self.window_days = events, timezone, window_days
        self.first_day, self.until = first_day, until

    def with_sums(self, days: Mapping[str, Mapping[date, Decimal]], until: date | None = None) -> Singles:
        """The same events with other sums, as known at the end of a day."""
        return Singles(days, self.events, self.timezone, self.window_days, self.first_day, until or self.until)

    def counting(self, meter: str, held: Sequence[tuple[datetime, datetime]], period: Period) -> list[Single]:
        """The events of a period that count and lie between the instants given, in the order of their times."""
        known_by = self.until or max(period.end + timedelta(days=self.window_days), self.first_day)
        known = {e.event_id: e for e in self.events.get(meter, ()) if e.arrived <= known_by}
        begins, ends = _midnight(period.start, self.timezone), _midnight(period.end, self.timezone)
        return sorted(
            (
                e
                for e in last_words(known)
                if begins <= e.at < ends and any(since <= e.at < until for since, until in held)
            ),
            key=lambda e: e.order,
        )


def last_words(known: Mapping[str, Single]) -> list[Single]:
    """Of each chain of corrections the one received last; an event that nothing corrects is its own."""

    def root(event: Single) -> str:
        seen: list[str] = []
        name = event.event_id
        while name in known and known[name].corrects and name not in seen:
            seen.append(name)
            name = known[name].corrects
        return min(seen[seen.index(name) :]) if name in seen else name

    chains: dict[str, list[Single]] = {}
    for event in known.values():
        chains.setdefault(root(event), []).append(event)
    return [max(chain, key=lambda e: (bool(e.corrects), e.received, e.event_id)) for chain in chains.values()]


@dataclass(frozen=True, slots=True)
class Metered:
    """The units of one charge in one run."""

    units: Decimal
    raw: Decimal


def rate_events(
    charge: Charge,
    events: Sequence[Single],
    held: tuple[datetime, datetime],
    run_end: date,
    period: Period,
    zone: str,
    proration: str,
    price: Pricing,
) -> Metered:
    """Units and unrounded price of a run's events under a charge by event. `held`: the run's instants; `run_end`: its last day,
    not counted."""
    run = (max(held[0], _midnight(period.start, zone)), min(held[1], _midnight(period.end, zone)))
    slices: dict[Slice, list[Single]] = {}
    for event in events:
        slices.setdefault(_slice(charge, event, ZoneInfo(zone)), []).append(event)
    units, raw = ZERO, Fraction(0)
    for (_, cell), inside in sorted(slices.items(), key=lambda item: str(item[0])):
        metered = _units(charge, inside, run, period, zone)
        units += (Decimal(1) if metered else ZERO) if charge.model == "flat" else metered
        raw += Fraction(_price(charge, cell, inside, metered, run, run_end, period, zone, proration, price))
    if not slices and charge.prorated and charge.model == "graduated":
        raw = Fraction(charge.tiers[0].flat)
    return Metered(units, _decimal(raw, 22))


def _slice(charge: Charge, event: Single, zone: ZoneInfo) -> Slice:
    local = event.at.astimezone(zone)
    begins: datetime | None = None
    if charge.bucket == "day":
        begins = datetime.combine(local.date(), time())
    elif charge.bucket == "hour":
        begins = (local.replace(minute=0, second=0, microsecond=0)).astimezone(UTC)
    return begins, tuple(event.dimensions.get(name, "") for name in charge.dimensions)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _seconds_left(at: datetime, run: tuple[datetime, datetime], period: Period, zone: str) -> Fraction:
    """The share of the period's real seconds that are left of the run at an instant."""
    whole = (_midnight(period.end, zone) - _midnight(period.start, zone)).total_seconds()
    left = (run[1] - max(at, run[0])).total_seconds()
    return Fraction(int(left), int(whole))


def _units(
    charge: Charge, events: Sequence[Single], run: tuple[datetime, datetime], period: Period, zone: str
) -> Decimal:
    """Rule 1."""
    match charge.aggregation:
        case "count":
            return Decimal(len(events))
        case "unique_count":
            return Decimal(len({e.dimensions[charge.unique or ""] for e in events if charge.unique in e.dimensions}))
        case "max":
            return max(e.units for e in events)
        case "latest":
            return events[-1].units
        case "time_weighted":
            held = sum((Fraction(e.units) * _seconds_left(e.at, run, period, zone) for e in events), Fraction(0))
            return _decimal(held, 10)
        case "sum":
            return sum((e.units for e in events), ZERO)


def _price(
    charge: Charge,
    cell: tuple[str, ...],
    events: Sequence[Single],
    units: Decimal,
    run: tuple[datetime, datetime],
    run_end: date,
    period: Period,
    zone: str,
    proration: str,
    price: Pricing,
) -> Decimal | Fraction:
    worth = list(_worth(charge, events))
    if charge.model == "matrix":
        prices = {listed.values: listed.unit_price for listed in charge.prices}
        return units * prices.get(cell, charge.unit_price or ZERO)
    if charge.model == "percentage":
        return _percentage(charge, worth)
    if charge.prorated:
        shares = [_there(event, run, run_end, period, zone, proration) for event in events]
        there = [_decimal(value * part, 10) for value, part in zip(map(Fraction, worth), shares, strict=True)]
        if charge.model == "graduated":
            return _laid_end_to_end(charge.tiers, worth, there)
        if not units:
            return ZERO
        tier = next(t for t in charge.tiers if t.up_to is None or max(units - charge.free_units, ZERO) <= t.up_to)
        return max(sum(there, ZERO) - charge.free_units, ZERO) * tier.unit + tier.flat
    return price(charge, units) if units else ZERO


def _worth(charge: Charge, events: Sequence[Single]) -> Iterable[Decimal]:
    """What each event adds to the charge's units."""
    known: set[str] = set()
    for event in events:
        if charge.aggregation == "count":
            yield Decimal(1)
        elif charge.aggregation == "unique_count":
            value = event.dimensions.get(charge.unique or "")
            yield Decimal(value is not None and value not in known)
            known |= {value} if value is not None else set()
        else:
            yield event.units


def _there(
    event: Single, run: tuple[datetime, datetime], run_end: date, period: Period, zone: str, proration: str
) -> Fraction:
    """The share of the period for which an event was there: from its day or second to the run's end."""
    if proration == "none":
        return Fraction(1)
    if proration == "by_second":
        return _seconds_left(event.at, run, period, zone)
    return Fraction(max((run_end - event.at.astimezone(ZoneInfo(zone)).date()).days, 0), period.days)


def _percentage(charge: Charge, worth: Sequence[Decimal]) -> Decimal:
    """Rule 11, event by event."""
    rate, fee = charge.rate or ZERO, charge.event_fee
    total = sum(worth, ZERO)
    if charge.event_minimum is not None or charge.event_maximum is not None:
        return _bounded(charge, worth)
    first, under, running = ZERO, 0, ZERO
    below = True
    most = ZERO
    for number, value in enumerate(worth):
        running += value
        most = max(most, running)
        first += value if number < charge.free_events else ZERO
        below = below and running < charge.free_units
        under += below and (not charge.free_events or number < charge.free_events)
    if charge.free_events and charge.free_units:
        free = min(first, charge.free_units)
    elif charge.free_events:
        free = first
    else:
        free = min(charge.free_units, most)
    among = min(charge.free_events, under) if under else charge.free_events
    free_of_fee = among if charge.free_events else under
    paid = max(len(worth) - free_of_fee, 0) if total else 0
    return max(total - free, ZERO) * rate + paid * fee


def _bounded(charge: Charge, worth: Sequence[Decimal]) -> Decimal:
    raw, running = ZERO, ZERO
    for number, value in enumerate(worth):
        before, running = running, running + value
        paid = value
        if charge.free_units:
            if running < charge.free_units:
                continue
            paid = min(running - charge.free_units, value) if before < charge.free_units else value
        elif number < charge.free_events:
            continue
        cost = paid * (charge.rate or ZERO) + charge.event_fee
        if charge.event_minimum is not None and cost < charge.event_minimum:
            cost = charge.event_minimum
        elif charge.event_maximum is not None and cost > charge.event_maximum:
            cost = charge.event_maximum
        raw += cost
    return raw


def _laid_end_to_end(tiers: Sequence[Tier], worth: Sequence[Decimal], there: Sequence[Decimal]) -> Fraction:
    """Rule 12 for events that add: each covers the units after those before it."""
    at, raw = Fraction(0), Fraction(0)
    for value, share in zip(map(Fraction, worth), map(Fraction, there), strict=True):
        if not value or (not share and value > 0):
            continue
        lower = Fraction(0)
        for tier in tiers:
            upper = at + value if tier.up_to is None else min(Fraction(tier.up_to), at + value)
            inside = upper - max(lower, at)
            if inside > 0:
                raw += share * inside / value * Fraction(tier.unit)
            lower = Fraction(tier.up_to) if tier.up_to is not None else lower
        at += value
    if not sum(there):
        return Fraction(tiers[0].flat)
    edges = [Fraction(0), *(Fraction(t.up_to) for t in tiers if t.up_to is not None)]
    fees = sum((Fraction(t.flat) for t, edge in zip(tiers, edges, strict=True) if edge < at or not edge), Fraction(0))
    return raw + fees


def _decimal(figure: Fraction, places: int) -> Decimal:
    """Rounded to some decimals, ties away from zero."""
    whole = figure * 10**places
    rounded = (abs(whole) + Fraction(1, 2)).__floor__()
    return Decimal(rounded if whole >= 0 else -rounded).scaleb(-places)
