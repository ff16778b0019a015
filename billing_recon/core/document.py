"""One invoice or credit note as its sender stated it. Every document format is read into this.

Figures stay the text of the document ("1199.00", never 1199.0), so findings can quote them and reading rounds nothing. A
credit note keeps the signs it states; only the canonical rows reverse them. The names follow EN 16931 (BT: business term).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing_recon.core.errors import BillingReconError


class DocumentKind(StrEnum):
    """What a document calls itself. What it does to the amount owed is its Effect."""

    INVOICE = "invoice"
    """Debit notes too."""
    CREDIT_NOTE = "credit_note"
    OTHER = "other"
    """Neither, such as an answer to an invoice."""


class Effect(StrEnum):
    """What a document does to the amount that the customer owes. documents.effect decides it, once per document."""

    BILLS = "bills"
    CREDITS = "credits"
    """It lowers the amount: a credit note, or an invoice whose total is negative."""
    REPLACES = "replaces"
    """It states the invoice that it refers to anew (384, corrected invoice), with the signs of an invoice."""
    NOTHING = "nothing"
    """It bills nothing: a test, a copy, a draft, a pro forma invoice. It is counted and never a row."""
    UNKNOWN = "unknown"
    """Its type code or status is not known. It is quarantined, and never taken for an invoice."""


class FindingCode(StrEnum):
    """Which arithmetic of a document is wrong."""

    LINE_AMOUNT = "LINE_AMOUNT"
    """quantity x unit price / base quantity, with the line's allowances and charges, is not the line's amount."""
    SUBTOTAL = "SUBTOTAL"
    """The lines do not sum to BT-106, the document's allowances or charges not to BT-107 or BT-108, or BT-106 with them is
    not BT-109."""
    TAX = "TAX"
    """Base x rate is not the tax of a rate, or the taxes of the rates are not BT-110."""
    TAX_INCLUSIVE = "TAX_INCLUSIVE"
    """BT-109 + BT-110 is not BT-112."""
    PAYABLE = "PAYABLE"
    """BT-112 - prepaid - withheld + rounding + what is collected for third parties is not BT-115."""
    EFFECT = "EFFECT"
    """The signs contradict the type: a credit note whose total is negative, or a credit note with an invoice's type code."""
    PAGE_TEXT = "PAGE_TEXT"
    """The visible page shows another number or amount than the embedded data."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An allowance (taken off) or a charge (added), of a line or of the document. `amount` is as stated.

    It usually has no sign; a negative invoice may state it below zero, so that subtracting it adds. `percent`: the document
    states a percentage and no amount, so that `amount` is computed.
    """

    charge: bool
    amount: str
    reason: str | None = None
    tax_rate: str | None = None
    percent: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line. `amount` is its net amount (BT-131), after its adjustments; `tax_rate` is in percent as stated.

    `summed` is False if the line is not part of the subtotal: other lines contain it (the grouping and information lines of
    Factur-X EXTENDED, the sub-lines of XRechnung), or it has no money (a comment). Leave these out when adding up lines or
    billing them. `tax` is the line's own tax if stated (UBL and CII allow it, EN 16931 does not require it); `object_id` is
    the object that the line bills (BT-128), such as the billing engine's line. `period_start` and `period_end` are the first
    and last day of its billing period (BG-26).
    """

    line_no: str
    description: str | None = None
    quantity: str | None = None
    base_quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None
    tax_rate: str | None = None
    adjustments: tuple[Adjustment, ...] = ()
    summed: bool = True
    tax: str | None = None
    object_id: str | None = None
    period_start: str | None = None
    period_end: str | None = None


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """The tax of one category and rate: base (BT-116), amount (BT-117), rate in percent (BT-119)."""

    base: str | None
    amount: str | None
    rate: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One arithmetic error; `line_no` if it concerns a line. `sentence` describes it with the figures."""

    code: FindingCode
    line_no: str | None
    stated: str
    computed: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document. Empty fields are those that the document does not state.

    subtotal BT-106, allowances BT-107, charges BT-108, tax_exclusive BT-109, tax BT-110, tax_inclusive BT-112,
    prepaid BT-113, rounding BT-114, payable BT-115. `collected` is an amount collected for third parties: part of payable but
    of no total (extensions of XRechnung and Factur-X). `withheld` is tax that the buyer keeps back and pays to the state
    itself. `type_code` is the raw code of the type, `status` that of the sender's system; `marks` are "test" and "copy".
    `effect` follows from these and the signs, `effect_reason` says why if it is not plain. `period_start` and `period_end`
    are the first and last day of the billing period (BG-14). `references` are the numbers of invoices that the document corrects
    (BT-25); `customer` is the buyer's identifier, if stated. `totals_only` is set if the format has no place for lines, rates
    and prepaid amounts (Factur-X MINIMUM), so their absence is not a fault. `extra` holds further fields of a template or an
    API object, as (name, text). `page` is the text of the visible pages: None for formats without pages, "" for pages
    without a text layer (a scan), with which nothing can be compared.
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
    collected: str | None = None
    withheld: str | None = None
    payable: str | None = None
    lines: tuple[DocumentLine, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    taxes: tuple[TaxSubtotal, ...] = ()
    references: tuple[str, ...] = ()
    totals_only: bool = False
    extra: tuple[tuple[str, str], ...] = ()
    page: str | None = None
    findings: tuple[Finding, ...] = ()
    type_code: str | None = None
    status: str | None = None
    marks: tuple[str, ...] = ()
    period_start: str | None = None
    period_end: str | None = None
    effect: Effect = Effect.BILLS
    effect_reason: str | None = None


class DocumentUnreadable(BillingReconError):
    """A file that is not a document of its format. The message says what is wrong and what to do; the caller adds the file."""
