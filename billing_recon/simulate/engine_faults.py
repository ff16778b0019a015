"""Bugs of the billing engine, whatever follows it: first what it meters and by which version it prices. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import ZERO, EngineLine, Late, LateUsage, PriceBook, bill_period
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.invoice_faults import InvoiceFaults
from billing_recon.simulate.line_faults import LineFaults, finding, line_fault
from billing_recon.simulate.usage import Effective, Key, UsageBook, epoch_day, late_event, send_late

_PICKIEST = (
    Code.INVOICE_UNEXPECTED,
    Code.CONTRACT_OVERRIDE,
    Code.CAP,
    Code.ALLOWANCE_ROLLOVER,
    Code.CREDIT_VALUE,
    Code.PRORATION,
    Code.MINIMUM,
    Code.USAGE_CORRECTED,
    Code.USAGE_AGGREGATION,
    Code.STEP_ORDER,
)
"""Faults that find few places, the pickiest first; the others go where they leave room."""


@dataclass(slots=True)
class EngineFaults:
    """Where the engine's bugs strike: the clean invoices of `first` to `last` and the usage behind them."""

    invoices: list[Invoice]
    usage: UsageBook
    book: PriceBook
    profile: Profile
    windows: Windows
    first: date
    last: date

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The engine's faults, the pickiest first."""
        own = (
            Fault(Code.USAGE_CORRECTED, self.correction_added, "a correction is counted beside what it corrects"),
            Fault(Code.USAGE_AGGREGATION, self.added_up_wrong, "what was metered rightly is added up wrongly"),
            Fault(Code.USAGE_DUPLICATE, self.usage_counted_twice, "an event delivered twice is counted twice"),
            Fault(Code.USAGE_MISSING, self.usage_lost, "some events of a day never reach the engine"),
            Fault(Code.USAGE_LATE, self.late_usage_lost, "usage that came too late for its period is never billed"),
            Fault(Code.PRICE_VERSION, self.wrong_version, "a charge is priced by the plan's other version"),
        )
        lines = LineFaults(self.book, self.profile)
        whole = InvoiceFaults(self.invoices, self.usage, self.book, self.profile, self.windows, self.first, self.last)
        known = {fault.code: fault for fault in (*own, *lines.registry, *whole.registry)}
        return tuple(known.pop(code) for code in _PICKIEST) + tuple(known.values())

    def usage_lost(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The engine misses some events of one meter and day, sometimes the whole day."""

        def lose(key: Key, plain: list[Effective]) -> tuple[int, int]:
            count = len(plain) if rng.random() < 0.3 else 1 + rng.randrange(max(len(plain) // 2, 1))
            lost = plain[:count]
            return -sum(event.units for event in lost), -len(lost)

        return self._usage_fault(Code.USAGE_MISSING, invoice, rng, lose, lambda key, plain: None)

    def usage_counted_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The engine counts a duplicate delivery; where none came in time, one is made to."""

        def arrives_in_time(event: Effective, key: Key) -> bool:
            return any(day <= key[2] + timedelta(days=self.windows.late_window_days) for day in event.repeats)

        def count_twice(key: Key, plain: list[Effective]) -> tuple[int, int]:
            return plain[0].units, 1

        def deliver_again(key: Key, plain: list[Effective]) -> None:
            if not arrives_in_time(plain[0], key):
                self.usage.deliver(epoch_day(plain[0].delivery.received), plain[0].delivery)

        return self._usage_fault(Code.USAGE_DUPLICATE, invoice, rng, count_twice, deliver_again)

    def _usage_fault(
        self,
        code: Code,
        invoice: Invoice,
        rng: Random,
        change: Callable[[Key, list[Effective]], tuple[int, int]],
        deliver: Callable[[Key, list[Effective]], None],
    ) -> Proposal | None:
        """A change of what the engine metered on one day, seen in metered_usage and on exactly one line."""
        late = timedelta(days=self.windows.late_window_days)
        subscription = invoice.subscription
        if subscription.subscription_id in self.usage.late:
            return None  # what comes late is rated on top of what the engine believes
        keys = [
            key
            for key in self.usage.keys_of(subscription.subscription_id)
            if invoice.period.start <= key[2] < invoice.period.end
            and key[2] >= self.first
            and key[2] + late <= self.last
            and self.usage.truth[key].plain
        ]
        rng.shuffle(keys)
        for key in keys[:6]:
            used = self.usage.truth[key]
            plain = list(used.plain)
            rng.shuffle(plain)
            units, events = change(key, plain)
            if not units:
                continue
            believed = {key: (used.units + units, used.events + events)}
            lines = price(subscription, invoice.period, self.usage, self.book, self.profile, believed)
            index = _only_difference(invoice.lines, lines)
            if index is None:
                continue
            metered = Finding(
                code, Pair.METERED_USED, subscription.subscription_id, key[2] + late, self.usage.quantity(key[1], units)
            )
            billed = finding(code, invoice, lines[index].total - invoice.lines[index].total, index)

            return Proposal((metered, billed), partial(self._believe, invoice, key, plain, believed, lines, deliver))
        return None

    def _believe(
        self,
        invoice: Invoice,
        key: Key,
        plain: list[Effective],
        believed: dict[Key, tuple[int, int]],
        lines: list[EngineLine],
        deliver: Callable[[Key, list[Effective]], None],
    ) -> None:
        self.usage.believed.update(believed)
        deliver(key, plain)
        invoice.lines = lines

    def correction_added(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The engine counts a correction and what it corrects."""

        def count_both(key: Key, plain: list[Effective]) -> tuple[int, int]:
            undone = self.usage.truth[key].undone
            return (undone[0], 1) if len(undone) == 1 else (0, 0)

        return self._usage_fault(Code.USAGE_CORRECTED, invoice, rng, count_both, lambda key, plain: None)

    def added_up_wrong(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The engine metered every day of the period as it was, and leaves one day out of the sum or adds it twice."""
        subscription = invoice.subscription
        if invoice.period.start < self.first or subscription.subscription_id in self.usage.late:
            return None
        keys = [
            k
            for k in self.usage.keys_of(subscription.subscription_id)
            if invoice.period.start <= k[2] < invoice.period.end
        ]
        if any(key in self.usage.believed for key in keys):
            return None
        rng.shuffle(keys)
        for key in keys[:6]:
            used = self.usage.truth[key]
            believed = {key: (used.units * rng.choice((0, 2)), used.events)}
            lines = price(subscription, invoice.period, self.usage, self.book, self.profile, believed)
            index = _only_difference(invoice.lines, lines)
            if index is not None:
                return line_fault(Code.USAGE_AGGREGATION, invoice, index, lines[index])
        return None

    def late_usage_lost(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """An event of an earlier period comes after its window, and this invoice does not adjust it."""
        subscription = invoice.subscription
        believed = any(key in self.usage.believed for key in self.usage.keys_of(subscription.subscription_id))
        if believed or subscription.subscription_id in self.usage.late:
            return None
        window = timedelta(days=self.windows.late_window_days)
        own = subscription.period_of(invoice.period.start - timedelta(days=1))
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

    def wrong_version(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One charge at the prices of the plan's other version; the line may say so or claim the right one."""
        candidates = [n for n, line in enumerate(invoice.lines) if line.charge_id]
        rng.shuffle(candidates)
        for index in candidates:
            line = invoice.lines[index]
            plan = self.book.plan(line.plan_id, line.plan_version, line.currency)
            for other in self.book.other_versions(plan):
                prices = {charge.charge_id: charge for charge in other.charges}
                charges = tuple(prices[c.charge_id] if c.charge_id == line.charge_id else c for c in plan.charges)
                wrong = self.book.replacing(plan.model_copy(update={"charges": charges}))
                lines = price(invoice.subscription, invoice.period, self.usage, wrong, self.profile)
                if _only_difference(invoice.lines, lines) != index:
                    continue
                if rng.random() < 0.5:
                    lines[index] = replace(lines[index], plan_version=other.plan_version)
                return line_fault(Code.PRICE_VERSION, invoice, index, lines[index])
        return None


def _only_difference(right: list[EngineLine], wrong: list[EngineLine]) -> int | None:
    """The place of the one line whose total differs; None if there is none, several, or other lines altogether."""
    places = [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in right]
    if places != [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in wrong]:
        return None
    different = [n for n, (a, b) in enumerate(zip(right, wrong, strict=True)) if a != b]
    if len(different) != 1 or right[different[0]].total - wrong[different[0]].total == ZERO:
        return None
    return different[0]
