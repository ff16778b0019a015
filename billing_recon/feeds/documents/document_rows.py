"""Convert a Document to rows of texts: the fields that it states, and our columns by the conventions of docs/documents.md.

Our columns come from document_parts. Figures of a credit note change their sign here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.core.document import Document, DocumentLine, Effect
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.journal import EXACT
from billing_recon.feeds.documents.document_parts import Part, Totals, parts_of, totals_of
from billing_recon.feeds.documents.effect import reverses_signs
from billing_recon.feeds.documents.stated_figures import FIGURES, QUOTIENT, figure, rate

_HEADER = (
    "format",
    "kind",
    "type_code",
    "effect",
    "status",
    "number",
    "issued_on",
    "currency",
    "seller",
    "buyer",
    "customer",
)
"""Fields that an invoice has, and each of its lines too."""
_INVOICE_FIELDS = (*_HEADER, *FIGURES, "period_start", "period_end")
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
    "period_start",
    "period_end",
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
LINE_COLUMNS: tuple[str, ...] = (
    "file",
    "stem",
    "sha256",
    *_HEADER,
    *_LINE_FIELDS,
    "row_document_id",
    "row_line_no",
    "row_line_id",
    "row_quantity",
    "row_unit_price",
    "row_amount",
    "row_tax_rate",
    "row_tax",
    "row_reason",
)
"""The same for rendered_lines."""
_BILLED = (
    "row_customer",
    "row_line_id",
    "row_kind",
    "row_meter",
    "row_period_start",
    "row_period_end",
    "row_quantity",
    "row_unit_price",
    "row_gross",
    "row_discount",
    "row_credit",
    "row_taxable",
    "row_tax_rate",
    "row_tax",
    "row_total",
    "row_calculated_at",
    "row_reason",
)
BILLED_COLUMNS: tuple[str, ...] = (
    *(name for name in LINE_COLUMNS if not name.startswith("row_")),
    "row_document_id",
    *_BILLED,
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
        "status": ColumnMap(value="issued"),  # what bills nothing, such as a draft, has no line
    },
}
"""Table -> our column -> column of the document, unless the feed maps it."""

_PRICE_DECIMALS = 12
Texts = dict[str, str | None]
Signed = Callable[[Decimal | None], str | None]
"""Writes a figure with the sign that it has in our rows."""


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """One document's rows: `header` has INVOICE_COLUMNS, each of `lines` LINE_COLUMNS, each of `billed` BILLED_COLUMNS.

    `parts` are `lines` as billed, and every other part with an amount before tax. File, SHA-256 and document id are missing:
    they belong to the file. `findings` are (code, sentence). `nothing` and `unknown` say why the document has no rows, or
    why it is quarantined.
    """

    number: str | None
    header: Texts
    lines: tuple[Texts, ...]
    parts: tuple[Texts, ...]
    billed: tuple[Texts, ...]
    findings: tuple[tuple[str, str], ...]
    nothing: str | None = None
    unknown: str | None = None

    def of(self, table: str, feed: Feed) -> tuple[Texts, ...]:
        """Return the rows of a table."""
        lines = self.parts if feed.adjustments_as_lines else self.lines
        return {"rendered_invoices": (self.header,), "rendered_lines": lines, "invoice_lines": self.billed}[table]


def rows_of(document: Document) -> DocumentRows:
    """Convert a document."""
    stated: Texts = {name: getattr(document, name) for name in _INVOICE_FIELDS}
    stated |= {"kind": document.kind.value, "effect": document.effect.value}
    if document.effect in (Effect.NOTHING, Effect.UNKNOWN):
        reason = document.effect_reason or document.effect.value
        is_unknown = document.effect is Effect.UNKNOWN
        return DocumentRows(
            document.number, stated, (), (), (), (), None if is_unknown else reason, reason if is_unknown else None
        )
    totals, signed = totals_of(document), _signed(document)
    lines = [line for line in document.lines if line.summed]
    numbers, line_ids = _numbers(lines)
    parts = parts_of(document, totals, line_ids)
    header = stated | {
        "references": ", ".join(document.references) or None,
        "extra": json.dumps(dict(document.extra), ensure_ascii=False) if document.extra else None,
        "findings": str(len(document.findings)),
        "row_customer": document.customer or document.buyer,
        **{f"row_{one.name}": signed(getattr(totals, one.name)) for one in fields(Totals)},
    }
    of_document = {name: stated[name] for name in _HEADER}
    no_line: Texts = of_document | dict.fromkeys((*_LINE_FIELDS, "row_quantity", "row_unit_price"))
    of_lines = [
        no_line | {name: getattr(line, name) for name in _LINE_FIELDS} | _line(line, number, line_id, signed)
        for line, number, line_id in zip(lines, numbers, line_ids, strict=True)
    ]
    texts = dict(zip(map(id, lines), of_lines, strict=True))
    return DocumentRows(
        number=document.number,
        header=header,
        lines=tuple(of_lines),
        parts=tuple(_shown(parts, texts, no_line, signed)),
        billed=tuple(
            texts.get(id(part.line), no_line)
            | _billed(part, document, signed)
            | {"row_customer": header["row_customer"]}
            for part in parts
        ),
        findings=tuple((finding.code.value, finding.sentence) for finding in document.findings),
    )


def _signed(document: Document) -> Signed:
    reverses = reverses_signs(document)

    def text(known: Decimal | None) -> str | None:
        if known is None:
            return None
        return f"{known.copy_negate() if reverses and known else known:f}"

    return text


def _numbers(lines: list[DocumentLine]) -> tuple[list[str], list[str]]:
    """Return numbers and ids of lines. Numbers that are not distinct are replaced by positions; ids are the lines' objects,
    if each line has one of its own, else the numbers.
    """
    numbers = [line.line_no for line in lines]
    usable = all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers)
    if not usable or len({number.lstrip("0") for number in numbers}) < len(lines):
        numbers = [str(place) for place in range(1, len(lines) + 1)]
    objects = [line.object_id for line in lines if line.object_id is not None]
    return numbers, objects if len(set(objects)) == len(lines) else numbers


def _line(line: DocumentLine, number: str, line_id: str, signed: Signed) -> Texts:
    return {
        "row_line_no": number,
        "row_line_id": line_id,
        "row_quantity": signed(figure(line.quantity)),
        "row_unit_price": _unit_price(line),
        "row_amount": signed(figure(line.amount)),
        "row_tax_rate": rate(line.tax_rate),
        "row_tax": signed(figure(line.tax)),
        "row_reason": None,
    }


def _shown(parts: tuple[Part, ...], texts: dict[int, Texts], no_line: Texts, signed: Signed) -> Iterator[Texts]:
    """Yield the parts with an amount before tax as rows of rendered_lines."""
    place = len(texts)
    for part in parts:
        if part.line is not None:
            of_line = texts[id(part.line)]
            own_tax = part.tax_rate is not None or bool(part.tax)
            yield of_line if own_tax else of_line | {"row_tax": None, "row_tax_rate": None}
        elif part.net is None or part.net:
            place += 1
            yield no_line | {
                "description": part.reason,
                "row_line_no": str(place),
                "row_line_id": part.line_id,
                "row_amount": signed(part.net),
                "row_tax_rate": None,
                "row_tax": None,
                "row_reason": part.reason,
            }


def _billed(part: Part, document: Document, signed: Signed) -> Texts:
    """Return a part as a line of the billing engine. Its period is the line's, else the document's, else the day of issue."""
    known = part.gross is not None
    return {
        "row_line_id": part.line_id,
        "row_kind": part.kind,
        "row_meter": part.meter,
        "row_gross": signed(part.gross),
        "row_discount": signed(part.discount) if known else None,
        "row_credit": signed(part.credit) if known else None,
        "row_taxable": signed(part.net),
        "row_tax_rate": part.tax_rate,
        "row_tax": signed(part.tax) if known else None,
        "row_total": signed(part.total),
        "row_reason": part.reason,
        **_period(part.line, document),
    }


def _period(line: DocumentLine | None, document: Document) -> Texts:
    """Return the period, whose end is not included, and the day of issue as the time of calculation."""
    issued = _day(document.issued_on)
    periods = ((line.period_start, line.period_end) if line is not None else (None, None),
               (document.period_start, document.period_end), (document.issued_on, document.issued_on))  # fmt: skip
    found = ((_day(start), _day(end)) for start, end in periods)
    start, end = next(((one, other) for one, other in found if one and other and one <= other < date.max), (None, None))
    return {
        "row_period_start": start.isoformat() if start else None,
        "row_period_end": (end + timedelta(days=1)).isoformat() if end else None,
        "row_calculated_at": f"{issued.isoformat()}T00:00:00Z" if issued else None,
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _unit_price(line: DocumentLine) -> str | None:
    """Return the price of one unit; None if the price is for the whole quantity, or has no exact value per unit."""
    price, base = figure(line.unit_price), figure(line.base_quantity)
    if price is None or base is None or base == 1:
        return line.unit_price
    if base == 0 or base == figure(line.quantity):
        return None
    whole = QUOTIENT.divide(price, base)
    places = -int(whole.as_tuple().exponent)
    exact = EXACT.multiply(whole, base) == price and places <= _PRICE_DECIMALS
    return f"{whole:f}" if exact else None
