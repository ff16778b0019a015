"""Bugs of the billing engine in whole invoices: which are issued, their customer, period and currency. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.period import Period
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import EngineLine, bill_period, retotal, settled
from billing_recon.simulate.faults import Fault, Finding, Proposal, Reach, together
from billing_recon.simulate.line_faults import ORDINARY, Propose, finding
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import active_runs
from billing_recon.simulate.usage import UsageBook

_DAY = timedelta(days=1)


_OTHER = {"USD": "EUR", "EUR": "USD"}
_RATE = {"USD": Decimal("0.93"), "EUR": Decimal("1.075")}


@dataclass(slots=True)
class InvoiceFaults:
    """Where whole invoices can go wrong: the clean ones of `first` to `last`, and invoices that should not exist.

    `issued` has all invoices, including wrong ones, and changes; `invoices` has the clean ones. `used`: ids with a fault.
    """

    issued: list[Invoice]
    invoices: tuple[Invoice, ...]
    usage: UsageBook
    book: PriceBook
    profile: Profile
    windows: Windows
    first: date
    last: date
    used: set[int]
    _first_of: dict[date, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for invoice in self.issued:
            self._first_of.setdefault(invoice.issued_on, id(invoice))

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of whole invoices, with their forms."""
        missing, period, unreadable = Code.INVOICE_MISSING, Code.INVOICE_PERIOD, Code.RECORD_QUARANTINED
        reversal, currency, twice = Code.REVERSAL_NOT_PROPAGATED, Code.CURRENCY_FX, Code.INVOICE_DUPLICATE
        unexpected, line = Code.INVOICE_UNEXPECTED, Reach.LINE

        def account(code: Code, name: str, one: Propose, doc: str, **how: bool) -> Fault[Invoice]:
            return Fault(code, name, self.of_account(one), doc, Reach.ACCOUNT, several=True, **how)

        def batch(code: Code, name: str, one: Propose, doc: str, **how: bool) -> Fault[Invoice]:
            return Fault(code, name, self.of_day(one), doc, Reach.BATCH, several=True, **how)

        return (
            Fault(unexpected, "after_the_end", self.billed_after, "a period after the end of the contract is billed"),
            Fault(
                unexpected,
                "before_the_start",
                self.billed_before,
                "a period before the start of the contract is billed",
            ),
            Fault(
                currency,
                "same_figures",
                self.other_currency,
                "an invoice is in another currency with unchanged figures",
            ),
            Fault(
                currency,
                "converted",
                self.converted,
                "an invoice is converted into a currency other than the contract's",
            ),
            account(currency, "account", self.other_currency, "an account is billed in another currency"),
            Fault(period, "day_late", self.day_late, "a period is dated a day late"),
            Fault(period, "day_early", self.day_early, "a period is dated a day early"),
            Fault(period, "shifted", self.shifted, "a period and the usage that it bills are a day off"),
            account(
                period, "account", self.day_late, "an account's periods are a day late, as days of another time zone"
            ),
            Fault(
                unreadable, "amount", self.no_amount, "a line's gross cannot be read, so the line is quarantined", line
            ),
            Fault(
                unreadable,
                "date",
                self.no_date,
                "a line's period start cannot be read, so the line is quarantined",
                line,
            ),
            Fault(reversal, "booked", self.voided, "an invoice is void, but the ledger still has it"),
            Fault(reversal, "paid", self.void_paid, "an invoice is void, but its payment is not refunded"),
            Fault(Code.KEY_UNMAPPED, "subscription", self.unknown_key, "an invoice is for an unknown subscription"),
            Fault(missing, "period", self.never_issued, "a period is not billed at all", spares_one_a_day=True),
            account(missing, "account", self.never_issued, "a whole account is not billed", spares_one_a_day=True),
            batch(
                missing, "batch", self.never_issued, "a day's run stops after its first invoice", spares_one_a_day=True
            ),
            Fault(twice, "retry", self.issued_twice, "a retry issues the invoice again under another number"),
            Fault(twice, "lines_twice", self.lines_twice, "every line of an invoice is duplicated"),
            batch(twice, "batch", self.same_day_again, "a retry issues a day's whole batch again"),
        )

    def of_account(self, one: Propose) -> Propose:
        """The same bug for all invoices of a customer, two or more."""

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            customer = invoice.subscription.customer
            return together(one(other, rng) for other in self._unused() if other.subscription.customer == customer)

        return propose

    def of_day(self, one: Propose) -> Propose:
        """The same bug for all invoices of a day except the first, two or more."""

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            batch = [other for other in self._unused() if other.issued_on == invoice.issued_on]
            return together(one(other, rng) for other in batch[1:])

        return propose

    def _unused(self) -> list[Invoice]:
        return [invoice for invoice in self.invoices if id(invoice) not in self.used]

    def billed_after(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The period after a cancellation."""
        return self._billed_for_nothing(invoice, invoice.subscription.period_of(invoice.period.end))

    def billed_before(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The period before a subscription began."""
        return self._billed_for_nothing(invoice, invoice.subscription.period_of(invoice.period.start - _DAY))

    def _billed_for_nothing(self, invoice: Invoice, period: Period) -> Proposal | None:
        subscription = invoice.subscription
        issued_on = period.end + timedelta(days=self.profile.issue_after_days)
        if not self.first <= issued_on <= self.last or active_runs(period, subscription.spans):
            return None
        span = next(s for s in subscription.spans if s.status == "active")
        held = [replace(span, start=period.start, end=period.end)]
        wrong = Invoice(subscription, period, issued_on, bill_period(period, held, {}, self.book, self.profile))
        return self._more(Code.INVOICE_UNEXPECTED, wrong, invoice) if wrong.total > 0 else None

    def other_currency(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """All lines in another currency of the same exponent, with unchanged figures; later layers follow."""
        return self._in_other(
            invoice, [replace(line, currency=_OTHER.get(line.currency, "")) for line in invoice.lines]
        )

    def converted(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """All figures converted at a rate of the day, each settled."""
        wrong = []
        for line in invoice.lines:
            rate, other = _RATE.get(line.currency, Decimal(1)), _OTHER.get(line.currency, "USD")
            gross, discount, credit, tax = (
                settled(figure * rate, other, self.profile)
                for figure in (line.gross, line.discount, line.credit, line.tax)
            )
            converted = replace(line, gross=gross, discount=discount, credit=credit, tax=tax, currency=other)
            unit_price = None if line.unit_price is None else line.unit_price * rate
            wrong.append(retotal(converted, self.profile, tax=tax, unit_price=unit_price))
        return self._in_other(invoice, wrong)

    def _in_other(self, invoice: Invoice, wrong: list[EngineLine]) -> Proposal | None:
        if invoice.currency not in _OTHER or not all(line.total for line in invoice.lines) or invoice.total <= 0:
            return None
        asked = sum((line.total for line in wrong), Decimal(0))
        if asked <= 0 or not all(line.total for line in wrong):
            return None
        found = (finding(Code.CURRENCY_FX, invoice, -invoice.total), finding(Code.CURRENCY_FX, invoice, asked))
        return Proposal(found, _replaced(invoice, wrong))

    def day_late(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Every line is dated a day late; its figures do not change."""
        return self._dated(invoice, _DAY)

    def day_early(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Every line is dated a day early; its figures do not change."""
        return self._dated(invoice, -_DAY)

    def _dated(self, invoice: Invoice, by: timedelta) -> Proposal | None:
        if not _whole(invoice):
            return None
        period = Period(invoice.period.start + by, invoice.period.end + by)
        named = [replace(line, period_start=period.start, period_end=period.end) for line in invoice.lines]
        return Proposal((finding(Code.INVOICE_PERIOD, invoice, Decimal(0)),), _replaced(invoice, named))

    def shifted(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The whole period is a day late or early, with the usage of those days."""
        by = rng.choice((_DAY, -_DAY))
        plain = all(line.kind in ORDINARY for line in invoice.lines) and not any(
            span.contract.minimum or span.contract.cap or self.book.plan(*span.terms[:3]).minimum
            for span in invoice.subscription.spans
        )
        if not plain or not _whole(invoice):
            return None
        period = Period(invoice.period.start + by, invoice.period.end + by)
        named = [replace(line, period_start=period.start, period_end=period.end) for line in invoice.lines]
        used = price(invoice.subscription, period, self.usage, self.book, self.profile)
        if [_place(line) for line in used] != [_place(line) for line in named]:
            return None
        if any(a.quantity == b.quantity and a.total != b.total for a, b in zip(used, named, strict=True)):
            return None
        delta = sum((line.total for line in used), -invoice.total)
        return Proposal((finding(Code.INVOICE_PERIOD, invoice, delta),), _replaced(invoice, used)) if delta else None

    def no_amount(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One row of several has a gross that is not a number."""
        return self._garbled(invoice, "gross", rng)

    def no_date(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One row of several has no readable period start."""
        return self._garbled(invoice, "period_start", rng)

    def _garbled(self, invoice: Invoice, column: str, rng: Random) -> Proposal | None:
        indexes = [n for n, line in enumerate(invoice.lines) if line.total]
        if len(indexes) < 2:
            return None
        index = indexes[rng.randrange(len(indexes))]
        found = finding(Code.RECORD_QUARANTINED, invoice, -invoice.lines[index].total)

        def apply() -> None:
            invoice.garbled[index] = column

        return Proposal((found,), apply)

    def voided(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry that the engine voids at once; the ledger has booked it and keeps it."""
        return self._void(invoice, Pair.BILLED_BOOKED, self.windows.ledger_lag_days, "ledger")

    def void_paid(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry that the engine voids and the ledger does not have; its payment was collected and not refunded."""
        return self._void(invoice, Pair.BILLED_PAID, self.windows.payment_settle_days, "payment")

    def _void(self, invoice: Invoice, pair: Pair, days: int, kept_by: str) -> Proposal | None:
        again = invoice.again(invoice.issued_on)
        again.status, again.kept_by = "void", kept_by
        day = again.issued_on + timedelta(days=days + (1 if kept_by == "payment" else 0))
        if day > self.last or again.total <= 0:
            return None
        found = replace(finding(Code.REVERSAL_NOT_PROPAGATED, again, again.total), pair=pair, day=day)
        return Proposal((found,), lambda: self.issued.append(again), (invoice,))

    def unknown_key(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A copy of an invoice for a subscription without a contract."""
        stranger = replace(invoice.subscription, subscription_id=f"WS-{invoice.subscription.subscription_id[4:]}")
        wrong = replace(invoice, subscription=stranger, lines=list(invoice.lines), garbled={})
        return self._more(Code.KEY_UNMAPPED, wrong, invoice) if invoice.total > 0 else None

    def never_issued(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The period is not billed; the day keeps its first invoice."""
        day = invoice.issued_on + timedelta(days=self.windows.issue_grace_days)
        if day > self.last or not invoice.total or self._first_of[invoice.issued_on] == id(invoice):
            return None
        if all(line.kind == "adjustment" for line in invoice.lines):
            return None  # the bill is then an adjustment for late usage, not a period's bill
        subscription_id = invoice.subscription.subscription_id
        found = Finding(Code.INVOICE_MISSING, Pair.EXPECTED_BILLED, subscription_id, day, -invoice.total)
        return Proposal((found,), lambda: self.issued.remove(invoice), (invoice,))

    def issued_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A retry on the same or the next day issues a second number with the same content."""
        return self._again(invoice, rng.randrange(2))

    def same_day_again(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A second number with the same content on the same day."""
        return self._again(invoice, 0)

    def _again(self, invoice: Invoice, days: int) -> Proposal | None:
        again = invoice.again(invoice.issued_on + timedelta(days=days))
        if again.issued_on > self.last or not invoice.total:
            return None
        return self._more(Code.INVOICE_DUPLICATE, again, invoice)

    def lines_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Every line is on the invoice twice."""
        if not all(line.kind in ORDINARY and line.total for line in invoice.lines):
            return None
        found = finding(Code.INVOICE_DUPLICATE, invoice, invoice.total)
        return Proposal((found,), _replaced(invoice, [*invoice.lines, *invoice.lines]))

    def _more(self, code: Code, wrong: Invoice, right: Invoice) -> Proposal:
        """An invoice that should not exist, next to a correct one."""
        return Proposal((finding(code, wrong, wrong.total),), lambda: self.issued.append(wrong), (right,))


def _whole(invoice: Invoice) -> bool:
    """Whether an invoice charges something, and everything for the whole period."""
    period = (invoice.period.start, invoice.period.end)
    whole = all((line.period_start, line.period_end) == period for line in invoice.lines)
    return whole and bool(invoice.total) and not any(line.kind == "adjustment" for line in invoice.lines)


def _replaced(invoice: Invoice, lines: list[EngineLine]) -> Callable[[], None]:
    """A function that gives the invoice other lines."""

    def apply() -> None:
        invoice.lines = lines

    return apply


def _place(line: EngineLine) -> tuple[object, ...]:
    return (line.kind, line.meter, line.charge_id, line.period_start, line.period_end)
