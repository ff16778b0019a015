"""A document as rows of texts: what it states, and what of it becomes our columns by the conventions of ARCHITECTURE 2.

Pure: a Document in, texts out. Everything is exact arithmetic on stated figures; a figure that is none stays as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TypeVar

from billing_recon.core.document import Adjustment, Document, DocumentKind, DocumentLine
from billing_recon.core.journal import EXACT

_STATED = (
    "format",
    "kind",
    "number",
    "issued_on",
    "currency",
    "seller",
    "buyer",
    "customer",
    "subtotal",
    "allowances",
    "charges",
    "tax_exclusive",
    "tax",
    "tax_inclusive",
    "prepaid",
    "rounding",
    "collected",
    "payable",
)
_STATED_OF_LINE = (
    "line_no",
    "description",
    "quantity",
    "base_quantity",
    "unit_price",
    "amount",
    "tax_rate",
    "tax",
    "object_id",
)
INVOICE_COLUMNS: tuple[str, ...] = (
    "file",
    "sha256",
    *_STATED,
    "references",
    "extra",
    "findings",
    "row_document_id",
    "row_customer",
    "row_subtotal",
    "row_discount",
    "row_tax",
    "row_total",
    "row_payable",
)
"""What a feed of documents has as columns for rendered_invoices: what they state, then `row_*`, which are ours by default."""
LINE_COLUMNS: tuple[str, ...] = (
    "file",
    "sha256",
    "format",
    "kind",
    "number",
    "issued_on",
    "currency",
    "seller",
    "buyer",
    "customer",
    *_STATED_OF_LINE,
    "row_document_id",
    "row_line_no",
    "row_quantity",
    "row_unit_price",
    "row_amount",
    "row_tax_rate",
    "row_tax",
)
"""The same for rendered_lines."""
DEFAULT_COLUMNS: dict[str, dict[str, str]] = {
    "rendered_invoices": {
        "document_id": "row_document_id",
        "invoice_id": "number",
        "format": "format",
        "issued_on": "issued_on",
        "currency": "currency",
        "customer_id": "row_customer",
        "subtotal": "row_subtotal",
        "discount": "row_discount",
        "tax": "row_tax",
        "total": "row_total",
        "payable": "row_payable",
        "sha256": "sha256",
    },
    "rendered_lines": {
        "document_id": "row_document_id",
        "line_no": "row_line_no",
        "line_id": "object_id",
        "description": "description",
        "quantity": "row_quantity",
        "unit_price": "row_unit_price",
        "amount": "row_amount",
        "tax_rate": "row_tax_rate",
        "tax": "row_tax",
    },
}
"""Table -> ours -> theirs, unless the feed says otherwise."""

_ZERO = Decimal(0)
_CONTEXT = Context(prec=40)
_FIGURE = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_PRICE_DECIMALS = 12
Figure = TypeVar("Figure", Decimal, Decimal | None)


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """One document's rows: texts in the order of INVOICE_COLUMNS from `kind` on, and of LINE_COLUMNS for each line.

    Both without file, SHA-256 and document id, which are of the file and not of what it says. `findings` are (code, sentence).
    """

    number: str | None
    header: dict[str, str | None]
    lines: tuple[dict[str, str | None], ...]
    findings: tuple[tuple[str, str], ...]


def rows_of(document: Document) -> DocumentRows:
    """What a document becomes."""
    stated: dict[str, str | None] = {name: getattr(document, name) for name in _STATED}
    stated["kind"] = document.kind.value
    header = stated | {
        "references": ", ".join(document.references) or None,
        "extra": json.dumps(dict(document.extra), ensure_ascii=False) if document.extra else None,
        "findings": str(len(document.findings)),
        "row_customer": document.customer or document.buyer,
        **_totals(document),
    }
    return DocumentRows(
        number=document.number,
        header=header,
        lines=tuple(_lines(document, stated)),
        findings=tuple((finding.code.value, finding.sentence) for finding in document.findings),
    )


def _totals(document: Document) -> dict[str, str | None]:
    """Subtotal (the lines' gross), discount, tax, total and payable, those of a credit note turned.

    A discount is what is taken off, of lines or of the document, less what is charged on top. What a document does not state
    follows from what it states; where both stand and disagree, what it states is kept: that it does not add up is a finding.
    """
    d = document
    lines = [line for line in d.lines if line.summed]
    of_lines = _total(_off(line.adjustments) for line in lines)
    of_document = _plus(_figure(d.allowances) or _ZERO, _turned(_figure(d.charges) or _ZERO))
    beside = _total([_figure(d.rounding), _figure(d.collected), _turned(_figure(d.prepaid))])
    exclusive, inclusive, payable = _figure(d.tax_exclusive), _figure(d.tax_inclusive), _figure(d.payable)
    net = _first(_figure(d.subtotal), _plus(exclusive, of_document), _every(_figure(line.amount) for line in lines))
    exclusive = _first(exclusive, _plus(net, _turned(of_document)))
    total = _first(inclusive, _plus(exclusive, _figure(d.tax)), _plus(payable, _turned(beside)))
    tax = _first(_figure(d.tax), _plus(total, _turned(exclusive)))
    net = _first(net, _plus(total, _turned(tax), of_document))
    stated: dict[str, tuple[str | None, Decimal | None]] = {
        "row_subtotal": (d.subtotal, _plus(net, of_lines)),
        "row_discount": (d.allowances, _plus(of_lines, of_document)),
        "row_tax": (d.tax, tax),
        "row_total": (d.tax_inclusive, total),
        "row_payable": (d.payable, _first(payable, _plus(total, beside))),
    }
    return {name: _shown(text, figure, d) for name, (text, figure) in stated.items()}


def _lines(document: Document, stated: dict[str, str | None]) -> Iterable[dict[str, str | None]]:
    """The lines that are summands of the subtotal. Numbers that do not tell lines apart are replaced by their places."""
    lines = [line for line in document.lines if line.summed]
    numbers = [line.line_no for line in lines]
    usable = all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers) and len(set(map(_bare, numbers))) == len(
        lines
    )
    header = {
        name: stated[name]
        for name in ("format", "kind", "number", "issued_on", "currency", "seller", "buyer", "customer")
    }
    for place, line in enumerate(lines, 1):
        of_line: dict[str, str | None] = {name: getattr(line, name) for name in _STATED_OF_LINE}
        yield (
            header
            | of_line
            | {
                "row_line_no": line.line_no if usable else str(place),
                "row_quantity": _shown(line.quantity, _figure(line.quantity), document),
                "row_unit_price": _unit_price(line),
                "row_amount": _shown(line.amount, _figure(line.amount), document),
                "row_tax_rate": _rate(line.tax_rate),
                "row_tax": _shown(line.tax, _figure(line.tax), document),
            }
        )


def _bare(number: str) -> str:
    return number.lstrip("0")


def _off(adjustments: Iterable[Adjustment]) -> Decimal:
    """What a line's adjustments take off it."""
    figures = ((_figure(a.amount), a.charge) for a in adjustments)
    return _total(_turned(figure) if charge else figure for figure, charge in figures)


def _unit_price(line: DocumentLine) -> str | None:
    """The price of one unit. None where the price is of the whole quantity, or of so many that one has no exact price."""
    price, base = _figure(line.unit_price), _figure(line.base_quantity)
    if price is None or base is None or base == 1:
        return line.unit_price
    if base == 0 or base == _figure(line.quantity):
        return None
    whole = _CONTEXT.divide(price, base)
    places = -int(whole.as_tuple().exponent)
    exact = EXACT.multiply(whole, base) == price and places <= _PRICE_DECIMALS
    return f"{whole:f}" if exact else None


def _rate(percent: str | None) -> str | None:
    figure = _figure(percent)
    return percent if figure is None else f"{figure.scaleb(-2, EXACT):f}"


def _figure(text: str | None) -> Decimal | None:
    """A stated figure; None where nothing, or no figure, is stated."""
    return Decimal(text) if text is not None and _FIGURE.fullmatch(text) else None


def _shown(text: str | None, figure: Decimal | None, document: Document) -> str | None:
    """A figure of ours, turned where the document is a credit note; the text as stated where it is no figure."""
    if text is not None and _figure(text) is None:
        return text
    if figure is None:
        return None
    turned = figure.copy_negate() if document.kind is DocumentKind.CREDIT_NOTE and figure else figure
    return f"{turned:f}"


def _turned(figure: Figure) -> Figure:
    return None if figure is None else figure.copy_negate()


def _plus(*figures: Decimal | None) -> Decimal | None:
    """The sum, None where one of them is not known."""
    return _every(figures)


def _every(figures: Iterable[Decimal | None]) -> Decimal | None:
    known = list(figures)
    if not known or any(figure is None for figure in known):
        return None
    return _total(known)


def _total(figures: Iterable[Decimal | None]) -> Decimal:
    """The sum of those that are known."""
    total = _ZERO
    for figure in figures:
        total = EXACT.add(total, figure or _ZERO)
    return total


def _first(*figures: Decimal | None) -> Decimal | None:
    return next((figure for figure in figures if figure is not None), None)
