"""The simulated customers' usage: events with duplicates, late arrivals and corrections; and what counts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import Period
from billing_recon.core.policy import Windows
from billing_recon.simulate.by_event import Singles
from billing_recon.simulate.offers import Meter, usage_meters
from billing_recon.simulate.population import Subscription
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Late, LateUsage, Usage

LATEST_SECONDS = 36 * 3600
"""An event is received at most so long after it happened; within the late window in every time zone."""
_DAY = 86_400
_EVENTS_A_DAY = {"self_serve": (2, 24), "mid_market": (8, 40), "enterprise": (16, 60)}

Key = tuple[str, str, date]
"""Subscription, meter, day in the subscription's time zone."""


class Delivery(NamedTuple):
    """One row of a usage file, sorted by when it was received."""

    received: int
    event_id: str
    row: str


class Effective(NamedTuple):
    """An event without a correction. `repeats`: the days of the files that have it again."""

    units: int
    delivery: Delivery
    repeats: tuple[date, ...]


class LateEvent(NamedTuple):
    """An event that arrived after the late window of its period; the engine may have `missed` it."""

    key: Key
    units: int
    arrived: date
    missed: bool = False


@dataclass(slots=True)
class DayUsage:
    """One key's usage after dedupe and corrections, in units of 10^-decimals; `plain` are its uncorrected events.

    `undone`: for each event that was corrected, the units of it and of its corrections that count no more.
    """

    units: int = 0
    events: int = 0
    plain: list[Effective] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)


@dataclass(slots=True)
class UsageBook:
    """All usage: `files` as delivered by day, `truth` as it counts, `believed` where the engine differs, and `singles` of
    subscriptions charged by single events, which have no usage faults.

    A fault changes only what the engine believes and what is delivered, never what counts.
    """

    first: date
    last: date
    files: dict[date, list[Delivery]] = field(default_factory=dict)
    truth: dict[Key, DayUsage] = field(default_factory=dict)
    believed: dict[Key, tuple[int, int]] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    late: dict[str, list[LateEvent]] = field(default_factory=dict)
    late_window_days: int = Windows().late_window_days
    singles: dict[str, Singles] = field(default_factory=dict)
    _by_subscription: dict[str, list[Key]] = field(default_factory=dict)

    def deliver(self, day: date, delivery: Delivery) -> None:
        """Put a row into a day's file: history into the first one; rows after the last day are dropped."""
        if day <= self.last:
            self.files[max(day, self.first)].append(delivery)

    def engine_view(self, key: Key) -> tuple[int, int]:
        """Units and events of a key as the engine has them."""
        if key in self.believed:
            return self.believed[key]
        used = self.truth[key]
        return used.units, used.events

    def keys_of(self, subscription_id: str) -> list[Key]:
        return self._by_subscription.get(subscription_id, [])

    def quantity(self, meter: str, units: int) -> Decimal:
        """Units as a decimal quantity."""
        return Decimal(units).scaleb(-self.decimals[meter])

    def of(self, subscription_id: str, believed: dict[Key, tuple[int, int]] | None = None) -> Usage:
        """One subscription's usage by meter and day as the engine has it, or as it would with `believed` added; with its single
        events, if it is charged by them."""
        found: dict[str, dict[date, Decimal]] = {}
        for key in self.keys_of(subscription_id):
            units, _ = believed[key] if believed and key in believed else self.engine_view(key)
            found.setdefault(key[1], {})[key[2]] = self.quantity(key[1], units)
        return self.singles[subscription_id].with_sums(found) if subscription_id in self.singles else found

    def late_of(self, subscription: Subscription) -> Late:
        """One subscription's late usage as the engine has it."""
        arrivals = [
            LateUsage(one.key[1], one.key[2], one.arrived, self.quantity(one.key[1], one.units))
            for one in self.late.get(subscription.subscription_id, [])
            if not one.missed
        ]
        return Late(arrivals, self.late_window_days, subscription.period_of)

    def add(self, key: Key, used: DayUsage) -> None:
        self.truth[key] = used
        self._by_subscription.setdefault(key[0], []).append(key)

    def delivered(self) -> int:
        """Rows over all files, duplicates included."""
        return sum(len(rows) for rows in self.files.values())


def use(
    seed: int,
    subscriptions: list[Subscription],
    first: date,
    last: date,
    issue_after_days: int,
    book: PriceBook,
    progress: Callable[[int], None],
) -> UsageBook:
    """Every event needed by an invoice due on `first` or later, up to the end of `last`."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    usage = UsageBook(first, last, files={day: [] for day in days})
    for number, subscription in enumerate(subscriptions):
        rng = Random(f"{seed}/usage/{subscription.subscription_id}")
        source = _Source(subscription, rng, usage)
        horizon = last + timedelta(days=40)
        begin = next((p.start for p in subscription.due_periods(first, horizon, issue_after_days)), None)
        for span in subscription.spans:
            meters = usage_meters(book.plan(*span.terms[:3]))
            if span.status not in ("active", "trialing") or not meters or begin is None:
                continue
            day, end = max(span.start, begin), min(span.end, last + timedelta(days=2))
            while day < end:
                for meter in meters:
                    source.use(meter, day)
                day += timedelta(days=1)
        progress(number + 1)
    return usage


class _Source:
    """One subscription's stream of events."""

    def __init__(self, subscription: Subscription, rng: Random, usage: UsageBook) -> None:
        self._subscription = subscription
        self._rng = rng
        self._usage = usage
        self._sent = 0
        self._prefix = f"ev-{subscription.subscription_id[4:]}-"
        low, high = _EVENTS_A_DAY[subscription.customer.segment]
        self._most = low + rng.randrange(high - low)

    def use(self, meter: Meter, day: date) -> None:
        """One local day's events of one meter: fewer at weekends, none on some days."""
        random = self._rng.random
        begin = int(self._subscription.instant(day).timestamp())
        length = int(self._subscription.instant(day + timedelta(days=1)).timestamp()) - begin
        most = self._most if day.weekday() < 5 else max(self._most // 3, 1)
        used = DayUsage()
        self._usage.decimals[meter.name] = meter.decimals
        for _ in range(int(random() * (most + 1))):
            at = begin + int(random() * length)
            units = meter.low + int(random() * random() * (meter.high - meter.low))
            drawn = random()
            delay = 90 if drawn < 0.93 else 6 * 3600 if drawn < 0.985 else LATEST_SECONDS
            received = at + 1 + int(random() * (delay - 1))
            sent = self._send(meter, units, at, received, "")
            drawn = random()
            if drawn < 0.006:
                units, undone = self._correct(meter, units, at, sent)
                used.undone += [undone] if undone else []
                used.units += units
            else:
                repeats = (self._repeat(sent),) if drawn < 0.018 else ()
                used.units += units
                used.plain.append(Effective(units, sent, repeats))
            used.events += 1
        if used.events:
            self._usage.add((self._subscription.subscription_id, meter.name, day), used)

    def _send(self, meter: Meter, units: int, at: int, received: int, corrects: str) -> Delivery:
        self._sent += 1
        event_id = f"{self._prefix}{self._sent:06d}"
        row = (
            f"{event_id},{meter.source},{self._subscription.customer.customer_id},"
            f"{self._subscription.subscription_id},{meter.name},{quantity_text(units, meter.decimals)},"
            f"{instant_text(at)},{instant_text(received)},{corrects}"
        )
        delivery = Delivery(received, event_id, row)
        self._usage.deliver(epoch_day(received), delivery)
        return delivery

    def _repeat(self, sent: Delivery) -> date:
        """The same row again, in the same file or in one of the next three days'."""
        later = 0 if self._rng.random() < 0.5 else self._rng.randrange(1, 4)
        day = epoch_day(sent.received) + timedelta(days=later)
        self._usage.deliver(day, sent)
        return day

    def _correct(self, meter: Meter, units: int, at: int, sent: Delivery) -> tuple[int, int]:
        """One correction, sometimes two; the second corrects the event or its first correction. Return the row that counts,
        and the units that no longer count."""
        undone = 0
        corrected = sent
        latest = at + LATEST_SECONDS
        for _ in range(2 if self._rng.random() < 0.25 else 1):
            received = corrected.received + 1 + int(self._rng.random() * (latest - corrected.received))
            if received > latest:
                break
            undone += units
            units = 1 + int(units * self._rng.random() * 1.5)
            target = sent if self._rng.random() < 0.5 else corrected
            corrected = self._send(meter, units, at, received, target.event_id)
            if self._rng.random() < 0.1:
                self._repeat(corrected)
        return units, undone


def come_late(
    seed: int,
    subscriptions: list[Subscription],
    usage: UsageBook,
    issue_after_days: int,
    lookback_days: int,
    count: int,
) -> None:
    """`count` more events that arrive after the late window of their period, spread over subscriptions and days.

    ConfigurationError if there is no room: each needs a billed period and a day after its window.
    """
    rng = Random(f"{seed}/late")
    places = [
        (subscription, period)
        for subscription in subscriptions
        for period in subscription.due_periods(usage.first, usage.last, issue_after_days)
        if period.end + timedelta(days=usage.late_window_days) < usage.last
    ]
    rng.shuffle(places)
    made = 0
    for subscription, period in places * (1 + count):
        if made == count:
            return
        latest = min(period.start + timedelta(days=lookback_days - 1), usage.last)
        event = late_event(usage, subscription, period, latest, rng)
        if event is not None:
            send_late(usage, subscription, event)
            made += 1
    if made < count:
        raise ConfigurationError(
            f"{count} late events asked, places for {made} found; simulate more days, so that periods end within them"
        )


def late_event(
    usage: UsageBook, subscription: Subscription, period: Period, latest: date, rng: Random
) -> LateEvent | None:
    """An event of a day of `period` that arrives after the period's late window, by `latest`; None if impossible."""
    earliest = period.end + timedelta(days=usage.late_window_days + 1)
    keys = [
        key
        for key in usage.keys_of(subscription.subscription_id)
        if period.start <= key[2] < period.end and usage.truth[key].plain
    ]
    if not keys or latest < earliest:
        return None
    key = keys[rng.randrange(len(keys))]
    plain = usage.truth[key].plain
    units = plain[rng.randrange(len(plain))].units + 1 + rng.randrange(50)
    return LateEvent(key, units, earliest + timedelta(days=rng.randrange((latest - earliest).days + 1)))


def send_late(usage: UsageBook, subscription: Subscription, event: LateEvent) -> None:
    """Deliver a late event on its day, at noon, next to an event of its day that arrived on time."""
    sent = usage.late.setdefault(subscription.subscription_id, [])
    sent.append(event)
    fields = usage.truth[event.key].plain[0].delivery.row.split(",")
    fields[0] = f"{fields[0]}-late-{len(sent)}"
    fields[5] = quantity_text(event.units, usage.decimals[event.key[1]])
    received = ((event.arrived - _EPOCH).days * 2 + 1) * _DAY // 2
    fields[7] = instant_text(received)
    usage.deliver(event.arrived, Delivery(received, fields[0], ",".join(fields)))


def quantity_text(units: int, decimals: int) -> str:
    """Units of 10^-decimals, plain and without trailing zeros."""
    if not decimals:
        return str(units)
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".")


_EPOCH = date(1970, 1, 1)


def epoch_day(seconds: int) -> date:
    """The UTC day of an instant given in seconds since 1970."""
    return _EPOCH + timedelta(days=seconds // _DAY)


def instant_text(seconds: int) -> str:
    """An instant in UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
