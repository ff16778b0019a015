"""Charges by single events in SQL against the simulated engine's in plain Python: random events, corrections and late arrivals."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_recon.core.catalog import Catalog, Charge, Contract, Discount, Plan, TaxRate
from billing_recon.core.period import Interval, Period, billing_period
from billing_recon.core.profile import Profile
from billing_recon.simulate.by_event import Single, Singles, last_words
from billing_recon.simulate.engine import bill_period
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Late, LateUsage, Span
from billing_recon_tests.compute.small_company import SmallCompany
from billing_recon_tests.compute.test_expect_differential import ON, engine_line, our_line
from billing_recon_tests.compute.test_late_usage import in_figures

pytestmark = pytest.mark.long

TIERS: list[dict[str, Any]] = [{"up_to": 20, "unit": "1.25", "flat": "3"}, {"unit": "0.55", "flat": "1"}]
WAYS: dict[str, dict[str, Any]] = {
    "users": {"model": "per_unit", "unit_price": "2.5", "free_units": 1, "aggregation": "unique_count", "unique": "who"},
    "peak": {"model": "graduated", "tiers": TIERS, "aggregation": "max"},
    "level": {"model": "volume", "tiers": TIERS, "aggregation": "latest"},
    "stored": {"model": "graduated", "tiers": TIERS, "aggregation": "time_weighted"},
    "daily": {"model": "graduated", "tiers": TIERS, "aggregation": "max", "bucket": "day"},
    "hourly": {"model": "per_unit", "unit_price": "0.7", "aggregation": "unique_count", "unique": "who", "bucket": "hour"},
    "regions": {
        "model": "matrix", "dimensions": ["where", "who"], "unit_price": "0.25",
        "prices": [{"values": ["eu", "ann"], "unit_price": "1.115"}, {"values": ["us", ""], "unit_price": "0.905"}],
    },
    "counted": {"model": "matrix", "dimensions": ["where"], "aggregation": "count",
                "prices": [{"values": ["eu"], "unit_price": "1.5"}, {"values": ["us"], "unit_price": "2"}]},
    "fees": {"model": "percentage", "rate": "0.0275", "event_fee": "0.305", "free_events": 2},
    "cards": {"model": "percentage", "rate": "0.11", "event_fee": "0.3", "event_minimum": "1.1", "event_maximum": "3.333"},
    "bounded": {"model": "percentage", "rate": "0.11", "event_minimum": "0.9", "free_units": 40},
    "freed": {"model": "percentage", "rate": "0.05", "event_fee": "0.2", "free_units": 60, "free_events": 3},
    "licences": {"model": "graduated", "tiers": TIERS, "prorated": True},
    "joined": {"model": "graduated", "tiers": TIERS, "prorated": True, "aggregation": "unique_count", "unique": "who"},
    "leased": {"model": "volume", "tiers": TIERS, "prorated": True},
    "summed": {"model": "graduated", "tiers": TIERS},
    "numbered": {"model": "per_unit", "unit_price": "0.35", "free_units": 2, "aggregation": "count"},
}  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")


def charges(random: Random, names: list[str]) -> tuple[Charge, ...]:
    found = [
        Charge.model_validate(
            {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": "9.99", "maximum": "9.5"}
        )
    ]
    for name in names:
        agreed = random.choice(
            ({}, {}, {"minimum": "12.34"}, {"maximum": "15.55"}, {"minimum": "5", "maximum": "8.08"})
        )
        found.append(Charge.model_validate({"charge_id": name, "kind": "usage", "meter": name, **WAYS[name], **agreed}))
    return tuple(found)


def stream(random: Random, names: list[str], subscription: str) -> dict[str, list[Single]]:
    """Events of two months; some come late, some are corrected, once or twice, in their units, dimensions or time."""
    events: dict[str, list[Single]] = {name: [] for name in names}
    for name in names:
        for number in range(random.randrange(0, 12)):
            at = datetime(2026, 2, 8, tzinfo=UTC) + timedelta(minutes=15 * random.randrange(66 * 96))
            delay = random.choice((0, 0, 0, 1, 2, 4, 16, 30))
            one = draw(random, f"{subscription}-{name}-{number}", at, at + timedelta(days=delay, minutes=7))
            events[name].append(one)
            for again in range(random.choice((0, 0, 0, 0, 1, 2))):
                when = one.received + timedelta(hours=random.choice((1, 30, 30 * 24)))
                shifted = one.at + timedelta(hours=random.choice((0, 0, 30)))
                one = draw(random, f"{one.event_id}+{again}", shifted, when, one.event_id)
                events[name].append(one)
    return {name: [e for e in found if e.arrived <= ON] for name, found in events.items()}


def draw(random: Random, event_id: str, at: datetime, received: datetime, corrects: str = "") -> Single:
    dimensions = {"where": random.choice(("eu", "us", "ap")), "who": random.choice(("ann", "bob", "eve", "kim"))}
    kept = {name: value for name, value in dimensions.items() if random.random() < 0.8}
    units = Decimal(random.choice((0, 1, 3, 10, 20, 33))) + Decimal(random.randrange(100)).scaleb(-2)
    return Single(event_id, units, at, received, received.date(), corrects, kept)


def changes(events: dict[str, list[Single]], zone: str) -> list[tuple[str, date, date, Decimal, int]]:
    """The roll-up of a stream: meter, usage day, arrival, change of units and of events; changes of nothing too."""
    found = []
    for meter, stream_ in events.items():
        days = {e.event_id: e.at.astimezone(ZoneInfo(zone)).date() for e in stream_}
        before: dict[date, tuple[Decimal, int]] = {}
        for arrived in sorted({e.arrived for e in stream_}):
            after: dict[date, tuple[Decimal, int]] = {}
            for one in last_words({e.event_id: e for e in stream_ if e.arrived <= arrived}):
                day = days[one.event_id]
                units, count = after.get(day, (Decimal(0), 0))
                after[day] = (units + one.units, count + 1)
            arrivals = [e for e in stream_ if e.arrived == arrived]
            came = {days[e.event_id] for e in arrivals}
            came |= {days[e.corrects] for e in arrivals if e.corrects in days}
            for day in sorted(came | {d for d in before.keys() | after.keys() if before.get(d) != after.get(d)}):
                (old, gone), (new, there) = before.get(day, (Decimal(0), 0)), after.get(day, (Decimal(0), 0))
                found.append((meter, day, arrived, new - old, there - gone))
            before = after
    return found


def spans(random: Random, start: date, names: int, zone: str) -> list[Span]:
    """A history with changes at midnight and within days, some of them hours after the one before."""
    found: list[Span] = []
    begins = datetime.combine(start, time(), ZoneInfo(zone)).astimezone(UTC)
    for _ in range(random.randrange(1, 7)):
        ends = begins + timedelta(
            hours=random.choice((2, 5, 26, 9 * 24, 20 * 24, 60 * 24)), minutes=random.choice((0, 20))
        )
        if random.random() < 0.3:
            day = ends.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
            ends = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (begins, ends))
        contract = Contract(discount=Discount(rate=Decimal("0.105"))) if random.random() < 0.5 else Contract()
        found.append(
            Span(
                start=first.date(), end=last.date(), plan_id=f"p{random.randrange(names)}", plan_version="1", currency="USD",
                tax_region="DE", quantity=Decimal(1), customer_id="C1", contract=contract,
                status=random.choice(("active", "active", "active", "paused")),
                begins=begins if first.time() > time() else None, ends=ends if last.time() > time() else None,
            )
        )  # fmt: skip
        begins = ends
    return found


def compare(seed: int, subscriptions: int, proration: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The lines compared, and the subscriptions for which the two computations differ."""
    random = Random(f"events/{seed}/{proration}")
    profile = Profile.model_validate(
        {
            "proration": proration,
            "adjustments": random.choice((("discount", "maximum", "minimum"), ("maximum", "minimum", "discount"))),
        }
    )
    offered = [random.sample(sorted(WAYS), 6) for _ in range(3)]
    plans = tuple(
        Plan(plan_id=f"p{number}", plan_version="1", currency="USD", charges=charges(random, names))
        for number, names in enumerate(offered)
    )
    terms = Catalog(plans=plans, taxes=(TaxRate(tax_region="DE", rate=Decimal("0.19")),), digest="")
    book = PriceBook(terms.plans, terms.taxes)
    small = SmallCompany(terms, ON, profile=profile, issue_grace_days=20)
    expected: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number in range(subscriptions):
        name, zone = f"S{number}", random.choice(ZONES)
        anchor = date(2026, 1, 1) + timedelta(days=random.randrange(0, 45))
        interval = random.choice((Interval.MONTH, Interval.MONTH, Interval.WEEK))
        history = spans(random, date(2026, 2, 1) + timedelta(days=random.randrange(20)), len(plans), zone)
        if proration == "by_second":
            start, end = date(2026, 1, 1), date(2026, 7, 1)
            history = [replace(history[0], start=start, end=end, status="active", begins=None, ends=None)]
        periods = [billing_period(anchor, interval, index) for index in range(-20, 40)]

        def period_of(when: date, periods: list[Period] = periods) -> Period:
            return next(period for period in periods if period.start <= when < period.end)

        meters = sorted({meter for names in offered for meter in names})
        events = stream(random, meters, name)
        arrivals = []
        for meter, day, arrived, units, count in changes(events, zone):
            small.uses(
                str(units), day.isoformat(), meter=meter, subscription=name, arrived=arrived.isoformat(), lands=False
            )
            small.usage[-1] |= {"events": count, "superseded_events": 1}
            if arrived > period_of(day).end + timedelta(days=2):
                arrivals.append(LateUsage(meter, day, arrived, units))
        for meter, landed in events.items():
            for one in landed:
                small.events.append(
                    {
                        "event_id": one.event_id, "source": "app", "customer_id": "C1", "subscription_id": name,
                        "meter": meter, "quantity": one.units, "event_time": one.at, "received_at": one.received,
                        "corrects": one.corrects or None, "dimensions": json.dumps(one.dimensions),
                        "observed_on": one.arrived, "day": one.arrived,
                    }
                )  # fmt: skip
        for span in history:
            small.subscribes(
                subscription_id=name, plan_id=span.plan_id, tax_region="DE", status=span.status, timezone=zone,
                billing_anchor=anchor, billing_interval=interval.value,
                contract=json.dumps(span.contract.model_dump(mode="json", exclude_none=True)),
                valid_from=span.held(zone)[0], valid_to=span.held(zone)[1], landed=date(2026, 1, 1),
            )  # fmt: skip
        usage = Singles({}, events, zone, 2)
        late = Late(arrivals, 2, period_of)
        for period in periods:
            due = period.end + timedelta(days=profile.issue_after_days)
            if ON - timedelta(days=20) <= due <= ON and period.end > history[0].start:
                lines = bill_period(period, history, usage, book, profile, late)
                expected[name] += [engine_line(line) for line in lines]
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in small.expected():
        if row["kind"] != "usage" or row["quantity"] or row["gross"]:
            found[row["subscription_id"]].append(our_line(row))
    differing = []
    for name in sorted(expected.keys() | found.keys()):
        ours, theirs = (sorted(map(without_price, lines), key=in_figures) for lines in (found[name], expected[name]))
        if ours != theirs:
            differing.append(name)
            print(
                name, [one for one in ours if one not in theirs], [one for one in theirs if one not in ours], sep="\n"
            )
    return [line for lines in expected.values() for line in lines], differing


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("proration", ["by_day", "by_second", "none"])
def test_both_computations_price_single_events_alike(seed: int, proration: str) -> None:
    compared, differing = compare(seed, 40, proration)
    assert sum(line[0] == "usage" and line[8] != 0 for line in compared) > 30
    assert sum(line[0] == "adjustment" for line in compared) > 10
    assert differing == []


def without_price(line: tuple[Any, ...]) -> tuple[Any, ...]:
    """The line without its unit price, which of a matrix is shown where one cell was used, and which the engine leaves out."""
    return (*line[:7], *line[8:])
