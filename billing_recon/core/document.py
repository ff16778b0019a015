"""One invoice or credit note as its sender stated it: the shape that every document format is read into.

Figures stay the texts that the document holds ("1199.00", never 1199.0), so that a finding can quote them and nothing is
rounded by reading. A credit note keeps the signs it states; `kind` says what it is, and only the canonical rows turn it.
The names follow EN 16931 (BT: business term).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing_recon.core.errors import BillingReconError


class DocumentKind(StrEnum):
    """What a document does to what the customer owes."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class FindingCode(StrEnum):
    """Which arithmetic of a document does not hold."""

    LINE_AMOUNT = "LINE_AMOUNT"
    """quantity x unit price / base quantity, with the line's allowances and charges, is not the line's amount."""
    SUBTOTAL = "SUBTOTAL"
    """The lines' amounts do not sum to BT-106."""
    TAX = "TAX"
    """Base x rate is not the tax of a rate, or the taxes of the rates are not BT-110."""
    TAX_EXCLUSIVE = "TAX_EXCLUSIVE"
    """Subtotal - allowances + charges is not BT-109."""
    TAX_INCLUSIVE = "TAX_INCLUSIVE"
    """BT-109 + BT-110 is not BT-112."""
    PAYABLE = "PAYABLE"
    """BT-112 - prepaid + rounding is not BT-115."""
    PAGE_TEXT = "PAGE_TEXT"
    """The page that the customer sees shows another number or amount than the data behind it."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An allowance (taken off) or a charge (added), of a line or of the document. `amount` is stated without a sign."""

    charge: bool
    amount: str
    reason: str | None = None
    tax_rate: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line. `amount` is its net amount (BT-131), after its adjustments; `tax_rate` is in percent as stated."""

    line_no: str
    description: str | None = None
    quantity: str | None = None
    base_quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None
    tax_rate: str | None = None
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """The tax of one category and rate: base (BT-116), amount (BT-117), rate in percent (BT-119)."""

    base: str | None
    amount: str | None
    rate: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One arithmetic fact that does not hold; `line_no` where it is a line's. `sentence` says it with the figures."""

    code: FindingCode
    line_no: str | None
    stated: str
    computed: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document. Empty fields are those that the document does not state.

    subtotal BT-106, allowances BT-107, charges BT-108, tax_exclusive BT-109, tax BT-110, tax_inclusive BT-112,
    prepaid BT-113, rounding BT-114, payable BT-115. `references` are the numbers of invoices that it corrects (BT-25);
    `customer` is the buyer's identifier where one is stated. `page` is the text of the page(s) that the customer sees,
    for formats that have one.
    """

    file: str
    format: str
    kind: DocumentKind
    number: str | None
    issued_on: str | None
    currency: str | None
    seller: str | None = None
    buyer: str | None = None
    customer: str | None = None
    subtotal: str | None = None
    allowances: str | None = None
    charges: str | None = None
    tax_exclusive: str | None = None
    tax: str | None = None
    tax_inclusive: str | None = None
    prepaid: str | None = None
    rounding: str | None = None
    payable: str | None = None
    lines: tuple[DocumentLine, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    taxes: tuple[TaxSubtotal, ...] = ()
    references: tuple[str, ...] = ()
    page: str | None = None
    findings: tuple[Finding, ...] = ()


class DocumentUnreadable(BillingReconError):
    """A file that is no document of its format. The message says what is wrong and what to do; the file is named around it."""
