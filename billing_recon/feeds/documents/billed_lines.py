"""The invoice lines that a document bills, if documents are the billing engine's output.

A document states more than its lines: allowances and charges of the whole, tax by rate, amounts prepaid, rounded or
collected for others. Each becomes a line of its own, so that nothing is allocated to lines by a rule that the document
does not state, and the lines add up to the amount payable. docs/feeds.md has the conventions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.core.document import Document, DocumentLine
from billing_recon.feeds.documents.stated_figures import (
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

BILLED_LINE: tuple[str, ...] = (
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
)
"""Columns of a billed line in addition to those that the document and its line state."""

Texts = dict[str, str | None]


def billed_lines(document: Document, lines: Sequence[Texts]) -> Iterator[Texts]:
    """Yield BILLED_LINE of each line that the document bills; `lines` are its lines as rows of rendered_lines, in order.

    Lines keep their own tax if every line states one and these add up to the document's tax; otherwise each rate's tax is a
    line of kind adjustment, meter `tax`. An allowance is a line of kind discount, a charge one of kind adjustment with a
    negative discount. Prepaid amounts are credits; rounding and amounts collected for others are negative credits. A
    document without lines bills one line.
    """
    d = document
    summed = [line for line in d.lines if line.summed]
    own_tax = _tax_is_of_lines(d, summed)
    for line, texts in zip(summed, lines, strict=True):
        taken, line_id = net_discount(line.adjustments), texts["row_line_id"]
        if figure(line.amount) is None:
            yield texts | _unknown(d, line_id)
            continue
        found = _billed(
            d, line_id, "usage", gross=plus(figure(line.amount), taken), discount=taken,
            tax=figure(line.tax) if own_tax else None, tax_rate=rate(line.tax_rate) if own_tax else None,
        )  # fmt: skip
        yield texts | found | {name: texts[name] for name in ("row_quantity", "row_unit_price")}
    if not summed:
        yield _billed(d, "1", "usage", gross=first_known(figure(d.subtotal), figure(d.tax_exclusive)))
    yield from of_whole(d)
    if not own_tax:
        yield from _taxes(d)
    for meter, taken_off in (
        ("prepaid", figure(d.prepaid)),
        ("rounding", negated(figure(d.rounding))),
        ("collected", negated(figure(d.collected))),
    ):
        if taken_off:
            yield _billed(d, meter, "credit", meter, credit=taken_off)


def of_whole(d: Document) -> Iterator[Texts]:
    """Yield the listed allowances and charges of the whole document, and the rest of their stated totals."""
    known = [a for a in d.adjustments if figure(a.amount) is not None]
    for number, one in enumerate(known, 1):
        kind = "charge" if one.charge else "allowance"
        yield _billed(
            d, f"{kind}/{number}", "adjustment" if one.charge else "discount", kind, discount=net_discount((one,))
        )
    stated = (figure(d.allowances), negated(figure(d.charges)))
    rest = plus(total(stated), negated(net_discount(known))) if any(one is not None for one in stated) else None
    if rest:
        yield _billed(d, "allowance/rest", "discount" if rest > 0 else "adjustment", "allowance", discount=rest)


def _taxes(d: Document) -> Iterator[Texts]:
    if sum_of_all(figure(tax.amount) for tax in d.taxes) is None:
        stated = first_known(figure(d.tax), plus(figure(d.tax_inclusive), negated(figure(d.tax_exclusive))))
        if stated:
            yield _billed(d, "tax", "adjustment", "tax", tax=stated)
        return
    for number, tax in enumerate(d.taxes, 1):
        yield _billed(d, f"tax/{number}", "adjustment", "tax", tax=figure(tax.amount), tax_rate=rate(tax.rate))


def _tax_is_of_lines(d: Document, lines: Sequence[DocumentLine]) -> bool:
    of_lines = sum_of_all(figure(line.tax) for line in lines)
    return of_lines is not None and of_lines == figure(d.tax)


def _billed(
    d: Document,
    line_id: str | None,
    kind: str,
    meter: str | None = None,
    *,
    gross: Decimal | None = ZERO,
    discount: Decimal = ZERO,
    credit: Decimal = ZERO,
    tax: Decimal | None = None,
    tax_rate: str | None = None,
) -> Texts:
    taxable = plus(gross, negated(discount))
    figures = {
        "row_gross": gross,
        "row_discount": discount,
        "row_credit": credit,
        "row_taxable": taxable,
        "row_tax": tax or ZERO,
        "row_total": plus(taxable, tax or ZERO, negated(credit)),
    }
    ours = {name: as_text(None, known, d) for name, known in figures.items()}
    return ours | {"row_line_id": line_id, "row_kind": kind, "row_meter": meter, "row_tax_rate": tax_rate, **_days(d)}


def _unknown(d: Document, line_id: str | None) -> Texts:
    """Return a line whose amount is not a figure; it is quarantined for its missing amounts."""
    return {"row_line_id": line_id, "row_kind": "usage", **_days(d)}


def _days(d: Document) -> Texts:
    """Return the day of issue as the line's period and calculation time; a mapping may replace it."""
    try:
        day = date.fromisoformat(d.issued_on or "")
    except ValueError:
        return {}
    return {
        "row_period_start": day.isoformat(),
        "row_period_end": (day + timedelta(days=1)).isoformat(),
        "row_calculated_at": f"{day.isoformat()}T00:00:00Z",
    }
