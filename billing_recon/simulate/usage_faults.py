"""Bugs of the billing engine in metering and aggregation. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import TypeVar

from billing_recon.core.company import Profile
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import EngineLine, bill_period
from billing_recon.simulate.faults import Fault, Finding, Proposal, Reach, together
from billing_recon.simulate.line_faults import Propose, finding, line_fault
from billing_recon.simulate.price_book import ZERO, PriceBook
from billing_recon.simulate.spans import Late, LateUsage
from billing_recon.simulate.usage import (
    DayUsage,
    Effective,
    Key,
    UsageBook,
    epoch_day,
    instant_text,
    late_event,
    send_late,
)

Item = TypeVar("Item")
_TRIES = 6
"""The number of an invoice's days that are tried before another invoice is."""
_SEVERAL_DAYS = 4
_DAY = timedelta(days=1)

Change = Callable[[Invoice, Key, DayUsage, Random], tuple[int, int, Sequence[Effective]]]
"""The units and events that the engine has in excess of real usage, and the events that are delivered again."""


@dataclass(slots=True)
class UsageFaults:
    """Where the metering behind the clean invoices of `first` to `last` can go wrong. `used`: ids with a fault."""

    invoices: tuple[Invoice, ...]
    usage: UsageBook
    book: PriceBook
    profile: Profile
    windows: Windows
    first: date
    last: date
    used: set[int]
    _corrections: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of usage, with their forms."""

        def metered(code: Code, name: str, change: Change, doc: str) -> Fault[Invoice]:
            return Fault(code, name, self._metered(code, change), doc, Reach.LINE)

        def summed(name: str, wrong: Callable[[Key], int], doc: str) -> Fault[Invoice]:
            return Fault(Code.USAGE_AGGREGATION, name, self._summed(wrong), doc, Reach.LINE)

        lost, twice, corrected, late = Code.USAGE_MISSING, Code.USAGE_DUPLICATE, Code.USAGE_CORRECTED, Code.USAGE_LATE
        account, batch = Reach.ACCOUNT, Reach.BATCH
        return (
            metered(
                corrected,
                "both_counted",
                self._both,
                "a correction is counted in addition to the event that it corrects",
            ),
            metered(corrected, "ignored", self._original, "a correction of a later day is ignored: the day was closed"),
            summed("day_left_out", lambda key: 0, "a day is left out of the period's sum"),
            summed("day_twice", lambda key: 2 * self.usage.truth[key].units, "a day is added twice"),
            summed("day_before", self._day_before, "a day is added with the previous day's figure"),
            metered(twice, "event_twice", self._event_twice, "an event delivered twice is counted twice"),
            metered(
                twice, "day_twice", self._day_twice, "a retry delivers a day again, and the whole day is counted twice"
            ),
            metered(lost, "events_lost", self._some, "some events of a day never reach the engine"),
            metered(lost, "hour_lost", self._hour, "the meter drops an hour"),
            metered(lost, "day_lost", self._day, "the meter drops a day"),
            Fault(
                lost, "days_lost", self.days_lost, "the meter drops several days of an account", account, several=True
            ),
            Fault(lost, "meter_down", self.meter_down, "a meter drops a day for all customers", batch, several=True),
            Fault(
                late,
                "not_adjusted",
                self.late_usage_lost,
                "usage after the late window is not billed in the next period",
            ),
            Fault(
                late,
                "closed_early",
                self.closed_early,
                "the bill is made before the late window ends, without late usage",
                Reach.LINE,
            ),
        )

    def _some(self, invoice: Invoice, key: Key, used: DayUsage, rng: Random) -> tuple[int, int, Sequence[Effective]]:
        plain = _shuffled(used.plain, rng)
        return _without(plain[: 1 + rng.randrange(max(len(plain) // 2, 1))], used)

    def _hour(self, invoice: Invoice, key: Key, used: DayUsage, rng: Random) -> tuple[int, int, Sequence[Effective]]:
        hours: dict[str, list[Effective]] = {}
        for event in used.plain:
            hours.setdefault(_happened(event)[:13], []).append(event)
        return _without(hours[rng.choice(sorted(hours))], used)

    def _day(self, invoice: Invoice, key: Key, used: DayUsage, rng: Random) -> tuple[int, int, Sequence[Effective]]:
        return _without(used.plain, used) if len(used.plain) == used.events else (0, 0, ())

    def _event_twice(
        self, invoice: Invoice, key: Key, used: DayUsage, rng: Random
    ) -> tuple[int, int, Sequence[Effective]]:
        event = used.plain[rng.randrange(len(used.plain))]
        return event.units, 1, [event]

    def _day_twice(
        self, invoice: Invoice, key: Key, used: DayUsage, rng: Random
    ) -> tuple[int, int, Sequence[Effective]]:
        whole = len(used.plain) == used.events
        return (used.units, used.events, used.plain) if whole else (0, 0, ())

    def _both(self, invoice: Invoice, key: Key, used: DayUsage, rng: Random) -> tuple[int, int, Sequence[Effective]]:
        return (used.undone[0], 1, ()) if len(used.undone) == 1 else (0, 0, ())

    def _original(
        self, invoice: Invoice, key: Key, used: DayUsage, rng: Random
    ) -> tuple[int, int, Sequence[Effective]]:
        """Only if the day has one correction, of an event corrected once, and nothing else arrived with it on a later day."""
        begin, end = (
            instant_text(int(invoice.subscription.instant(day).timestamp())) for day in (key[2], key[2] + _DAY)
        )
        corrections = [row for row in self._corrected(key) if begin <= row[6] < end]
        if len(used.undone) != 1 or len(corrections) != 1 or not self._came_later(corrections[0], used):
            return 0, 0, ()
        corrected = int(Decimal(corrections[0][5]).scaleb(self.usage.decimals[key[1]]))
        return used.undone[0] - corrected, 0, ()

    def _came_later(self, correction: list[str], used: DayUsage) -> bool:
        """Whether a correction arrived on a later day than its original, without anything else of the usage day."""
        came, happened = date.fromisoformat(correction[7][:10]), date.fromisoformat(correction[6][:10])
        files = (self.usage.files.get(happened + n * _DAY, []) for n in range((came - happened).days))
        original = any(delivery.event_id == correction[8] for file in files for delivery in file)
        return original and all(epoch_day(event.delivery.received) != came for event in used.plain)

    def _corrected(self, key: Key) -> list[list[str]]:
        """The rows that correct others of a subscription's meter, each once."""
        if not self._corrections:
            for deliveries in self.usage.files.values():
                for delivery in deliveries:
                    if not delivery.row.endswith(","):
                        row = delivery.row.split(",")
                        self._corrections.setdefault((row[3], row[4]), {})[row[0]] = row
        return list(self._corrections.get(key[:2], {}).values())

    def _metered(self, code: Code, change: Change) -> Propose:
        """One day of one meter wrong, seen in metered_usage and on exactly one line."""

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            for key in _shuffled(self._keys(invoice), rng)[:_TRIES]:
                proposal = self._changed(code, invoice, [key], change, rng)
                if proposal is not None:
                    return proposal
            return None

        return propose

    def days_lost(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Some days of one meter in a row."""
        keys = sorted(self._keys(invoice), key=lambda key: (key[1], key[2]))
        starts = [n for n in range(len(keys)) if {k[1] for k in keys[n : n + _SEVERAL_DAYS]} == {keys[n][1]}]
        for start in _shuffled(starts, rng)[:_TRIES]:
            some = keys[start : start + _SEVERAL_DAYS]
            proposal = self._changed(Code.USAGE_MISSING, invoice, some, self._day, rng) if len(some) > 1 else None
            if proposal is not None:
                return proposal
        return None

    def meter_down(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A day of one meter, on every invoice where it makes a difference."""
        keys = self._keys(invoice)
        if not keys:
            return None
        meter, day = keys[rng.randrange(len(keys))][1:]
        return together(
            self._changed(Code.USAGE_MISSING, other, [key], self._day, rng)
            for other in self.invoices
            if id(other) not in self.used
            for key in self._keys(other)
            if key[1:] == (meter, day)
        )

    def _keys(self, invoice: Invoice) -> list[Key]:
        """The days of an invoice's meters that can be metered wrongly, and that are known in time."""
        subscription_id = invoice.subscription.subscription_id
        if subscription_id in self.usage.late:
            return []  # late usage is rated in addition to what the engine believes
        window = timedelta(days=self.windows.late_window_days)
        return [
            key
            for key in self.usage.keys_of(subscription_id)
            if invoice.period.start <= key[2] < invoice.period.end
            and key[2] >= self.first
            and key[2] + window <= self.last
            and self.usage.truth[key].plain
        ]

    def _changed(
        self, code: Code, invoice: Invoice, keys: Sequence[Key], change: Change, rng: Random
    ) -> Proposal | None:
        """Days of one meter changed, if all of them change and exactly one line follows."""
        believed: dict[Key, tuple[int, int]] = {}
        found: list[Finding] = []
        again: list[tuple[Key, Effective]] = []
        for key in keys:
            used = self.usage.truth[key]
            units, events, repeated = change(invoice, key, used, rng)
            if not units:
                return None
            believed[key] = (used.units + units, used.events + events)
            known_on = key[2] + timedelta(days=self.windows.late_window_days)
            off = self.usage.quantity(key[1], units)
            found.append(Finding(code, Pair.METERED_USED, invoice.subscription.subscription_id, known_on, off))
            again += [(key, event) for event in repeated]
        lines = price(invoice.subscription, invoice.period, self.usage, self.book, self.profile, believed)
        index = only_difference(invoice.lines, lines)
        if index is None:
            return None
        billed = finding(code, invoice, lines[index].total - invoice.lines[index].total, index)
        return Proposal((*found, billed), partial(self._believe, invoice, believed, lines, again))

    def _believe(
        self,
        invoice: Invoice,
        believed: dict[Key, tuple[int, int]],
        lines: list[EngineLine],
        again: list[tuple[Key, Effective]],
    ) -> None:
        """The engine has other usage. Events that it counts twice are also delivered twice, unless they already were."""
        self.usage.believed.update(believed)
        for key, event in again:
            closed = key[2] + timedelta(days=self.windows.late_window_days)
            if not any(day <= closed for day in event.repeats):
                self.usage.deliver(epoch_day(event.delivery.received), event.delivery)
        invoice.lines = lines

    def _summed(self, wrong: Callable[[Key], int]) -> Propose:
        """The engine metered every day of the period as it was, and adds up one of them with other units."""

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            subscription = invoice.subscription
            if invoice.period.start < self.first or subscription.subscription_id in self.usage.late:
                return None
            held = invoice.period
            keys = [k for k in self.usage.keys_of(subscription.subscription_id) if held.start <= k[2] < held.end]
            if any(key in self.usage.believed for key in keys):
                return None
            for key in _shuffled(keys, rng)[:_TRIES]:
                believed = {key: (wrong(key), self.usage.truth[key].events)}
                lines = price(subscription, invoice.period, self.usage, self.book, self.profile, believed)
                index = only_difference(invoice.lines, lines)
                if index is not None:
                    return line_fault(Code.USAGE_AGGREGATION, invoice, index, lines[index])
            return None

        return propose

    def _day_before(self, key: Key) -> int:
        before = self.usage.truth.get((key[0], key[1], key[2] - _DAY))
        return self.usage.truth[key].units if before is None else before.units

    def closed_early(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The metering is right, but the bill leaves out usage that arrived from some day after the period's end on."""
        subscription, period = invoice.subscription, invoice.period
        keys = [k for k in self.usage.keys_of(subscription.subscription_id) if period.start <= k[2] < period.end]
        if period.start < self.first or subscription.subscription_id in self.usage.late:
            return None
        recent = [key for key in keys if key[2] >= period.end - 3 * _DAY]
        if any(key in self.usage.believed for key in keys) or any(self.usage.truth[key].undone for key in recent):
            return None
        for closed_on in (period.end, period.end + _DAY):
            since = {
                key: [one for one in self.usage.truth[key].plain if epoch_day(one.delivery.received) >= closed_on]
                for key in recent
            }
            events = [event for came in since.values() for event in came]
            if not events or not all(map(_late, events)):
                continue
            believed = {
                key: (self.usage.truth[key].units - sum(one.units for one in came), self.usage.truth[key].events)
                for key, came in since.items()
                if came
            }
            lines = price(subscription, period, self.usage, self.book, self.profile, believed)
            index = only_difference(invoice.lines, lines)
            if index is not None:
                return line_fault(Code.USAGE_LATE, invoice, index, lines[index])
        return None

    def late_usage_lost(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """An event of an earlier period arrives after its window, and this invoice does not adjust it."""
        subscription = invoice.subscription
        believed = any(key in self.usage.believed for key in self.usage.keys_of(subscription.subscription_id))
        if believed or subscription.subscription_id in self.usage.late:
            return None
        window = timedelta(days=self.windows.late_window_days)
        own = subscription.period_of(invoice.period.start - _DAY)
        due = own.end + timedelta(days=self.profile.issue_after_days)
        latest = min(invoice.period.end + window, invoice.issued_on, self.last)
        latest = min(latest, own.start + timedelta(days=self.windows.lookback_days - 1))
        if due < self.first or latest <= invoice.period.start + window:
            return None
        event = late_event(self.usage, subscription, own, latest, rng)
        if event is None:
            return None
        came = LateUsage(event.key[1], event.key[2], event.arrived, self.usage.quantity(event.key[1], event.units))
        late = Late([came], self.usage.late_window_days, subscription.period_of)
        used = self.usage.of(subscription.subscription_id)
        due_lines = bill_period(invoice.period, subscription.spans, used, self.book, self.profile, late)
        missing = [line for line in due_lines if line not in invoice.lines]
        if len(missing) != 1 or len(due_lines) != len(invoice.lines) + 1 or not missing[0].total:
            return None
        lost = event._replace(missed=True)
        found = finding(Code.USAGE_LATE, invoice, -missing[0].total)
        return Proposal((found,), lambda: send_late(self.usage, subscription, lost))


def only_difference(right: list[EngineLine], wrong: list[EngineLine]) -> int | None:
    """The index of the only line with another total; None if there is none or several, or if the lines are not the same."""
    places = [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in right]
    if places != [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in wrong]:
        return None
    different = [n for n, (a, b) in enumerate(zip(right, wrong, strict=True)) if a != b]
    if len(different) != 1 or right[different[0]].total - wrong[different[0]].total == ZERO:
        return None
    return different[0]


def _without(lost: Sequence[Effective], used: DayUsage) -> tuple[int, int, Sequence[Effective]]:
    """Lost events, unless they are exactly the day's late ones: that would be a window that was too short."""
    units = sum(event.units for event in lost)
    late = sum(event.units for event in used.plain if _late(event))
    return (0, 0, ()) if units == late else (-units, -len(lost), ())


def _late(event: Effective) -> bool:
    """Whether an event arrived on a later day than it happened."""
    return str(epoch_day(event.delivery.received)) > _happened(event)[:10]


def _happened(event: Effective) -> str:
    """The instant of an event, from its row."""
    return event.delivery.row.split(",")[6]


def _shuffled(items: Sequence[Item], rng: Random) -> list[Item]:
    order = list(items)
    rng.shuffle(order)
    return order
