"""The simulated engine's invoices: which periods are billed, when, and under which numbers. Prices are computed in engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from billing_recon.core.company import Profile
from billing_recon.core.period import Period
from billing_recon.simulate import advance
from billing_recon.simulate.engine import EngineLine, bill_period
from billing_recon.simulate.population import Subscription
from billing_recon.simulate.price_book import ZERO, PriceBook
from billing_recon.simulate.usage import Key, UsageBook

RUN_AT = time(23, 0, tzinfo=UTC)
"""The engine's daily run, late enough for everything that arrives within the late window."""


@dataclass(eq=False, slots=True)
class Invoice:
    """One invoice as the engine issues it. `garbled`: the unreadable column of a line. `kept_by`: the layer that keeps a void
    invoice; `nobody`: none ever saw it. `variant`, `cohort`: in a rollout, the engine that billed it and the stage of its customer.

    `invoice_id` is given by `number`.
    """

    subscription: Subscription
    period: Period
    issued_on: date
    lines: list[EngineLine]
    retry: int = 0
    status: str = "issued"
    garbled: dict[int, str] = field(default_factory=dict)
    kept_by: str = ""
    variant: str = ""
    cohort: str = ""
    invoice_id: str = field(default="")

    @property
    def identity(self) -> str:
        """The invoice's identity, independent of its number."""
        return f"{self.subscription.subscription_id}/{self.period.start}/{self.retry}"

    @property
    def currency(self) -> str:
        return self.lines[0].currency if self.lines else self.subscription.customer.currency

    @property
    def calculated_at(self) -> datetime:
        return datetime.combine(self.issued_on, RUN_AT) + timedelta(minutes=10 * self.retry)

    @property
    def total(self) -> Decimal:
        """What the customer owes: the sum of the lines' totals."""
        return sum((line.total for line in self.lines), ZERO)

    def line_id(self, index: int) -> str:
        """The id of a line, by its place from 0."""
        return f"{self.invoice_id}/{index + 1}"

    def again(self, issued_on: date) -> Invoice:
        """The same content issued a second time, as by a retry."""
        return replace(self, issued_on=issued_on, retry=self.retry + 1, lines=list(self.lines), garbled={})


def price(
    subscription: Subscription,
    period: Period,
    usage: UsageBook,
    book: PriceBook,
    profile: Profile,
    believed: dict[Key, tuple[int, int]] | None = None,
) -> list[EngineLine]:
    """The lines of one period as the engine computes them from the usage that it has."""
    used = usage.of(subscription.subscription_id, believed)
    late = usage.late_of(subscription) if subscription.subscription_id in usage.late else None
    ahead = None
    if advance.sells_ahead(subscription.spans, book):
        following = subscription.period_of(period.end)
        ahead = advance.on_invoice(period, following, subscription.spans, book, profile)
    return bill_period(period, subscription.spans, used, book, profile, late, ahead)


def bill(
    subscriptions: Iterable[Subscription], usage: UsageBook, book: PriceBook, profile: Profile, first: date, last: date
) -> list[Invoice]:
    """Every invoice due from `first` to `last`, issued when due; a period without lines has none."""
    invoices = []
    for subscription in subscriptions:
        for period in subscription.due_periods(first, last, profile.issue_after_days):
            lines = price(subscription, period, usage, book, profile)
            if lines:
                issued_on = period.end + timedelta(days=profile.issue_after_days)
                invoices.append(Invoice(subscription, period, issued_on, lines))
        if advance.sells_ahead(subscription.spans, book):
            invoices += _between(subscription, usage, book, profile, first, last)
    return in_order(invoices)


def _between(
    subscription: Subscription, usage: UsageBook, book: PriceBook, profile: Profile, first: date, last: date
) -> Iterator[Invoice]:
    """The invoices that close no period: the first of a subscription, and those of changes within a period."""
    after = timedelta(days=profile.issue_after_days)
    opening = subscription.period_of(subscription.anchor - timedelta(days=1))
    if first <= opening.end + after <= last:
        lines = price(subscription, opening, usage, book, profile)
        if lines:
            yield Invoice(subscription, subscription.period_of(opening.end), opening.end + after, lines)
    period = subscription.period_of(max(subscription.anchor, first - after - timedelta(days=1)))
    while period.start + after <= last:
        for day, ahead in advance.changes(period, subscription.spans, book, profile):
            closed = advance.just_before(day)
            lines = bill_period(closed, (), {}, book, profile, None, ahead)
            if first <= day + after <= last and lines:
                yield Invoice(subscription, period, day + after, lines)
        period = subscription.period_of(period.end)


def in_order(invoices: Iterable[Invoice]) -> list[Invoice]:
    """Invoices as they are issued: by instant, then subscription and period."""
    return sorted(invoices, key=lambda i: (i.calculated_at, i.subscription.subscription_id, i.period.start, i.retry))


def number(invoices: Iterable[Invoice]) -> list[Invoice]:
    """Give the invoices their numbers, in order of issue and without a gap."""
    ordered = in_order(invoices)
    for count, invoice in enumerate(ordered, 1):
        invoice.invoice_id = f"INV-{invoice.issued_on.year}-{count:06d}"
    return ordered
