"""The simulated customers: subscriptions, with their history as spans of local days. Their usage is in usage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from billing_recon.core.catalog import Contract, Coupon, Credit, Discount
from billing_recon.core.money import minor_unit
from billing_recon.core.period import Interval, Period, add_months, billing_period, day_bounds
from billing_recon.simulate import offers
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span

STEADY_FIRST = 31
"""The number of first subscriptions, one per anchor day and always active, so that every day has something to invoice."""
FEWEST = 62
"""No company has fewer subscriptions, whatever the number of its customers."""
OPEN_END = date.max

Choice = TypeVar("Choice")

# (tax region, time zone, currency)
_PLACES = (
    ("DE", "Europe/Berlin", "EUR"),
    ("US-CA", "America/Los_Angeles", "USD"),
    ("JP", "Asia/Tokyo", "JPY"),
    ("US-NY", "America/New_York", "USD"),
    ("GB", "UTC", "USD"),
    ("FR", "Europe/Berlin", "EUR"),
)
_SEGMENTS = ("self_serve", "self_serve", "mid_market", "enterprise", "self_serve", "mid_market", "self_serve")
_PLANS = {
    "self_serve": ("starter", "starter", "batch"),
    "mid_market": ("team", "team", "scale"),
    "enterprise": ("enterprise", "enterprise", "scale"),
}
_UPGRADE = {"starter": "team", "batch": "starter", "team": "scale", "scale": "enterprise", "enterprise": "scale"}
_COUPONS = {"USD": ("5", "8", "10"), "EUR": ("5", "7.5", "9"), "JPY": ("700", "1000", "1250")}


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer is in one place: its region, time zone and currency hold for all its subscriptions."""

    customer_id: str
    segment: str
    tax_region: str
    timezone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription. Its spans are adjacent and in order; the last one is open."""

    subscription_id: str
    customer: Customer
    anchor: date
    interval: Interval
    spans: tuple[Span, ...]

    def due_periods(self, first: date, last: date, issue_after_days: int) -> Iterator[Period]:
        """The billing periods with invoices due from `first` to `last`, both included."""
        number = 0
        while True:
            period = billing_period(self.anchor, self.interval, number)
            due = period.end + timedelta(days=issue_after_days)
            if due > last:
                return
            if due >= first:
                yield period
            number += 1

    def period_of(self, day: date) -> Period:
        """The billing period of a day, which may be before the anchor."""
        number = (day - self.anchor).days // (7 if self.interval is Interval.WEEK else 31)
        while billing_period(self.anchor, self.interval, number).start > day:
            number -= 1
        while billing_period(self.anchor, self.interval, number).end <= day:
            number += 1
        return billing_period(self.anchor, self.interval, number)

    def instant(self, day: date) -> datetime:
        """The instant (UTC) at which a local day begins."""
        return day_bounds(day, self.customer.timezone)[0]


def populate(seed: int, first: date, last: date, customers: int, book: PriceBook) -> list[Subscription]:
    """Every subscription, in order of its id: at least FEWEST."""
    people = [_customer(number) for number in range(customers)]
    rng = Random(f"{seed}/population")
    holders = list(people)
    holders += [person for person in people if rng.random() < 0.25]
    while len(holders) < FEWEST:
        holders.append(people[len(holders) % customers])
    return [
        _subscription(number, person, first, last, book, Random(f"{seed}/subscription/{number}"))
        for number, person in enumerate(holders)
    ]


def _customer(number: int) -> Customer:
    region, timezone, currency = _PLACES[number % len(_PLACES)]
    segment = _SEGMENTS[(number + number // len(_PLACES)) % len(_SEGMENTS)]
    return Customer(f"CUS-{number + 1:05d}", segment, region, timezone, currency)


def _subscription(
    number: int, customer: Customer, first: date, last: date, book: PriceBook, rng: Random
) -> Subscription:
    plan_id = _pick(rng, _PLANS[customer.segment])
    version = offers.OLD if rng.random() < 0.5 else offers.NEW
    anchor, interval = _anchored(number, first, rng), Interval.MONTH
    course = _course(number, rng)
    if number >= STEADY_FIRST and course == "steady":
        if plan_id == "batch" and rng.random() < 0.35:
            interval = Interval.WEEK
        elif plan_id == "team" and rng.random() < 0.3:
            plan_id, interval = "workshop", Interval.QUARTER
    if course in ("new", "trial"):
        anchor = first + timedelta(days=rng.randrange(-28, max((last - first).days - 20, 1)))
    span = Span(
        start=anchor,
        end=OPEN_END,
        plan_id=plan_id,
        plan_version=version,
        currency=customer.currency,
        tax_region=customer.tax_region,
        quantity=_seats(customer.segment, rng),
        customer_id=customer.customer_id,
        contract=_contract(customer, interval, course, first, last, rng),
    )
    if not offers.has_seats(book.plan(plan_id, version, customer.currency)):
        span = replace(span, quantity=Decimal(1))
    span = replace(span, contract=_agreed(span, customer, number, course, book))
    spans = _history(span, course, first, last, book, rng)
    return Subscription(f"SUB-{number + 1:05d}", customer, anchor, interval, spans)


def _anchored(number: int, first: date, rng: Random) -> date:
    """An anchor three months back or more, on the 1st to the 31st in turn."""
    day_of_month = 1 + number % 31
    month = add_months(first.replace(day=1), -3 - rng.randrange(12))
    while True:
        try:
            return month.replace(day=day_of_month)
        except ValueError:
            month = add_months(month, -1)


_COURSES = (
    ("seats", 0.22),
    ("plan", 0.10),
    ("version", 0.06),
    ("new", 0.04),
    ("trial", 0.06),
    ("cancelled", 0.04),
    ("paused", 0.04),
    ("steady", 0.44),
)


def _course(number: int, rng: Random) -> str:
    """What happens to a subscription in the simulated time: nothing to the first ones, each course in turn to the others."""
    if number < STEADY_FIRST:
        return "steady"
    if number < FEWEST:
        return _COURSES[number % len(_COURSES)][0]
    drawn = rng.random()
    for course, part in _COURSES:
        if drawn < part:
            return course
        drawn -= part
    return "steady"


def _seats(segment: str, rng: Random) -> Decimal:
    low, high = {"self_serve": (1, 4), "mid_market": (3, 25), "enterprise": (12, 140)}[segment]
    return Decimal(rng.randrange(low, high))


def _contract(customer: Customer, interval: Interval, course: str, first: date, last: date, rng: Random) -> Contract:
    """Terms of one subscription. Coupons and credits only where nothing changes within a period."""
    days = (last - first).days
    discount: Discount | None = None
    minimum: Decimal | None = None
    coupons: tuple[Coupon, ...] = ()
    credits: tuple[Credit, ...] = ()
    if rng.random() < {"self_serve": 0.10, "mid_market": 0.4, "enterprise": 0.7}[customer.segment]:
        rate = Decimal(_pick(rng, ("0.05", "0.10", "0.125", "0.15", "0.20")))
        until = first + timedelta(days=rng.randrange(days + 1)) if rng.random() < 0.2 else None
        discount = Discount(rate=rate, valid_from=add_months(first, -24) if until else None, valid_to=until)
    if customer.segment == "enterprise" and rng.random() < 0.35:
        minimum = {"USD": Decimal(2200), "EUR": Decimal(2000), "JPY": Decimal(320_000)}[customer.currency]
    if course == "steady" and interval is not Interval.QUARTER:
        if rng.random() < 0.15:
            coupons = _coupons(customer, first, last, rng)
        if rng.random() < 0.12:
            amount = {"USD": "42.5", "EUR": "37.95", "JPY": "5400"}[customer.currency]
            if rng.random() < 0.3:
                amount = {"USD": "5000", "EUR": "4500", "JPY": "700000"}[customer.currency]
            granted = first + timedelta(days=rng.randrange(-25, days + 1))
            credits = (Credit(credit_id="goodwill", amount=Decimal(amount), granted_on=granted),)
    return Contract(discount=discount, coupons=coupons, credits=credits, minimum=minimum)


def _agreed(span: Span, customer: Customer, number: int, course: str, book: PriceBook) -> Contract:
    """The span's contract with its own base price, or with a cap for some that have nothing else agreed."""
    contract = span.contract
    base = book.plan(*span.terms[:3]).charges[0]
    if course == "steady" and number % 5 == 1 and base.amount:
        unit = minor_unit(customer.currency)
        return contract.model_copy(update={"overrides": {base.charge_id: base.amount - unit * 150}})
    if course != "steady" or customer.segment != "mid_market" or number % 2 or contract.coupons or contract.credits:
        return contract
    cap = {"USD": Decimal(150), "EUR": Decimal(140), "JPY": Decimal(22_000)}[customer.currency]
    return contract.model_copy(update={"cap": cap})


def _coupons(customer: Customer, first: date, last: date, rng: Random) -> tuple[Coupon, ...]:
    """One or two coupons. One may exceed the invoice only if no tax is due: otherwise the tax of the lines and that of the
    coupon, rounded separately, could leave a cent on an invoice of zero.
    """
    amounts = [_pick(rng, _COUPONS[customer.currency])]
    if customer.segment != "self_serve" and rng.random() < 0.4:
        amounts.append(_pick(rng, _COUPONS[customer.currency]))
    if customer.tax_region == "US-CA" and rng.random() < 0.6:
        amounts.append("9000")
    begin = first + timedelta(days=rng.randrange(-40, (last - first).days + 1))
    return tuple(
        Coupon(coupon_id=f"welcome-{n}", amount=Decimal(a), valid_from=begin, valid_to=begin + timedelta(days=45))
        for n, a in enumerate(amounts, 1)
    )


def _history(opening: Span, course: str, first: date, last: date, book: PriceBook, rng: Random) -> tuple[Span, ...]:
    """The opening span, divided by what happens to the subscription; every change is at a local midnight."""
    if course == "steady" or course == "new":
        return (opening,)
    if course == "trial":
        active_from = opening.start + timedelta(days=_pick(rng, (7, 14)))
        return _cut(replace(opening, status="trialing"), [(active_from, {"status": "active"})])
    earliest = max(first - timedelta(days=33), opening.start + timedelta(days=1))
    room = max((last - earliest).days, 1)
    day = earliest + timedelta(days=rng.randrange(room))
    match course:
        case "cancelled":
            day = max(day, first)
            return _cut(opening, [(day, {"status": "cancelled"})])
        case "paused":
            back = day + timedelta(days=rng.randrange(4, 12))
            return _cut(opening, [(day, {"status": "paused"}), (back, {"status": "active"})])
        case "version":
            other = offers.NEW if opening.plan_version == offers.OLD else offers.OLD
            return _cut(opening, [(day, {"plan_version": other})])
        case "plan":
            changes: dict[str, object] = {"plan_id": _UPGRADE[opening.plan_id], "quantity": opening.quantity + 2}
            if rng.random() < 0.4:
                better = Discount(rate=Decimal("0.075"))
                changes["contract"] = Contract(discount=better, minimum=opening.contract.minimum)
            if opening.plan_id == "batch":
                changes["quantity"] = Decimal(1)
            later = day + timedelta(days=rng.randrange(3, 12))
            steps = [(day, changes)]
            if opening.plan_id != "batch" and rng.random() < 0.5:
                steps.append((later, {"quantity": opening.quantity + 5}))
            return _cut(opening, steps)
    if not offers.has_seats(book.plan(opening.plan_id, opening.plan_version, opening.currency)):
        return (opening,)
    days = sorted({day, *(earliest + timedelta(days=rng.randrange(room)) for _ in range(rng.randrange(3)))})
    seats = opening.quantity
    steps = []
    for change_day in days:
        seats = max(seats + rng.randrange(-4, 9), Decimal(1))
        steps.append((change_day, {"quantity": seats}))
    return _cut(opening, steps)


def _cut(opening: Span, changes: Sequence[tuple[date, Mapping[str, object]]]) -> tuple[Span, ...]:
    spans = [opening]
    for day, change in changes:
        spans.append(replace(spans[-1], start=day, **change))  # type: ignore[arg-type]  # any field of Span
        spans[-2] = replace(spans[-2], end=day)
    return tuple(spans)


def _pick(rng: Random, choices: Sequence[Choice]) -> Choice:
    return choices[rng.randrange(len(choices))]
