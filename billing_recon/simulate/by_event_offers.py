"""Plans charged by single events, and the few subscriptions that have them: events, corrections, late events.

An option of a simulation, in addition to the ordinary population, which does not change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from billing_recon.core.catalog import Cell, Charge, Contract, Discount, Plan, Tier
from billing_recon.core.period import Interval
from billing_recon.simulate.by_event import Single, Singles, last_words
from billing_recon.simulate.population import OPEN_END, Customer, Subscription
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span
from billing_recon.simulate.usage import LATEST_SECONDS, Delivery, LateEvent, UsageBook, epoch_day, instant_text

VERSION = "2026-01"
_SUBSCRIPTIONS = 10
_PLACES = (
    ("DE", "Europe/Berlin", "EUR"),
    ("US-NY", "America/New_York", "USD"),
    ("JP", "Asia/Tokyo", "JPY"),
    ("US-CA", "America/Los_Angeles", "USD"),
)
_ORDER = ("insight", "checkout", "atlas", "vault")
_MOST_EVENTS_A_DAY = 5
_REGIONS = ("eu", "us", "ap")


def plans() -> tuple[Plan, ...]:
    """Every plan in each currency of its subscribers; in yen a price is a hundred times as high."""
    return tuple(
        Plan(
            plan_id=name, plan_version=VERSION, currency=currency, name=name.capitalize(), charges=_charges(name, scale)
        )
        for name in _ORDER
        for currency, scale in (("USD", Decimal(1)), ("EUR", Decimal("0.9")), ("JPY", Decimal(100)))
    )


def _tiers(scale: Decimal, *tiers: tuple[str | None, str, str]) -> tuple[Tier, ...]:
    return tuple(
        Tier(up_to=None if up_to is None else Decimal(up_to), unit=Decimal(unit) * scale, flat=Decimal(flat) * scale)
        for up_to, unit, flat in tiers
    )


def _charges(name: str, scale: Decimal) -> tuple[Charge, ...]:
    base = Charge(charge_id="base", kind="subscription", model="flat", amount=Decimal(25) * scale)

    def usage(meter: str, **given: object) -> Charge:
        return Charge.model_validate({"charge_id": meter, "kind": "usage", "meter": meter, **given})

    match name:
        case "insight":
            return (
                base,
                usage(
                    "sign_ins", model="per_unit", unit_price=Decimal("2.35") * scale, free_units=Decimal(3),
                    aggregation="unique_count", unique="user", minimum=Decimal(12) * scale,
                ),
                usage(
                    "open_sessions", model="graduated", aggregation="max",
                    tiers=_tiers(scale, ("20", "0", "0"), (None, "0.75", "2")),
                ),
            )  # fmt: skip
        case "checkout":
            return (
                base,
                usage(
                    "card_payments", model="percentage", rate=Decimal("0.0145"), event_fee=Decimal("0.25") * scale,
                    event_minimum=Decimal("0.4") * scale, event_maximum=Decimal(3) * scale,
                ),
                usage(
                    "refunds", model="percentage", rate=Decimal("0.005"), event_fee=Decimal("0.15") * scale, free_events=4
                ),
            )  # fmt: skip
        case "atlas":
            cells = tuple(
                Cell(values=(region,), unit_price=Decimal(price) * scale)
                for region, price in (("eu", "0.0315"), ("us", "0.0275"))
            )
            return (
                base,
                usage(
                    "route_requests", model="matrix", dimensions=("region",), prices=cells,
                    unit_price=Decimal("0.0405") * scale, maximum=Decimal(150) * scale,
                ),
                usage(
                    "licences", model="graduated", prorated=True,
                    tiers=_tiers(scale, ("500", "0.11", "1"), (None, "0.08", "0")),
                ),
            )  # fmt: skip
        case "vault":
            return (
                base,
                usage(
                    "stored_gb", model="volume", aggregation="time_weighted",
                    tiers=_tiers(scale, ("1000", "0.042", "0"), (None, "0.035", "4")),
                ),
                usage(
                    "export_jobs", model="graduated", aggregation="max", bucket="day",
                    tiers=_tiers(scale, ("40", "0", "0"), (None, "0.05", "0")),
                ),
            )  # fmt: skip
    raise KeyError(name)


def populate(seed: int, first: date, last: date) -> list[Subscription]:
    """A few subscriptions, some of which change their plan or end within the simulated days; ids begin with SUB-9."""
    found = []
    for number in range(_SUBSCRIPTIONS):
        rng = Random(f"{seed}/by-event/{number}")
        region, timezone, currency = _PLACES[number % len(_PLACES)]
        customer = Customer(f"CUS-9{number:04d}", "mid_market", region, timezone, currency)
        anchor = first - timedelta(days=95 + rng.randrange(28))
        plan = _ORDER[(number + number // len(_ORDER)) % len(_ORDER)]
        agreed = Contract(discount=Discount(rate=Decimal("0.075"))) if number % 3 == 0 else Contract()
        opening = Span(
            start=anchor, end=OPEN_END, plan_id=plan, plan_version=VERSION, currency=currency, tax_region=region,
            quantity=Decimal(1), customer_id=customer.customer_id, contract=agreed,
        )  # fmt: skip
        change = first + timedelta(days=rng.randrange(max((last - first).days - 10, 1)))
        spans: tuple[Span, ...] = (opening,)
        if number % 5 == 3:
            other = _ORDER[(_ORDER.index(plan) + 1) % len(_ORDER)]
            spans = (replace(opening, end=change), replace(opening, start=change, plan_id=other))
        elif number % 5 == 4:
            spans = (replace(opening, end=change), replace(opening, start=change, status="cancelled"))
        interval = Interval.WEEK if number % 4 == 2 else Interval.MONTH
        found.append(Subscription(f"SUB-9{number:04d}", customer, anchor, interval, spans))
    return found


@dataclass(slots=True)
class _Stream:
    """One subscription's events: made, delivered, and kept as the engine sees them."""

    subscription: Subscription
    usage: UsageBook
    rng: Random
    sent: int = 0

    def send(
        self, meter: str, units: Decimal, at: int, received: int, dimensions: dict[str, str], corrects: str
    ) -> Single:
        self.sent += 1
        arrived = max(epoch_day(received), self.usage.first)
        one = Single(
            f"ev9-{self.subscription.subscription_id[4:]}-{self.sent:05d}", units, datetime.fromtimestamp(at, UTC),
            datetime.fromtimestamp(received, UTC), arrived, corrects, dimensions,
        )  # fmt: skip
        quoted = json.dumps(dimensions).replace('"', '""')
        row = (
            f"{one.event_id},{'psp-hook' if meter in ('card_payments', 'refunds') else 'gateway'},"
            f"{self.subscription.customer.customer_id},{self.subscription.subscription_id},{meter},{units},"
            f'{instant_text(at)},{instant_text(received)},{corrects},"{quoted}"'
        )
        self.usage.deliver(epoch_day(received), Delivery(received, one.event_id, row))
        if self.rng.random() < 0.03:
            self.usage.deliver(
                epoch_day(received) + timedelta(days=self.rng.randrange(3)), Delivery(received, one.event_id, row)
            )
        return one

    def day(self, meter: str, day: date) -> Iterator[Single]:
        """One local day's events, a few of them corrected in their units or dimensions."""
        begin = int(self.subscription.instant(day).timestamp())
        length = int(self.subscription.instant(day + timedelta(days=1)).timestamp()) - begin
        for _ in range(self.rng.randrange(_MOST_EVENTS_A_DAY)):
            at = begin + self.rng.randrange(length)
            received = at + 1 + self.rng.randrange(90 if self.rng.random() < 0.9 else LATEST_SECONDS - 1)
            first = self.send(meter, self._units(meter), at, received, self._dimensions(), "")
            yield first
            if self.rng.random() < 0.03:
                again = received + 1 + self.rng.randrange(max(at + LATEST_SECONDS - received, 1))
                yield self.send(meter, self._units(meter), at, again, self._dimensions(), first.event_id)

    def _units(self, meter: str) -> Decimal:
        if meter == "sign_ins":
            return Decimal(1)
        if meter in ("card_payments", "refunds"):
            scale = 1 if self.subscription.customer.currency == "JPY" else 100
            return Decimal(1 + self.rng.randrange(30_000)) / scale
        return Decimal(1 + self.rng.randrange(60))

    def _dimensions(self) -> dict[str, str]:
        return {"user": f"user-{self.rng.randrange(25)}", "region": self.rng.choice(_REGIONS)}


def use(seed: int, subscriptions: list[Subscription], usage: UsageBook, issue_after_days: int, book: PriceBook) -> None:
    """Every event of these subscriptions that an invoice of the simulated days can need, and a late event for some."""
    for number, subscription in enumerate(subscriptions):
        stream = _Stream(subscription, usage, Random(f"{seed}/by-event-usage/{subscription.subscription_id}"))
        periods = list(subscription.due_periods(usage.first, usage.last, issue_after_days))
        horizon = usage.last + timedelta(days=40)
        begin = next(subscription.due_periods(usage.first, horizon, issue_after_days)).start
        events: dict[str, list[Single]] = {}
        for span in subscription.spans:
            meters = [c.meter for c in book.plan(*span.terms[:3]).charges if c.by_event and c.meter]
            day, end = max(span.start, begin), min(span.end, usage.last + timedelta(days=2))
            while day < end and span.status == "active":
                for meter in meters:
                    events.setdefault(meter, []).extend(stream.day(meter, day))
                day += timedelta(days=1)
        if number % 2 == 0 and periods:
            _come_late(stream, events, subscription, periods[0].start, periods[0].end)
        usage.singles[subscription.subscription_id] = Singles(
            {}, events, subscription.customer.timezone, usage.late_window_days, usage.first
        )


def _come_late(
    stream: _Stream, events: dict[str, list[Single]], subscription: Subscription, start: date, end: date
) -> None:
    """One more event of a billed period, after its late window; the next bill adjusts it."""
    arrived = end + timedelta(days=stream.usage.late_window_days + 2)
    if arrived > stream.usage.last:
        return
    for meter in sorted(events):
        early = [
            e
            for e in events[meter]
            if not e.corrects and start <= e.at.date() - timedelta(days=1) < end - timedelta(days=3)
        ]
        if early:
            at = int(early[0].at.timestamp())
            received = int(datetime(arrived.year, arrived.month, arrived.day, 12, tzinfo=UTC).timestamp())
            one = stream.send(meter, Decimal(55), at, received, {"user": "user-late", "region": "eu"}, "")
            events[meter].append(one)
            day = _local_day(one, subscription.customer.timezone)
            stream.usage.decimals[meter] = 0
            stream.usage.late.setdefault(subscription.subscription_id, []).append(
                LateEvent((subscription.subscription_id, meter, day), 55, arrived)
            )
            return


def metered(usage: UsageBook) -> Iterator[tuple[str, str, date, Decimal, int]]:
    """Their usage as metered by the engine: subscription, meter, local day, units and events, once the day's window is over."""
    for subscription_id, singles in sorted(usage.singles.items()):
        for meter, events in sorted(singles.events.items()):
            days = {_local_day(event, singles.timezone) for event in events}
            for day in sorted(day for day in days if day >= usage.first):
                until = day + timedelta(days=usage.late_window_days)
                counting = last_words({event.event_id: event for event in events if event.arrived <= until})
                of_day = [event.units for event in counting if _local_day(event, singles.timezone) == day]
                if of_day:
                    yield subscription_id, meter, day, sum(of_day, Decimal(0)), len(of_day)


def _local_day(event: Single, timezone: str) -> date:
    return event.at.astimezone(ZoneInfo(timezone)).date()
