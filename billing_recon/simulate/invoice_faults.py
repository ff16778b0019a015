"""Bugs of the billing engine in whole invoices: which are issued, for whom, for when and in what money. Proposals as in faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.period import Period
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import EngineLine, PriceBook, active_runs, bill_period
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.line_faults import ORDINARY, finding
from billing_recon.simulate.usage import UsageBook

_DAY = timedelta(days=1)


@dataclass(slots=True)
class InvoiceFaults:
    """Where whole invoices go wrong: the clean ones of `first` to `last`, and those that should not be."""

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
        """The faults of whole invoices, the pickiest first."""
        return (
            Fault(
                Code.INVOICE_UNEXPECTED,
                self.billed_for_nothing,
                "a period is billed before the contract or after its end",
            ),
            Fault(Code.CURRENCY_FX, self.other_currency, "an invoice is in another currency than its contract"),
            Fault(Code.INVOICE_PERIOD, self.shifted, "an invoice is for a period a day late or early"),
            Fault(Code.RECORD_QUARANTINED, self.garbled, "a line cannot be read and is set aside"),
            Fault(Code.REVERSAL_NOT_PROPAGATED, self.voided, "an invoice is void, and the ledger keeps it"),
            Fault(Code.KEY_UNMAPPED, self.unknown_key, "an invoice is for a subscription that nobody knows"),
            Fault(Code.INVOICE_MISSING, self.never_issued, "a period is not billed at all", spares_one_a_day=True),
            Fault(Code.INVOICE_DUPLICATE, self.issued_twice, "a retry issues the invoice again"),
        )

    def billed_for_nothing(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The period after a cancellation, or the one before a subscription began."""
        subscription = invoice.subscription
        before = subscription.period_of(invoice.period.start - _DAY)
        after = subscription.period_of(invoice.period.end)
        for period in (before, after):
            issued_on = period.end + timedelta(days=self.profile.issue_after_days)
            if not self.first <= issued_on <= self.last or active_runs(period, subscription.spans):
                continue
            span = next(s for s in subscription.spans if s.status == "active")
            held = [replace(span, start=period.start, end=period.end)]
            lines = bill_period(period, held, {}, self.book, self.profile)
            wrong = Invoice(subscription, period, issued_on, lines)
            if wrong.total > 0:
                return self._more(Code.INVOICE_UNEXPECTED, wrong)
        return None

    def other_currency(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """All lines in another currency of the same exponent, the figures unchanged, and everything follows."""
        other = {"USD": "EUR", "EUR": "USD"}.get(invoice.currency)
        if other is None or not all(line.total for line in invoice.lines) or invoice.total <= 0:
            return None
        wrong = [replace(line, currency=other) for line in invoice.lines]
        found = (finding(Code.CURRENCY_FX, invoice, -invoice.total), finding(Code.CURRENCY_FX, invoice, invoice.total))
        return Proposal(found, _replaced(invoice, wrong))

    def shifted(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The whole period a day off: in name alone, or with the usage of those days."""
        by = _DAY if rng.random() < 0.6 else -_DAY
        whole = all(
            (line.period_start, line.period_end) == (invoice.period.start, invoice.period.end) for line in invoice.lines
        )
        if not whole or not invoice.total or any(line.kind == "adjustment" for line in invoice.lines):
            return None
        period = Period(invoice.period.start + by, invoice.period.end + by)
        named = [replace(line, period_start=period.start, period_end=period.end) for line in invoice.lines]
        plain = all(line.kind in ORDINARY for line in invoice.lines) and not any(
            span.contract.minimum or span.contract.cap or self.book.plan(*span.terms[:3]).minimum
            for span in invoice.subscription.spans
        )
        if plain and rng.random() < 0.7:
            used = price(invoice.subscription, period, self.usage, self.book, self.profile)
            if [_place(line) for line in used] == [_place(line) for line in named] and all(
                a.quantity != b.quantity or a.total == b.total for a, b in zip(used, named, strict=True)
            ):
                named = used
        delta = sum(line.total for line in named) - invoice.total
        return Proposal((finding(Code.INVOICE_PERIOD, invoice, delta),), _replaced(invoice, named))

    def garbled(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One row of several is no row: its gross is not a number."""
        indexes = [n for n, line in enumerate(invoice.lines) if line.total]
        if len(indexes) < 2:
            return None
        index = indexes[rng.randrange(len(indexes))]
        found = finding(Code.RECORD_QUARANTINED, invoice, -invoice.lines[index].total)
        return Proposal((found,), lambda: invoice.garbled.add(index))

    def voided(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry that the engine itself takes back at once; the ledger has booked it and keeps it."""
        again = invoice.again(invoice.issued_on)
        again.status = "void"
        day = again.issued_on + timedelta(days=self.windows.ledger_lag_days)
        if day > self.last or again.total <= 0:
            return None
        found = replace(finding(Code.REVERSAL_NOT_PROPAGATED, again, again.total), pair=Pair.BILLED_BOOKED, day=day)
        return Proposal((found,), lambda: self.invoices.append(again))

    def unknown_key(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The content of an invoice once more, for a subscription that no contract has."""
        stranger = replace(invoice.subscription, subscription_id=f"WS-{invoice.subscription.subscription_id[4:]}")
        wrong = replace(invoice, subscription=stranger, lines=list(invoice.lines), garbled=set())
        return self._more(Code.KEY_UNMAPPED, wrong) if invoice.total > 0 else None

    def never_issued(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """No invoice comes for the period; the day keeps at least one other."""
        day = invoice.issued_on + timedelta(days=self.windows.issue_grace_days)
        if day > self.last or not invoice.total or self._left_on[invoice.issued_on] < 2:
            return None
        if all(line.kind == "adjustment" for line in invoice.lines):
            return None  # then it is late usage that is missing, and no period's bill
        subscription_id = invoice.subscription.subscription_id
        found = Finding(Code.INVOICE_MISSING, Pair.EXPECTED_BILLED, subscription_id, day, -invoice.total)

        def apply() -> None:
            self.invoices.remove(invoice)
            self._left_on[invoice.issued_on] -= 1

        return Proposal((found,), apply)

    def issued_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry on the same or the next day issues a second number with the same content."""
        again = invoice.again(invoice.issued_on + timedelta(days=rng.randrange(2)))
        if again.issued_on > self.last or not invoice.total:
            return None
        return self._more(Code.INVOICE_DUPLICATE, again)

    def _more(self, code: Code, wrong: Invoice) -> Proposal:
        """An invoice that should not be."""
        return Proposal((finding(code, wrong, wrong.total),), lambda: self.invoices.append(wrong))


def _replaced(invoice: Invoice, lines: list[EngineLine]) -> Callable[[], None]:
    """Gives the invoice other lines when called."""

    def apply() -> None:
        invoice.lines = lines

    return apply


def _place(line: EngineLine) -> tuple[object, ...]:
    return (line.kind, line.meter, line.charge_id, line.period_start, line.period_end)
