"""Convert a Document to rows of texts: the fields that it states, and our columns by the conventions of docs/feeds.md.

All arithmetic on stated figures is exact; a text that is not a figure is kept as stated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

from billing_recon.core.document import Document, DocumentLine
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.journal import EXACT
from billing_recon.feeds.documents.billed_lines import BILLED_LINE, billed_lines, of_whole
from billing_recon.feeds.documents.stated_figures import (
    FIGURES,
    ZERO,
    as_text,
    figure,
    first_known,
    negated,
    net_discount,
    plus,
    rate,
    sum_of_all,
    total,
)

_INVOICE_FIELDS = (
    "format",
    "kind",
    "number",
    "issued_on",
    "currency",
    "seller",
    "buyer",
    "customer",
    *FIGURES,
)
_LINE_FIELDS = (
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
    "stem",
    "sha256",
    *_INVOICE_FIELDS,
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
"""Columns of a feed of documents for rendered_invoices: the stated fields, then the `row_*` defaults of our columns."""
_LINE_HEADER = ("format", "kind", "number", "issued_on", "currency", "seller", "buyer", "customer")
LINE_COLUMNS: tuple[str, ...] = (
    "file",
    "stem",
    "sha256",
    *_LINE_HEADER,
    *_LINE_FIELDS,
    "row_document_id",
    "row_line_no",
    "row_line_id",
    "row_quantity",
    "row_unit_price",
    "row_amount",
    "row_tax_rate",
    "row_tax",
)
"""The same for rendered_lines."""
BILLED_COLUMNS: tuple[str, ...] = (
    *(name for name in LINE_COLUMNS if not name.startswith("row_")),
    "row_document_id",
    "row_customer",
    *BILLED_LINE,
)
"""The same for invoice_lines, if documents are the billing engine's output."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "rendered_invoices": INVOICE_COLUMNS,
    "rendered_lines": LINE_COLUMNS,
    "invoice_lines": BILLED_COLUMNS,
}
DEFAULT_COLUMNS: dict[str, dict[str, ColumnMap | str]] = {
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
    "invoice_lines": {
        "invoice_id": "number",
        "line_id": "row_line_id",
        "customer_id": "row_customer",
        "subscription_id": ColumnMap(value=""),
        "plan_id": ColumnMap(value=""),
        "plan_version": ColumnMap(value=""),
        "kind": "row_kind",
        "meter": "row_meter",
        "period_start": "row_period_start",
        "period_end": "row_period_end",
        "quantity": "row_quantity",
        "unit_price": "row_unit_price",
        "gross": "row_gross",
        "discount": "row_discount",
        "credit": "row_credit",
        "taxable": "row_taxable",
        "tax_rate": "row_tax_rate",
        "tax": "row_tax",
        "total": "row_total",
        "currency": "currency",
        "issued_on": "issued_on",
        "calculated_at": "row_calculated_at",
        "invoice_kind": "kind",
    },
}
"""Table -> our column -> column of the document, unless the feed maps it."""

_OF_FILE = ("file", "stem", "sha256", "row_document_id")
_CONTEXT = Context(prec=40)
_PRICE_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """One document's rows: `header` has INVOICE_COLUMNS, each of `lines` LINE_COLUMNS, each of `billed` BILLED_COLUMNS.

    `whole` are the allowances and charges of the whole document as lines. File, SHA-256 and document id are missing: they
    belong to the file. `findings` are (code, sentence).
    """

    number: str | None
    header: dict[str, str | None]
    lines: tuple[dict[str, str | None], ...]
    whole: tuple[dict[str, str | None], ...]
    billed: tuple[dict[str, str | None], ...]
    findings: tuple[tuple[str, str], ...]

    def of(self, table: str, feed: Feed) -> tuple[dict[str, str | None], ...]:
        """Return the rows of a table."""
        lines = self.lines + self.whole if feed.adjustments_as_lines else self.lines
        return {"rendered_invoices": (self.header,), "rendered_lines": lines, "invoice_lines": self.billed}[table]


def rows_of(document: Document) -> DocumentRows:
    """Convert a document."""
    stated: dict[str, str | None] = {name: getattr(document, name) for name in _INVOICE_FIELDS}
    stated["kind"] = document.kind.value
    header = stated | {
        "references": ", ".join(document.references) or None,
        "extra": json.dumps(dict(document.extra), ensure_ascii=False) if document.extra else None,
        "findings": str(len(document.findings)),
        "row_customer": document.customer or document.buyer,
        **_totals(document),
    }
    lines = tuple(_lines(document, stated))
    of_document = {name: None for name in BILLED_COLUMNS if name not in _OF_FILE} | {
        name: header[name] for name in (*_LINE_HEADER, "row_customer")
    }
    return DocumentRows(
        number=document.number,
        header=header,
        lines=lines,
        whole=tuple(_as_line(line, len(lines) + n, of_document) for n, line in enumerate(of_whole(document), 1)),
        billed=tuple(of_document | line for line in billed_lines(document, lines)),
        findings=tuple((finding.code.value, finding.sentence) for finding in document.findings),
    )


def _totals(document: Document) -> dict[str, str | None]:
    """Return subtotal (the lines' gross), discount, tax, total and payable, negated for a credit note.

    A discount is the allowances of lines and document less their charges. A figure that is not stated is derived from the
    others. If stated figures disagree they are kept; that they do not add up is a finding.
    """
    d = document
    lines = [line for line in d.lines if line.summed]
    of_lines = total(net_discount(line.adjustments) for line in lines)
    of_document = plus(figure(d.allowances) or ZERO, negated(figure(d.charges) or ZERO))
    after_tax = total([figure(d.rounding), figure(d.collected), negated(figure(d.prepaid))])
    exclusive, inclusive, payable = figure(d.tax_exclusive), figure(d.tax_inclusive), figure(d.payable)
    net = first_known(
        figure(d.subtotal), plus(exclusive, of_document), sum_of_all(figure(line.amount) for line in lines)
    )
    exclusive = first_known(exclusive, plus(net, negated(of_document)))
    gross = first_known(inclusive, plus(exclusive, figure(d.tax)), plus(payable, negated(after_tax)))
    tax = first_known(figure(d.tax), plus(gross, negated(exclusive)))
    net = first_known(net, plus(gross, negated(tax), of_document))
    stated: dict[str, tuple[str | None, Decimal | None]] = {
        "row_subtotal": (d.subtotal, plus(net, of_lines)),
        "row_discount": (d.allowances, plus(of_lines, of_document)),
        "row_tax": (d.tax, tax),
        "row_total": (d.tax_inclusive, gross),
        "row_payable": (d.payable, first_known(payable, plus(gross, after_tax))),
    }
    return {name: as_text(text, known, d) for name, (text, known) in stated.items()}


def _lines(document: Document, stated: dict[str, str | None]) -> Iterable[dict[str, str | None]]:
    """Yield the lines that add up to the subtotal. Line numbers that are not distinct are replaced by positions."""
    lines = [line for line in document.lines if line.summed]
    numbers = [line.line_no for line in lines]
    usable = all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers) and len(set(map(_bare, numbers))) == len(
        lines
    )
    objects = [line.object_id for line in lines]
    line_ids = objects if None not in objects and len(set(objects)) == len(objects) else [None] * len(objects)
    header = {name: stated[name] for name in _LINE_HEADER}
    for place, line in enumerate(lines, 1):
        of_line: dict[str, str | None] = {name: getattr(line, name) for name in _LINE_FIELDS}
        yield (
            header
            | of_line
            | {
                "row_line_no": line.line_no if usable else str(place),
                "row_line_id": line_ids[place - 1] or (line.line_no if usable else str(place)),
                "row_quantity": as_text(line.quantity, figure(line.quantity), document),
                "row_unit_price": _unit_price(line),
                "row_amount": as_text(line.amount, figure(line.amount), document),
                "row_tax_rate": rate(line.tax_rate),
                "row_tax": as_text(line.tax, figure(line.tax), document),
            }
        )


def _as_line(billed: dict[str, str | None], place: int, of_document: dict[str, str | None]) -> dict[str, str | None]:
    """Return an allowance (negative) or charge of the whole document as a row of rendered_lines."""
    nothing: dict[str, str | None] = dict.fromkeys(name for name in LINE_COLUMNS if name not in _OF_FILE)
    of_line = {"description": billed["row_meter"], "row_amount": billed["row_taxable"], "row_line_no": str(place)}
    return nothing | of_document | of_line | {"row_line_id": billed["row_line_id"]}


def _bare(number: str) -> str:
    return number.lstrip("0")


def _unit_price(line: DocumentLine) -> str | None:
    """Return the price of one unit; None if the price is for the whole quantity, or has no exact value per unit."""
    price, base = figure(line.unit_price), figure(line.base_quantity)
    if price is None or base is None or base == 1:
        return line.unit_price
    if base == 0 or base == figure(line.quantity):
        return None
    whole = _CONTEXT.divide(price, base)
    places = -int(whole.as_tuple().exponent)
    exact = EXACT.multiply(whole, base) == price and places <= _PRICE_DECIMALS
    return f"{whole:f}" if exact else None
