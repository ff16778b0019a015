"""A document as parts that add up to its stated payable, whatever it states: one decomposition for every layer.

A document states more than its lines: allowances and charges of the whole, tax by rate, amounts prepaid, withheld, rounded or
collected for others. Each becomes a part of its own, so that nothing is allocated to lines by a rule that the document does
not state. What the stated parts leave of the stated totals is one part, `rest`, with its reason. docs/documents.md has the
conventions. Figures have the signs of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import Document, DocumentLine
from billing_recon.feeds.documents import arithmetic
from billing_recon.feeds.documents.stated_figures import (
    ZERO,
    figure,
    first_known,
    negated,
    net_discount,
    plus,
    rate,
    sum_of_all,
    total,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a line of the document, or what it states beyond its lines. `gross` is None if it is not known.

    `beyond` is an amount of the total with tax that is neither net nor tax. `line` is the document's line; `reason` says
    what the part is.
    """

    line_id: str
    kind: str
    reason: str | None = None
    gross: Decimal | None = ZERO
    discount: Decimal = ZERO
    credit: Decimal = ZERO
    tax: Decimal = ZERO
    beyond: Decimal = ZERO
    tax_rate: str | None = None
    meter: str | None = None
    line: DocumentLine | None = None

    @property
    def net(self) -> Decimal | None:
        """The amount before tax."""
        return plus(self.gross, negated(self.discount))

    @property
    def total(self) -> Decimal | None:
        """What the part adds to the amount payable."""
        return plus(self.net, self.tax, negated(self.credit), self.beyond)


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of a document: as stated, else derived. `discount`: allowances of lines and document less their charges."""

    subtotal: Decimal | None
    discount: Decimal
    tax: Decimal | None
    total: Decimal | None
    payable: Decimal | None


def totals_of(d: Document) -> Totals:
    """Return the totals. If stated figures disagree they are kept; that they do not add up is a finding."""
    lines = [line for line in d.lines if line.summed]
    of_lines = total(net_discount(line.adjustments) for line in lines)
    of_document = _of_document(d)
    _, outside = arithmetic.settlement(d)
    after_tax = total(_settling(d, name) for name in outside)
    net = _net(d)
    exclusive = plus(net, negated(of_document))
    tax = _tax(d)
    stated, payable = figure(d.tax_inclusive), figure(d.payable)
    gross = first_known(
        stated, plus(first_known(figure(d.tax_exclusive), exclusive), tax), plus(payable, negated(after_tax))
    )
    tax = first_known(tax, plus(gross, negated(exclusive)))
    net = first_known(net, plus(gross, negated(tax), of_document))
    payable = first_known(payable, plus(gross, after_tax))
    return Totals(plus(net, of_lines), plus(of_lines, of_document) or ZERO, tax, gross, payable)


def parts_of(d: Document, totals: Totals, line_ids: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts; `line_ids` are those of its summed lines. Their sums are `totals`, and what is paid is its payable.

    Lines keep their own tax if every line states one and these add up to the document's tax; otherwise each rate's tax is a
    part of kind adjustment, meter `tax`. An allowance is a part of kind discount, a charge one of kind adjustment with a
    negative discount. Prepaid and withheld amounts are credits; rounding and amounts collected for others are negative
    credits. A document without lines has one part for all of them.
    """
    parts = (*_lines(d, totals, line_ids), *_of_whole(d), *_taxes(d, totals, line_ids), *_settled(d, totals))
    rest = _rest(d, totals, parts)
    return parts if rest is None else (*parts, rest)


def _net(d: Document) -> Decimal | None:
    """Return what the lines add up to: as stated, else computed. On a page, lines may include tax, so its total is first."""
    lines = sum_of_all(figure(line.amount) for line in d.lines if line.summed)
    exclusive = plus(figure(d.tax_exclusive), _of_document(d))
    computed = (exclusive, lines) if d.format in arithmetic.BY_TEMPLATE else (lines, exclusive)
    return first_known(figure(d.subtotal), *computed)


def _of_document(d: Document) -> Decimal:
    """Return the document's allowances less its charges: their stated totals, or else those listed."""
    listed = [total(figure(part.amount) for part in d.adjustments if part.charge is charge) for charge in (False, True)]
    allowances, charges = first_known(figure(d.allowances), listed[0]), first_known(figure(d.charges), listed[1])
    return total((allowances, negated(charges)))


def _tax(d: Document) -> Decimal | None:
    """Return the total tax as stated or computed; None if nothing says what it is."""
    if d.tax is not None:
        return figure(d.tax)
    candidates = [arithmetic.as_decimal(tax) for tax in arithmetic.taxes(d)]
    stated = first_known(figure(d.tax_inclusive), figure(d.payable))
    exclusive = first_known(figure(d.tax_exclusive), plus(_net(d), negated(_of_document(d))))
    fitting = [tax for tax in candidates if plus(exclusive, tax) == stated]
    return next(iter((*fitting, *candidates)), None)


def _settling(d: Document, name: str) -> Decimal:
    """Return by how much a figure changes the amount payable."""
    amount = figure(getattr(d, name)) or ZERO
    return amount if arithmetic.SIGNS[name] > 0 else negated(amount)


def _lines(d: Document, totals: Totals, line_ids: Sequence[str]) -> Iterator[Part]:
    lines = [line for line in d.lines if line.summed]
    if not lines:
        yield Part("1", "usage", "the document as a whole", gross=totals.subtotal)
    own_tax = _tax_is_of_lines(d, totals)
    for line, line_id in zip(lines, line_ids, strict=True):
        taken = net_discount(line.adjustments)
        yield Part(
            line_id,
            "usage",
            gross=plus(figure(line.amount), taken),
            discount=taken,
            tax=(figure(line.tax) or ZERO) if own_tax else ZERO,
            tax_rate=rate(line.tax_rate) if own_tax else None,
            line=line,
        )


def _of_whole(d: Document) -> Iterator[Part]:
    """Yield the listed allowances and charges of the whole document, and the rest of their stated totals."""
    for number, one in enumerate(d.adjustments, 1):
        name, kind = ("charge", "adjustment") if one.charge else ("allowance", "discount")
        yield Part(f"{name}/{number}", kind, one.reason or name, discount=net_discount((one,)), meter=name)
    rest = total((_of_document(d), negated(net_discount(d.adjustments))))
    if rest:
        kind = "discount" if rest > 0 else "adjustment"
        yield Part(
            "allowance/rest", kind, "allowances and charges that are not listed", discount=rest, meter="allowance"
        )


def _taxes(d: Document, totals: Totals, line_ids: Sequence[str]) -> Iterator[Part]:
    if _tax_is_of_lines(d, totals):
        return
    amounts = [arithmetic.tax_amount(part) for part in d.taxes]
    if not amounts or None in amounts:
        if totals.tax:
            yield Part("tax", "adjustment", "tax", tax=totals.tax, meter="tax")
        return
    for number, (part, amount) in enumerate(zip(d.taxes, amounts, strict=True), 1):
        tax = figure(part.amount) or (arithmetic.as_decimal(amount) if amount is not None else ZERO)
        yield Part(f"tax/{number}", "adjustment", "tax", tax=tax, tax_rate=rate(part.rate), meter="tax")


def _tax_is_of_lines(d: Document, totals: Totals) -> bool:
    of_lines = sum_of_all(figure(line.tax) for line in d.lines if line.summed)
    return of_lines is not None and of_lines == totals.tax


def _settled(d: Document, totals: Totals) -> Iterator[Part]:
    """Yield what leads to the amount payable as credits; what is inside a total with tax that is not payable goes beyond."""
    inside, outside = arithmetic.settlement(d)
    for name in (*inside, *outside):
        taken_off = negated(_settling(d, name))
        if not taken_off:
            continue
        if name in inside and totals.total != totals.payable:
            yield Part(name, "adjustment", name, beyond=negated(taken_off), meter=name)
        else:
            yield Part(name, "credit", name, credit=taken_off, meter=name)


def _rest(d: Document, totals: Totals, parts: Sequence[Part]) -> Part | None:
    """Return what the parts leave of the totals; None if nothing. A part whose amount is unknown is not made up for."""
    subtotal, tax_total, inclusive, payable = totals.subtotal, totals.tax, totals.total, totals.payable
    if subtotal is None or tax_total is None or inclusive is None or payable is None:
        return None
    unknown = any(part.gross is None for part in parts)
    gross = ZERO if unknown else _less(subtotal, (part.gross for part in parts))
    discount = _less(totals.discount, (part.discount for part in parts))
    tax = _less(tax_total, (part.tax for part in parts))
    billed = total((subtotal, negated(totals.discount), tax_total))
    beyond, credit = ZERO, ZERO
    if inclusive != payable:
        beyond = _less(inclusive, (billed, *(part.beyond for part in parts)))
        billed = inclusive
    credit = _less(billed, (payable, *(part.credit for part in parts)))
    left = {
        "the lines leave {} of the subtotal": gross,
        "the parts leave {} of the discount": discount,
        "the taxes by rate leave {} of the total tax": tax,
        "the parts leave {} of the total with tax": beyond,
        "the totals leave {} of the amount payable": negated(credit),
    }
    if not any(left.values()):
        return None
    unit = Decimal(1).scaleb(-EXPONENTS.get(d.currency or "", 2))
    if all(one.copy_abs() * 2 < unit for one in left.values()):
        meter, why = "rounding", "less than half a unit of the currency"
    elif d.totals_only:
        meter, why = "not_itemised", "the document states totals only"
    elif d.format in arithmetic.BY_TEMPLATE and not (discount or tax or beyond or credit):
        meter, why = "not_itemised", "the lines of its pages may include tax"
    else:
        meter, why = "unexplained", "nothing that the document states explains it"
    says = "; ".join(text.format(f"{one:f}") for text, one in left.items() if one)
    kind = "credit" if credit and not (gross or discount or tax or beyond) else "adjustment"
    return Part("rest", kind, f"{says}: {why}", gross, discount, credit, tax, beyond, meter=meter)


def _less(figure: Decimal, parts: Iterable[Decimal | None]) -> Decimal:
    return total((figure, negated(total(parts))))
