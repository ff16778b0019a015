"""What a document does to the amount owed: decided here for every format, from type code, signs, marks and status together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from billing_recon.core.document import Document, DocumentKind, DocumentLine, Effect, Finding, FindingCode
from billing_recon.feeds.documents import arithmetic

_CREDIT_NOTES = frozenset(
    ("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532",  # UNTDID 1001 in EN 16931
     "IADE", "91", "TD04", "TD08",  # UBL-TR (return), Colombia, FatturaPA
     "NC", "TD", "RE", "DA")  # SAF-T of Portugal: credit note, return slip, reversed premium, returned assets
)  # fmt: skip
_REPLACING = frozenset(("384", "471", "472", "473"))
_INVOICES = frozenset(
    (  # UNTDID 1001 in EN 16931
     "71", "80", "82", "84", "102", "202", "203", "204", "211", "218", "219", "295", "326", "331", "380", "382",
     "383", "385", "386", "387", "388", "389", "390", "393", "394", "395", "456", "457", "500", "501", "527",
     "553", "575", "623", "633", "780", "817", "870", "875", "876", "877", "935",
     "SATIS", "TEVKIFAT", "ISTISNA", "OZELMATRAH", "IHRACKAYITLI", "01", "03", "92",  # UBL-TR; Peru, Colombia, Malaysia
     "TD01", "TD02", "TD03", "TD05", "TD06", "TD07", "TD09", "TD24", "TD25", "TD26",  # FatturaPA
     "FT", "FS", "FR", "ND", "VD", "TV", "AA", "RP", "CS", "LD", "RA")  # SAF-T of Portugal
)  # fmt: skip
_OF_THE_ISSUER = ("TD16", "TD17", "TD18", "TD19", "TD20", "TD21", "TD22", "TD23", "TD27", "TD28", "TD29")
_BILL_NOTHING = {
    "130": "an invoicing data sheet",
    "325": "a pro forma invoice",
    "751": "invoice information for accounting purposes",
    **dict.fromkeys(_OF_THE_ISSUER, "an invoice that its issuer makes out for the tax office"),
}
"""Type codes of documents that ask nobody for money."""
_MARKS = {"test": "it is marked as a test", "copy": "it is marked as a copy of a document sent before"}
_STATUSES = {
    "draft": "it is a draft",
    "void": "it is void",
    "deleted": "it is deleted",
    "A": "it is cancelled",  # SAF-T of Portugal, as the next one
    "F": "another document bills it",
}
_LIVE_STATUSES = frozenset(("open", "paid", "uncollectible", "issued", "N", "S", "R"))


def kind_of(code: str | None, otherwise: DocumentKind) -> DocumentKind:
    """Return the kind by type code; `otherwise`, the document's own name, decides if the code is not a credit note's.

    >>> kind_of("381", DocumentKind.INVOICE).value, kind_of("384", DocumentKind.INVOICE).value
    ('credit_note', 'invoice')
    """
    return DocumentKind.CREDIT_NOTE if code in _CREDIT_NOTES else otherwise


def decided(document: Document) -> Document:
    """Return a document as read with its effect, its lines without money marked, and its findings."""
    lines = tuple(
        replace(line, summed=False) if line.summed and not has_money(line) else line for line in document.lines
    )
    document = replace(document, lines=lines)
    effect, reason = _effect(document)
    findings = (*_contradictions(document, effect), *arithmetic.findings(document))
    return replace(document, effect=effect, effect_reason=reason, findings=findings)


def reverses_signs(document: Document) -> bool:
    """Whether figures change their sign in our rows: those of a credit note, unless it states them below zero already."""
    return document.kind is DocumentKind.CREDIT_NOTE and not _is_negative(document)


def has_money(line: DocumentLine) -> bool:
    """Whether a line states money or names what it bills. Comments, with empty figures or zeros, do not.

    A line without an amount whose quantity x price is not zero has money; it is quarantined for its missing amount.
    """
    if line.amount is None:
        return bool(line.adjustments) or (_is_not_zero(line.quantity) and _is_not_zero(line.unit_price))
    return (
        line.object_id is not None
        or bool(line.adjustments)
        or any(map(_is_not_zero, (line.amount, line.unit_price, line.tax)))
    )


def _is_not_zero(figure: str | None) -> bool:
    return figure is not None and bool(arithmetic.decimal_of(figure))


def _effect(document: Document) -> tuple[Effect, str | None]:
    code, status = document.type_code, document.status
    if document.kind is DocumentKind.OTHER:
        return Effect.NOTHING, "it is neither an invoice nor a credit note"
    for mark in document.marks:
        return Effect.NOTHING, _MARKS[mark]
    if status in _STATUSES:
        return Effect.NOTHING, _STATUSES[status]
    if code in _BILL_NOTHING:
        return Effect.NOTHING, f"its type code {code} is that of {_BILL_NOTHING[code]}"
    if code is not None and code not in _INVOICES | _REPLACING | _CREDIT_NOTES:
        stated = f"its type code is '{code}'" if code else "it states no type code"
        return Effect.UNKNOWN, f"{stated}; whether that is an invoice or a credit note is not known: ask the sender"
    if status is not None and status not in _LIVE_STATUSES:
        return Effect.UNKNOWN, f"its status is '{status}'; whether it bills is not known: ask the sender"
    if document.kind is DocumentKind.CREDIT_NOTE:
        return Effect.CREDITS, None
    if _is_negative(document):
        return Effect.CREDITS, "its total is negative"
    return (Effect.REPLACES, "it states an earlier invoice anew") if code in _REPLACING else (Effect.BILLS, None)


def _contradictions(document: Document, effect: Effect) -> Iterator[Finding]:
    if document.kind is not DocumentKind.CREDIT_NOTE or effect is not Effect.CREDITS:
        return
    if document.type_code in _INVOICES | _REPLACING:
        sentence = f"The credit note has the type code {document.type_code} of an invoice; it is read as a credit note."
        yield Finding(FindingCode.EFFECT, None, document.type_code or "", "381", sentence)
    total = _total(document)
    if total is not None and total < 0:
        money = f" {document.currency}" if document.currency else ""
        sentence = (
            f"The credit note states its total as {total:f}{money}; a credit note states what it takes back without a sign. "
            f"It is read as lowering the amount owed by {-total:f}{money}."
        )
        yield Finding(FindingCode.EFFECT, None, f"{total:f}", f"{-total:f}", sentence)


def _is_negative(document: Document) -> bool:
    total = _total(document)
    return total is not None and total < 0


def _total(document: Document) -> Decimal | None:
    """Return the stated figure whose sign is the document's: its total, else the amounts that make it up."""
    d = document
    stated = [
        arithmetic.decimal_of(one)
        for one in (d.tax_inclusive, d.tax_exclusive, d.subtotal, d.payable)
        if one is not None
    ]
    lines = [line.amount for line in d.lines if line.summed and line.amount is not None]
    summed = arithmetic.decimal_of(arithmetic.total_of(lines) or "0")
    return next((one for one in (*stated, summed) if one), None)
