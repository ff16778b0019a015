"""What follows an invoice: document, ledger posting and money, each with its lag. Ids are assigned in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.money import minor_unit
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.engine import EngineLine, settled
from billing_recon.simulate.price_book import ZERO

ACCOUNTS = {
    "ar": "1200",
    "cash": "1000",
    "fees": "6800",
    "customer_credit": "2300",
    "tax_payable": "2200",
    "revenue": "4000",
    "other": "9999",
}
"""Role -> account in the simulated chart of accounts."""


@dataclass(slots=True)
class DocumentLine:
    """A line as the customer sees it; `amount` is net of its discount, before tax."""

    index: int
    line: EngineLine
    amount: Decimal


@dataclass(slots=True)
class Document:
    """A rendered invoice: its header as printed, and its lines. `named`: the invoice that it names, if not its own."""

    issued_on: date
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    payable: Decimal
    lines: list[DocumentLine]
    named: str = ""


@dataclass(slots=True)
class Journal:
    """A balanced set of postings: (role, debit, credit). `landed_on`: the day of its file, if not its own.

    `named` and `customer_id`: the invoice and customer that it names, if not its invoice's.
    """

    posted_on: date
    memo: str
    entries: list[tuple[str, Decimal, Decimal]]
    landed_on: date | None = None
    named: str = ""
    customer_id: str | None = None


@dataclass(slots=True)
class Payment:
    """One attempt to collect money, or a refund.

    `booked_on`: when the ledger books it, if it succeeds; `booking`: with which journals, if not its settlement. `customer_id`: who paid, if not the invoice's customer. `named`:
    the invoice that it names, if not its own."""

    kind: str
    amount: Decimal
    status: str
    processed_at: datetime
    attempt: int
    booked_on: date
    customer_id: str | None = None
    named: str = ""
    booking: list[Journal] | None = None

    @property
    def signed(self) -> Decimal:
        """The money received: zero unless it succeeded, negative for a refund or a chargeback."""
        if self.status != "succeeded":
            return ZERO
        return self.amount if self.kind == "payment" else -self.amount


@dataclass(eq=False, slots=True)
class Chain:
    """An invoice and everything that followed it."""

    invoice: Invoice
    documents: list[Document] = field(default_factory=list)
    postings: list[Journal] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    @property
    def first_paid_on(self) -> date | None:
        """The day of the first attempt that succeeded."""
        days = [p.processed_at.date() for p in self.payments if p.status == "succeeded" and p.kind == "payment"]
        return min(days, default=None)


def follow(seed: int, invoices: Iterable[Invoice], profile: Profile) -> list[Chain]:
    """Every invoice's chain, in the order given. The day's first invoice is booked on the day itself."""
    chains, seen = [], set()
    for invoice in invoices:
        rng = Random(f"{seed}/after/{invoice.identity}")
        lag = 1 if rng.random() < 0.35 and invoice.issued_on in seen else 0
        seen.add(invoice.issued_on)
        chains.append(
            Chain(
                invoice,
                [_document(invoice)] if invoice.status == "issued" else [],
                []
                if invoice.kept_by in ("payment", "nobody")
                else [_posting(invoice, invoice.issued_on + timedelta(days=lag))],
                _payments(invoice, rng, profile) if invoice.status == "issued" else _kept(invoice),
            )
        )
    return chains


def fee_of(payment: Payment, currency: str, profile: Profile) -> Decimal:
    """The payment provider's fee."""
    return settled(payment.amount * Decimal("0.014"), currency, profile) if payment.status == "succeeded" else ZERO


def only_success(chain: Chain) -> Payment | None:
    """The one payment that succeeded, if exactly one did."""
    succeeded = [payment for payment in chain.payments if payment.status == "succeeded"]
    return succeeded[0] if len(succeeded) == 1 else None


def settlement(payment: Payment, fee: Decimal) -> Journal:
    """How the ledger takes a payment that succeeded: cash and the fee against AR, a refund the other way round."""
    nothing = payment.amount - payment.amount
    fees = [("fees", fee, nothing)] if fee else []
    if payment.kind == "payment":
        entries = [("cash", payment.amount - fee, nothing), *fees, ("ar", nothing, payment.amount)]
    else:
        entries = [("ar", payment.amount, nothing), *fees, ("cash", nothing, payment.amount + fee)]
    return Journal(payment.booked_on, payment.kind.capitalize(), entries)


def _document(invoice: Invoice) -> Document:
    lines = [DocumentLine(n, line, line.amount) for n, line in enumerate(invoice.lines)]
    subtotal = sum((line.gross for line in invoice.lines), ZERO)
    discount = sum((line.discount for line in invoice.lines), ZERO)
    tax = sum((line.tax for line in invoice.lines), ZERO)
    return Document(invoice.issued_on, subtotal, discount, tax, subtotal - discount + tax, invoice.total, lines)


def _posting(invoice: Invoice, posted_on: date) -> Journal:
    """Debit AR and the credits used, credit revenue and tax. A negative figure goes to the other side."""
    zero = minor_unit(invoice.currency) * 0
    credits = sum((line.credit for line in invoice.lines), zero)
    earned, tax = (sum((getattr(line, name) for line in invoice.lines), zero) for name in ("amount", "tax"))
    figures = (
        ("ar", invoice.total),
        ("customer_credit", credits),
        ("revenue", -earned),
        ("tax_payable", -tax),
        ("other", earned + tax - credits - invoice.total),  # a bill that does not add up leaves a difference
    )
    entries = [
        (role, max(amount, zero) + zero, max(-amount, zero) + zero)
        for role, amount in figures
        if amount or role in ("ar", "revenue")
    ]
    return Journal(posted_on, "Invoice", entries)


def _kept(invoice: Invoice) -> list[Payment]:
    """The payment of a void invoice on the day after its issue, never refunded."""
    if invoice.kept_by != "payment":
        return []
    day = invoice.issued_on + timedelta(days=1)
    return [Payment("payment", invoice.total, "succeeded", datetime.combine(day, time(9), UTC), 1, day)]


def _payments(invoice: Invoice, rng: Random, profile: Profile) -> list[Payment]:
    """How the invoice is collected. Nothing is collected for nothing; all is settled four days after issue."""
    total = invoice.total
    if total <= 0:
        return []

    def pay(days: int, amount: Decimal = total, *, kind: str = "payment", ok: bool = True, attempt: int = 1) -> Payment:
        day = invoice.issued_on + timedelta(days=days)
        # On the day of issue nothing can be paid before the engine's run at 23:00 and its retries.
        second = 84_600 + rng.randrange(1_700) if day == invoice.issued_on else rng.randrange(80_000)
        at = datetime.combine(day, time(), UTC) + timedelta(seconds=second)
        booked_on = day + timedelta(days=1 if rng.random() < 0.3 else 0)
        return Payment(kind, amount, "succeeded" if ok else "failed", at, attempt, booked_on)

    drawn, day = rng.random(), rng.randrange(3)
    if drawn < 0.06:
        return [pay(day, ok=False), pay(day + 1 + rng.randrange(2), attempt=2)]
    if drawn < 0.085:
        return [pay(day + n, ok=False, attempt=n + 1) for n in range(2 + rng.randrange(2))]
    if drawn < 0.115:
        return [pay(day), pay(day + 1), pay(day + 1 + 1, kind="refund")]
    if drawn < 0.14 and total > minor_unit(invoice.currency):
        half = settled(total / 2, invoice.currency, profile)
        return [pay(day, half), pay(day + 1 + rng.randrange(2), total - half, attempt=2)]
    return [pay(rng.randrange(5))]
