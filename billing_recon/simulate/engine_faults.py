"""Bugs of the billing engine: what it charges wrongly, and everything after it follows. Proposals as in faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.money import Rounding
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import ZERO, EngineLine, PriceBook, retotal, settled
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.usage import Effective, Key, UsageBook, epoch_day

_ORDINARY = ("subscription", "proration", "usage")


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
    _left_on: Counter[date] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._left_on = Counter(invoice.issued_on for invoice in self.invoices)

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The engine's faults, the pickiest first."""
        return (
            Fault(Code.USAGE_DUPLICATE, self.usage_counted_twice, "an event delivered twice is counted twice"),
            Fault(Code.USAGE_MISSING, self.usage_lost, "some events of a day never reach the engine"),
            Fault(Code.DISCOUNT_VALUE, self.wrong_discount, "a line's discount is forgotten or has another rate"),
            Fault(Code.PRICE_VERSION, self.wrong_version, "a charge is priced by the plan's other version"),
            Fault(Code.ROUNDING, self.rounded_down, "a figure is cut off instead of rounded half up"),
            Fault(Code.TAX_RATE_JURISDICTION, self.wrong_region, "a line is taxed at another region's rate"),
            Fault(Code.INVOICE_MISSING, self.never_issued, "a period is not billed at all", spares_one_a_day=True),
            Fault(Code.INVOICE_DUPLICATE, self.issued_twice, "a retry issues the invoice again"),
        )

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
            believed = {key: (used.units + units, used.events + events)}
            lines = price(subscription, invoice.period, self.usage, self.book, self.profile, believed)
            index = _only_difference(invoice.lines, lines)
            if index is None:
                continue
            metered = Finding(
                code, Pair.METERED_USED, subscription.subscription_id, key[2] + late, self.usage.quantity(key[1], units)
            )
            billed = self._billed(code, invoice, index, lines[index])

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
                return self._line_fault(Code.PRICE_VERSION, invoice, index, lines[index])
        return None

    def wrong_discount(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The discount of one line is forgotten, or has a rate that nobody agreed."""

        def another(line: EngineLine) -> EngineLine | None:
            if not line.discount:
                return None
            rate = Decimal(0) if rng.random() < 0.5 else line.discount_rate + Decimal("0.03")
            return retotal(
                line,
                self.profile,
                discount_rate=rate,
                discount=settled(line.gross * rate, line.currency, self.profile),
            )

        return self._changed_line(Code.DISCOUNT_VALUE, invoice, rng, another) if self._plain(invoice) else None

    def wrong_region(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One line is taxed at the rate of another region."""

        def another(line: EngineLine) -> EngineLine | None:
            rates = sorted(set(self.book.tax_rates(invoice.period.end).values()) - {line.tax_rate})
            return retotal(line, self.profile, tax_rate=rates[rng.randrange(len(rates))]) if line.taxable else None

        if any(line.kind == "credit" for line in invoice.lines):
            return None
        return self._changed_line(Code.TAX_RATE_JURISDICTION, invoice, rng, another)

    def rounded_down(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One line's tax or gross amount is cut off where half up would have gone up."""

        def cut_off(line: EngineLine) -> EngineLine | None:
            tax = settled(line.tax_raw, line.currency, self.profile, Rounding.DOWN)
            gross = settled(line.gross_raw, line.currency, self.profile, Rounding.DOWN)
            ways = []
            if tax != line.tax:
                ways.append(retotal(line, self.profile, tax=tax))
            if gross != line.gross:
                discount = settled(gross * line.discount_rate, line.currency, self.profile)
                ways.append(retotal(line, self.profile, gross=gross, discount=discount))
            ways = [way for way in ways if way.total != line.total]
            return ways[rng.randrange(len(ways))] if ways else None

        return self._changed_line(Code.ROUNDING, invoice, rng, cut_off) if self._plain(invoice) else None

    def never_issued(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """No invoice comes for the period; the day keeps at least one other."""
        day = invoice.issued_on + timedelta(days=self.windows.issue_grace_days)
        if day > self.last or not invoice.total or self._left_on[invoice.issued_on] < 2:
            return None
        subscription_id = invoice.subscription.subscription_id
        finding = Finding(Code.INVOICE_MISSING, Pair.EXPECTED_BILLED, subscription_id, day, -invoice.total)

        def apply() -> None:
            self.invoices.remove(invoice)
            self._left_on[invoice.issued_on] -= 1

        return Proposal((finding,), apply)

    def issued_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry on the same or the next day issues a second number with the same content."""
        again = invoice.again(invoice.issued_on + timedelta(days=rng.randrange(2)))
        if again.issued_on > self.last or not invoice.total:
            return None
        subscription_id = invoice.subscription.subscription_id
        finding = Finding(
            Code.INVOICE_DUPLICATE, Pair.EXPECTED_BILLED, subscription_id, again.issued_on, again.total, again
        )
        return Proposal((finding,), lambda: self.invoices.append(again))

    def _plain(self, invoice: Invoice) -> bool:
        """Whether no minimum, coupon or credit ties the lines together, so that a wrong line stays alone."""
        for line in invoice.lines:
            if line.kind not in _ORDINARY:
                return False
            if self.book.plan(line.plan_id, line.plan_version, line.currency).minimum is not None:
                return False
        return all(span.contract.minimum is None for span in invoice.subscription.spans)

    def _changed_line(
        self, code: Code, invoice: Invoice, rng: Random, change: Callable[[EngineLine], EngineLine | None]
    ) -> Proposal | None:
        order = list(range(len(invoice.lines)))
        rng.shuffle(order)
        for index in order:
            wrong = change(invoice.lines[index])
            if wrong is not None and wrong.total != invoice.lines[index].total:
                return self._line_fault(code, invoice, index, wrong)
        return None

    def _line_fault(self, code: Code, invoice: Invoice, index: int, wrong: EngineLine) -> Proposal:
        def apply() -> None:
            invoice.lines = [*invoice.lines[:index], wrong, *invoice.lines[index + 1 :]]

        return Proposal((self._billed(code, invoice, index, wrong),), apply)

    def _billed(self, code: Code, invoice: Invoice, index: int, wrong: EngineLine) -> Finding:
        delta = wrong.total - invoice.lines[index].total
        subscription_id = invoice.subscription.subscription_id
        return Finding(code, Pair.EXPECTED_BILLED, subscription_id, invoice.issued_on, delta, invoice, index)


def _only_difference(right: list[EngineLine], wrong: list[EngineLine]) -> int | None:
    """The place of the one line whose total differs; None if there is none, several, or other lines altogether."""
    places = [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in right]
    if places != [(line.kind, line.meter, line.charge_id, line.period_start, line.period_end) for line in wrong]:
        return None
    different = [n for n, (a, b) in enumerate(zip(right, wrong, strict=True)) if a != b]
    if len(different) != 1 or right[different[0]].total - wrong[different[0]].total == ZERO:
        return None
    return different[0]
