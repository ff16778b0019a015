"""Check the arithmetic of a document of any format, exactly, on the figures that it states.

The rules are EN 16931's BR-CO-10 to BR-CO-17, and for a line quantity x price / base quantity - allowances + charges. A
figure that is not stated gives no finding: what stands above it is held to the figures below it, from which it is computed.
A stated figure may differ by half of the currency's minor unit, so that any rounding of the exact figure is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import (
    Adjustment,
    Document,
    DocumentLine,
    DocumentUnreadable,
    Finding,
    FindingCode,
    TaxSubtotal,
)

EXACT = Context(prec=400)
"""Wide enough that no sum or product of stated figures is ever rounded."""

BY_TEMPLATE = ("pdf", "html")
"""Formats that state only what a template reads: the absence of a tax says nothing, and lines may include tax."""

SIGNS = {"prepaid": -1, "withheld": -1, "rounding": 1, "collected": 1}
"""Figures between the total with tax and the amount payable, with the sign that each has there."""
_NAMES = {"collected": "collected for third parties"}


def findings(document: Document) -> tuple[Finding, ...]:
    """Return every arithmetic error: those of lines first, then in the order of a bill.

    Figures are decimal texts ("1199.00"); raise DocumentUnreadable for another text. PAGE_TEXT findings are page_check's,
    EFFECT findings are effect's.
    """
    return (
        *(found for line in document.lines for found in _line_amount(line, document.currency)),
        *_subtotal(document),
        *_tax_exclusive(document),
        *_tax(document),
        *_tax_inclusive(document),
        *_payable(document),
    )


def total_of(figures: Iterable[str]) -> str | None:
    """Return the exact sum as text, a single figure as stated, None for no figure.

    >>> total_of(["0.10", "0.2"]), total_of(["7.0"]), total_of([])
    ('0.30', '7.0', None)
    """
    stated = list(figures)
    if len(stated) < 2:
        return stated[0] if stated else None
    total = Decimal(0)
    for text in stated:
        total = EXACT.add(total, decimal_of(text))
    return f"{total:f}"


def percent_of(base: str | Decimal, percent: str) -> str:
    """Return the exact percentage of an amount.

    >>> percent_of("100.00", "7.5")
    '7.50000'
    """
    return f"{EXACT.multiply(decimal_of(base), decimal_of(percent)).scaleb(-2, EXACT):f}"


def decimal_of(text: str | Decimal) -> Decimal:
    """Return a stated figure as a number. Raise DocumentUnreadable if it is not one."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise DocumentUnreadable(f"'{text}' is not a decimal number; ask the sender to correct it") from error
    if not value.is_finite():
        raise DocumentUnreadable(f"'{text}' is not an amount; ask the sender to correct it")
    return value


def as_decimal(figure: Fraction) -> Decimal:
    """Return a sum or percentage of stated figures, which always ends."""
    return EXACT.divide(Decimal(figure.numerator), Decimal(figure.denominator))


def settlement(document: Document) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the figures in `SIGNS` are inside the stated total with tax, and which lead from it to the payable.

    Rounding to cash and tax withheld may be stated in either place, and withheld tax for information only. The first
    placement that holds is taken; if none does, the standard's: all of them lead to the amount payable.
    """
    inside = _inside(document)
    outside = tuple(name for name in SIGNS if getattr(document, name) is not None and name not in inside)
    if document.payable is None or "withheld" not in outside:
        return inside, outside
    for total in _inclusive(document):
        for names in (outside, tuple(name for name in outside if name != "withheld")):
            if _is_close(document.payable, _with(document, total, names).exact, document.currency):
                return inside, names
    return inside, outside


@dataclass(frozen=True, slots=True)
class _Link:
    """A figure that others are held to, stated or computed, and how it is computed from what is stated."""

    exact: Fraction
    working: str

    def plus(self, sign: int, amount: Fraction, says: str) -> _Link:
        return _Link(self.exact + sign * amount, f"{self.working} {'+' if sign > 0 else '-'} {says}")


def _line_amount(line: DocumentLine, currency: str | None) -> Iterator[Finding]:
    if line.amount is None or line.quantity is None or line.unit_price is None:
        return
    working = f"Line {line.line_no}: {line.quantity} x {line.unit_price}"
    if line.base_quantity is not None and _exact(line.base_quantity) != 1:
        working += f" / {line.base_quantity}"
    working += "".join(f" {'+' if part.charge else '-'} {part.amount}" for part in line.adjustments)
    place = "the line's amount"
    exact = _computed(line)
    if exact is None:
        sentence = f"{working} cannot be computed, because its price is for a quantity of 0; {place} is stated as {line.amount}."
        yield Finding(FindingCode.LINE_AMOUNT, line.line_no, line.amount, "", sentence)
        return
    link = _Link(exact, working)
    yield from _unless_equal(FindingCode.LINE_AMOUNT, line.amount, (link,), currency, place, line.line_no)


def _computed(line: DocumentLine) -> Fraction | None:
    """Return quantity x price / base quantity with the line's adjustments; None for a base quantity of 0."""
    base = Fraction(1) if line.base_quantity is None else _exact(line.base_quantity)
    if base == 0:
        return None
    return _exact(line.quantity or "0") * _exact(line.unit_price or "0") / base + _net(line.adjustments)


def _lines(document: Document) -> _Link | None:
    """Return the sum of the lines' amounts; that of a line without one is computed."""
    summed = [line for line in document.lines if line.summed]
    amounts = [_computed(line) if line.amount is None else _exact(line.amount) for line in summed]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts):
        return None
    return _Link(total := sum(known, Fraction(0)), f"Lines {_shown(total, document.currency)}")


def _net_total(document: Document) -> _Link | None:
    """Return BT-106."""
    if document.subtotal is None:
        return None if document.format in BY_TEMPLATE else _lines(document)
    return _Link(_exact(document.subtotal), f"Subtotal {document.subtotal}")


def _computed_exclusive(document: Document) -> _Link | None:
    """Return BT-106 - BT-107 + BT-108."""
    link = _net_total(document)
    if link is None:
        return None
    allowances = document.allowances or total_of(part.amount for part in document.adjustments if not part.charge)
    charges = document.charges or total_of(part.amount for part in document.adjustments if part.charge)
    link = link.plus(-1, _exact(allowances), f"allowances {allowances}") if allowances else link
    return link.plus(1, _exact(charges), f"charges {charges}") if charges else link


def _exclusive(document: Document) -> _Link | None:
    """Return BT-109."""
    if document.tax_exclusive is None:
        return _computed_exclusive(document)
    return _Link(_exact(document.tax_exclusive), f"Total without tax {document.tax_exclusive}")


def taxes(document: Document) -> tuple[Fraction, ...]:
    """Return BT-110, or what it can be: the taxes by rate; those of the lines; those of the lines' rates, or nothing."""
    if document.tax is not None:
        return (_exact(document.tax),)
    if document.taxes:
        by_rate = [tax_amount(part) for part in document.taxes]
        return () if None in by_rate else (sum((one for one in by_rate if one is not None), Fraction(0)),)
    if document.format in BY_TEMPLATE:
        return ()
    lines = [line for line in document.lines if line.summed]
    if lines and all(line.tax is not None for line in lines):
        return (_sum(line.tax for line in lines if line.tax is not None),)
    parts = [(_exact(line.amount or "0"), line.tax_rate) for line in lines]
    parts += [(_net((part,)), part.tax_rate) for part in document.adjustments]
    by_rates = sum((amount * _exact(rate or "0") / 100 for amount, rate in parts), Fraction(0))
    return (by_rates, Fraction(0)) if by_rates else (Fraction(0),)


def tax_amount(part: TaxSubtotal) -> Fraction | None:
    """Return the tax of a rate, computed if only its base and rate are stated."""
    if part.amount is not None:
        return _exact(part.amount)
    return None if part.base is None or part.rate is None else _exact(part.base) * _exact(part.rate) / 100


def _computed_inclusive(document: Document) -> tuple[_Link, ...]:
    """Return BT-109 + BT-110, for each tax that it can be."""
    link = _exclusive(document)
    if link is None:
        return ()
    return tuple(
        link.plus(1, tax, f"tax {document.tax or _shown(tax, document.currency)}") if tax or document.tax else link
        for tax in taxes(document)
    )


def _inclusive(document: Document) -> tuple[_Link, ...]:
    """Return BT-112."""
    if document.tax_inclusive is None:
        return _computed_inclusive(document)
    return (_Link(_exact(document.tax_inclusive), f"Total with tax {document.tax_inclusive}"),)


def _inside(document: Document) -> tuple[str, ...]:
    stated = [name for name in ("rounding", "withheld") if getattr(document, name) is not None]
    if document.tax_inclusive is None or not stated:
        return ()
    for link in _computed_inclusive(document):
        for names in ((), *((name,) for name in stated), tuple(stated)):
            if _is_close(document.tax_inclusive, _with(document, link, names).exact, document.currency):
                return names
    return ()


def _with(document: Document, link: _Link, names: tuple[str, ...]) -> _Link:
    """Add some of the figures between the total with tax and the amount payable."""
    for name in names:
        amount = getattr(document, name)
        link = link.plus(SIGNS[name], _exact(amount), f"{_NAMES.get(name, name)} {amount}")
    return link


def _subtotal(document: Document) -> Iterator[Finding]:
    """Check the lines against BT-106 (BR-CO-10), and allowances and charges against their totals (11, 12).

    Senders differ in the sign of an allowance on a negative invoice, so these two are compared without sign; the total
    without tax shows which sign applies.
    """
    lines = _lines(document)
    code, currency = FindingCode.SUBTOTAL, document.currency
    if document.subtotal is not None and lines is not None:
        count = sum(line.summed for line in document.lines)
        link = _Link(lines.exact, f"The sum of the line amounts ({count})")
        yield from _unless_equal(code, document.subtotal, (link,), currency, "the subtotal")
    for stated, name, charge in ((document.allowances, "allowances", False), (document.charges, "charges", True)):
        parts = [part.amount for part in document.adjustments if part.charge is charge]
        exact = _sum(parts)
        if stated is None or not parts or exact == -_exact(stated):
            continue
        link = _Link(exact, f"The sum of the {name} on the document ({len(parts)})")
        yield from _unless_equal(code, stated, (link,), currency, f"the total of {name}")


def _tax_exclusive(document: Document) -> Iterator[Finding]:
    """Check BT-106 - BT-107 + BT-108 against BT-109 (BR-CO-13).

    If the sum with tax fails too, BT-109 is the wrong figure and the finding belongs to it; otherwise the subtotal, the
    allowances or the charges are wrong.
    """
    link = _computed_exclusive(document)
    if (
        document.tax_exclusive is None
        or link is None
        or _is_close(document.tax_exclusive, link.exact, document.currency)
    ):
        return
    wrong_total = any(_tax_inclusive(document)) and not any(_subtotal(document))
    code = FindingCode.TAX_INCLUSIVE if wrong_total else FindingCode.SUBTOTAL
    yield from _unless_equal(code, document.tax_exclusive, (link,), document.currency, "the total without tax")


def _tax(document: Document) -> Iterator[Finding]:
    """Check each rate's base x rate against its tax (BR-CO-17), and the sum against BT-110 (BR-CO-14)."""
    for part in document.taxes:
        if part.base is not None and part.amount is not None and part.rate is not None:
            if _settled_by_line(document, part):
                continue
            link = _Link(_exact(part.base) * _exact(part.rate) / 100, f"{part.rate}% of {part.base}")
            place = f"the tax at {part.rate}%"
            yield from _unless_equal(FindingCode.TAX, part.amount, (link,), document.currency, place)
    amounts = [tax_amount(part) for part in document.taxes]
    known = [amount for amount in amounts if amount is not None]
    if document.tax is not None and known and len(known) == len(amounts):
        link = _Link(sum(known, Fraction(0)), f"The sum of the taxes by rate ({len(known)})")
        yield from _unless_equal(FindingCode.TAX, document.tax, (link,), document.currency, "the total tax")
    yield from _tax_of_lines(document)


def _tax_of_lines(document: Document) -> Iterator[Finding]:
    """Check the taxes that all lines state against BT-110. Each may be rounded, by half a minor unit."""
    lines = [line for line in document.lines if line.summed]
    stated = [line.tax for line in lines if line.tax is not None]
    if document.tax is None or not stated or len(stated) < len(lines):
        return
    if any(part.tax_rate is None for part in document.adjustments):
        return  # whether allowances and charges are taxed is not stated
    if any(part.rate is None and part.amount is not None and _exact(part.amount) for part in document.taxes):
        return  # a duty on the whole is no tax of its lines
    beside = sum((_net((part,)) * _exact(part.tax_rate or "0") / 100 for part in document.adjustments), Fraction(0))
    exact = _sum(stated) + beside
    if abs(_exact(document.tax) - exact) <= (len(lines) + 1) * _half_a_unit(document.currency):
        return
    link = _Link(
        exact,
        f"The sum of the taxes of the lines ({len(lines)})" + (" and of allowances and charges" if beside else ""),
    )
    yield from _unless_equal(FindingCode.TAX, document.tax, (link,), document.currency, "the total tax")


def _settled_by_line(document: Document, part: TaxSubtotal) -> bool:
    """Whether every line of the rate states its correct tax and these add up to the rate's tax.

    Tax rounded per line may differ from base x rate by half a unit per line, which is not an error.
    """
    rate = _exact(part.rate or "0")
    lines = [line for line in document.lines if line.summed and line.tax_rate and _exact(line.tax_rate) == rate]
    for line in lines:
        if line.tax is None or line.amount is None:
            return False
        if not _is_close(line.tax, _exact(line.amount) * rate / 100, document.currency):
            return False
    taxes = [line.tax for line in lines if line.tax is not None]
    return bool(taxes) and part.amount is not None and _sum(taxes) == _exact(part.amount)


def _tax_inclusive(document: Document) -> Iterator[Finding]:
    """Check BT-109 + BT-110 against BT-112 (BR-CO-15), with what is inside BT-112."""
    if document.tax_inclusive is None:
        return
    inside = _inside(document)
    links = tuple(_with(document, link, inside) for link in _computed_inclusive(document))
    place = "the total with tax"
    yield from _unless_equal(FindingCode.TAX_INCLUSIVE, document.tax_inclusive, links, document.currency, place)


def _payable(document: Document) -> Iterator[Finding]:
    """Check BT-112 - BT-113 + BT-114 against BT-115 (BR-CO-16), with tax withheld and amounts collected (BR-FXEXT-CO-16)."""
    if document.payable is None or document.totals_only:
        return  # a document of totals only does not state prepayments
    _, outside = settlement(document)
    links = tuple(_with(document, link, outside) for link in _inclusive(document))
    yield from _unless_equal(FindingCode.PAYABLE, document.payable, links, document.currency, "the amount payable")


def _unless_equal(
    code: FindingCode,
    stated: str,
    links: tuple[_Link, ...],
    currency: str | None,
    place: str,
    line_no: str | None = None,
) -> Iterator[Finding]:
    """Yield a finding with the first link unless some rounding of one of them gives `stated`."""
    if not links or any(_is_close(stated, link.exact, currency) for link in links):
        return
    decimals = max(_decimals(stated), EXPONENTS.get(currency or "", 2))
    computed, money = _rounded(links[0].exact, decimals), f" {currency}" if currency else ""
    more = _exact(stated) - _exact(computed)
    apart = f"{_rounded(abs(more), decimals)} {'more' if more > 0 else 'less'}"
    working = links[0].working
    said = (
        working if working in (f"Subtotal {computed}", f"Total without tax {computed}") else f"{working} is {computed}"
    )
    sentence = f"{said}{money}; {place} is stated as {stated}{money}, {apart}."
    yield Finding(code, line_no, stated, computed, sentence)


def _is_close(stated: str, exact: Fraction, currency: str | None) -> bool:
    """Whether a stated figure is within half a minor unit: less is no difference in money."""
    return abs(_exact(stated) - exact) <= _half_a_unit(currency)


@lru_cache(maxsize=256)
def _half_a_unit(currency: str | None) -> Fraction:
    return Fraction(1, 2 * 10 ** EXPONENTS.get(currency or "", 2))


def _net(adjustments: tuple[Adjustment, ...]) -> Fraction:
    return sum((_exact(part.amount) if part.charge else -_exact(part.amount) for part in adjustments), Fraction(0))


def _sum(figures: Iterable[str]) -> Fraction:
    return sum((_exact(text) for text in figures), Fraction(0))


def _exact(text: str) -> Fraction:
    return Fraction(decimal_of(text))


def _decimals(text: str) -> int:
    """Return the number of significant decimals: 2 for "10.120"."""
    return len(text.partition(".")[2].rstrip("0"))


def _shown(exact: Fraction, currency: str | None) -> str:
    return _rounded(exact, EXPONENTS.get(currency or "", 2))


def _rounded(exact: Fraction, decimals: int) -> str:
    """Return `exact` at so many decimals, ties away from zero."""
    sign = "-" if exact < 0 else ""
    units = (abs(exact) * 10**decimals * 2 + 1) // 2
    digits = f"{units:0{decimals + 1}d}"
    whole = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{sign if units else ''}{whole}"
