"""A ledger as its keeper stated it: the shape that every ledger format is read into, and how reading is configured.

Figures are exact Decimals, with the digits that the file states. A journal is the set of entries that must balance (a
voucher, a transaction, a booking); a debit or credit may be negative here, as some formats reverse by sign, and only the
canonical rows turn it to the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from typing import Literal

from pydantic import Field

from billing_recon.core.catalog import Frozen
from billing_recon.core.errors import LandingRefused

ZERO = Decimal(0)
EXACT = Context(prec=400, Emax=9999, Emin=-9999, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that never rounds: it raises instead, and figures of at most 38 digits cannot make it."""


class LedgerUnreadable(LandingRefused):
    """A file that is no ledger of its format. Names the file, the line or record, what is wrong and what to do."""


class FindingCode(StrEnum):
    """Which fact of a ledger does not hold."""

    UNBALANCED = "UNBALANCED"
    """A journal's debits are not its credits, per currency."""
    ROLL_FORWARD = "ROLL_FORWARD"
    """An account's opening balance and its movements do not give its closing balance, or one asserted on the way."""
    NUMBER_GAP = "NUMBER_GAP"
    """Numbers between the first and the last of a series do not occur."""
    NUMBER_REPEAT = "NUMBER_REPEAT"
    """A number occurs twice in a series."""
    TOTALS = "TOTALS"
    """A total or count that the file states is not what its records give."""
    PERIOD = "PERIOD"
    """Something is posted outside the period that the file says it covers."""
    SKIPPED = "SKIPPED"
    """Something in the file was not followed, so the entries may be fewer than its own program would show."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that does not hold. `where` names the journal, account, series or line; `sentence` says it with figures."""

    code: FindingCode
    where: str
    stated: str
    computed: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Period:
    """What a file says it covers: days, both inclusive, and accounting periods as (year, number) where it counts in those."""

    first: date | None = None
    last: date | None = None
    first_period: tuple[int, int] | None = None
    last_period: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart. Balances are signed, debits positive; `parent` is an account that sums it up."""

    account: str
    name: str | None = None
    opening: Decimal | None = None
    closing: Decimal | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting. `line` is where it stands: a line of a text file, else the entry's number in the file, from 1.

    `weight` is the signed figure with which it balances where that is not debit - credit in its own currency: a posting
    in euros at a price in dollars weighs dollars. `virtual` entries stand outside the double entry. `document_amount`
    (signed) and `document_currency` are what the document said where the books are kept in another currency.
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
        """Signed: debits positive. Exact, since figures of a ledger have at most 38 digits."""
        return self.debit if not self.credit else EXACT.subtract(self.debit, self.credit)


@dataclass(frozen=True, slots=True)
class Journal:
    """Entries that must balance. `dated` is the day that places it in a period; its entries may be posted on others.

    `series` and `number` are its place in a numbering, empty where its format has none; `consecutive` says whether a
    number left out is a fault. `tolerance` is the difference per currency that the format's own rule forgives where
    prices were multiplied out.
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
    """One line of a sales invoice in a ledger file. `amount` is signed: what it adds to the invoice is positive.

    `tax_base` is what tax is due on where that is not the amount.
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
    (a cancelled one keeps its number but not its money).
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


@dataclass(frozen=True, slots=True)
class SettledInvoice:
    """What a payment settles: the invoice's number and the amount of it, signed: received is positive."""

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
    """One ledger file. `notes` say how its figures must be understood; they are no faults."""

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
    """How a ledger file is read, where its format leaves something open. Nothing open is guessed."""

    currency: str | None = Field(default=None, description="of amounts whose file states none")
    commodities: dict[str, str] = Field(default_factory=dict, description="their symbol -> ISO 4217, e.g. $: USD")
    dates: Literal["dmy", "mdy", "ymd"] | None = Field(default=None, description="order of dates like 03/04/2026")
    year: int | None = Field(default=None, ge=1, le=9999, description="of dates without a year in a text journal")
    decimal_mark: Literal[".", ","] | None = None
    encoding: str | None = Field(default=None, description="of text; empty: UTF-8, for DATEV else cp1252")
    delimiter: str | None = Field(default=None, description="of CSV; empty: the one that its header has")
    amounts: Literal["book", "document"] = Field(
        default="book", description="document: rows carry the document's currency where the file states both"
    )
    includes: bool = Field(default=False, description="follow include directives within the file's own folder")
    plugins: tuple[str, ...] = Field(default=(), description="beancount plugins that may run; they are code")
    numbered: bool | None = Field(default=None, description="whether invoice numbers must have no gaps")
