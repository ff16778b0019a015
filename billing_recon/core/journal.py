"""A ledger as its file states it. Every ledger format is read into this; LedgerOptions configures the reading.

Figures are exact Decimals with the digits of the file. A journal is a set of entries that must balance (a voucher, a
transaction, a booking). A debit or credit may be negative here, since some formats reverse by sign; the canonical rows move
it to the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from typing import Literal

from pydantic import Field

from billing_recon.core.errors import LandingRefused
from billing_recon.core.exact import Frozen

ZERO = Decimal(0)
EXACT = Context(prec=400, Emax=9999, Emin=-9999, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that raises instead of rounding; figures of at most 38 digits never reach its limits."""


class LedgerUnreadable(LandingRefused):
    """A file that is not a ledger of its format. Names the file, the line or record, what is wrong and what to do."""


class FindingCode(StrEnum):
    """What is wrong in a ledger."""

    UNBALANCED = "UNBALANCED"
    """A journal's debits and credits differ, per currency."""
    ROLL_FORWARD = "ROLL_FORWARD"
    """Opening balance plus movements differs from the closing balance, or from a balance asserted in between."""
    NUMBER_GAP = "NUMBER_GAP"
    """Numbers are missing within a series."""
    NUMBER_REPEAT = "NUMBER_REPEAT"
    """A number occurs twice in a series."""
    TOTALS = "TOTALS"
    """A total or count stated in the file differs from its records."""
    PERIOD = "PERIOD"
    """A posting lies outside the period that the file states."""
    SKIPPED = "SKIPPED"
    """A directive was not followed, so there may be fewer entries than the ledger's own program would show."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One error in a ledger. `where` names the journal, account, series or line; `sentence` describes it with the figures."""

    code: FindingCode
    where: str
    stated: str
    computed: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Period:
    """What a file covers: days, both inclusive, and accounting periods as (year, number) if it uses them."""

    first: date | None = None
    last: date | None = None
    first_period: tuple[int, int] | None = None
    last_period: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart. Balances are signed, debits positive; `parent` is the account that contains it."""

    account: str
    name: str | None = None
    opening: Decimal | None = None
    closing: Decimal | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting. `line` is its line in a text file, or else the entry's number in the file, from 1.

    `weight` is the signed figure that it balances with, if that is not debit - credit in its own currency: a posting in
    euros at a price in dollars weighs dollars. `virtual` entries are outside the double entry. `document_amount` (signed)
    and `document_currency` are the document's, if the books are kept in another currency.
    """

    entry_id: str
    journal_id: str
    posted_on: date
    account: str
    debit: Decimal
    credit: Decimal
    currency: str | None
    account_name: str | None = None
    document: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    memo: str | None = None
    line: int = 0
    weight: tuple[Decimal, str | None] | None = None
    virtual: bool = False
    document_amount: Decimal | None = None
    document_currency: str | None = None

    @property
    def amount(self) -> Decimal:
        """The signed amount, debits positive; exact for figures of at most 38 digits."""
        return self.debit if not self.credit else EXACT.subtract(self.debit, self.credit)


@dataclass(frozen=True, slots=True)
class Journal:
    """Entries that must balance. `dated` is the day that decides its period; its entries may be posted on other days.

    `series` and `number` are its place in a numbering, empty if the format has none; `consecutive` says whether a
    missing number is a fault. `tolerance` is the difference per currency that the format allows after multiplying prices.
    """

    journal_id: str
    dated: date
    entries: tuple[Entry, ...]
    series: str | None = None
    number: str | None = None
    consecutive: bool = True
    period: tuple[int, int] | None = None
    tolerance: Mapping[str | None, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of a sales invoice in a ledger file. `amount` is signed: positive if it adds to the invoice.

    `tax_base` is the base of the tax if that is not the amount.
    """

    line_no: str
    description: str | None
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal | None
    tax_rate: Decimal | None
    reference: str | None = None
    tax_base: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SalesInvoice:
    """A sales invoice or credit note in a ledger file, as stated. `status` and `type` are the format's own codes.

    `debit` and `credit` are the sums of its lines on each side; `counted` says whether the file's totals include it
    (a cancelled one keeps its number but not its money). `withheld` is tax that the customer keeps back for the state.
    """

    number: str
    kind: Literal["invoice", "credit_note"]
    type: str
    status: str
    issued_on: date
    customer_id: str | None
    currency: str | None
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    counted: bool = True
    journal_id: str | None = None
    lines: tuple[InvoiceLine, ...] = ()
    withheld: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SettledInvoice:
    """The invoice that a payment settles, and the amount, positive if received."""

    invoice_id: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment in a ledger file, as stated."""

    number: str
    status: str
    paid_on: date
    customer_id: str | None
    currency: str | None
    gross: Decimal | None
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    counted: bool = True
    journal_id: str | None = None
    settles: tuple[SettledInvoice, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """One ledger file. `notes` say how to read its figures; they are not faults."""

    file: str
    format: str
    version: str | None
    company: str | None
    currency: str | None
    period: Period
    accounts: tuple[Account, ...] = ()
    entries: tuple[Entry, ...] = ()
    invoices: tuple[SalesInvoice, ...] = ()
    payments: tuple[Receipt, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class LedgerOptions(Frozen):
    """Settings for what a ledger format leaves open. Nothing is guessed."""

    currency: str | None = Field(default=None, description="of amounts without a currency in the file")
    commodities: dict[str, str] = Field(default_factory=dict, description="their symbol -> ISO 4217, e.g. $: USD")
    dates: Literal["dmy", "mdy", "ymd"] | None = Field(default=None, description="order of dates like 03/04/2026")
    year: int | None = Field(default=None, ge=1, le=9999, description="of dates without a year in a text journal")
    decimal_mark: Literal[".", ","] | None = None
    encoding: str | None = Field(default=None, description="of text; empty: UTF-8, for DATEV else cp1252")
    delimiter: str | None = Field(default=None, description="of CSV; empty: as in the header")
    amounts: Literal["book", "document"] = Field(
        default="book", description="document: rows have the document's currency if the file states both"
    )
    includes: bool = Field(default=False, description="follow include directives within the file's own folder")
    plugins: tuple[str, ...] = Field(default=(), description="beancount plugins that may run; they are code")
    numbered: bool | None = Field(default=None, description="whether invoice numbers must have no gaps")
