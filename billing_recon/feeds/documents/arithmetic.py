"""Check the arithmetic of a document of any format, exactly, on the figures that it states.

The rules are EN 16931's BR-CO-10 to BR-CO-17, and for a line quantity x price / base quantity - allowances + charges. A
figure that is not stated gives no finding; a missing summand counts as zero. A stated figure may differ by half of its last
place (a cent, or finer if more decimals are stated), so that any rounding of the exact figure is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction

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


def findings(document: Document) -> tuple[Finding, ...]:
    """Return every arithmetic error: those of lines first, then in the order of a bill.

    Figures are decimal texts ("1199.00"); raise DocumentUnreadable for another text. PAGE_TEXT findings are page_check's.
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
        total = EXACT.add(total, _decimal(text))
    return f"{total:f}"


def _line_amount(line: DocumentLine, currency: str | None) -> Iterator[Finding]:
    if line.amount is None or line.quantity is None or line.unit_price is None:
        return
    base = Fraction(1) if line.base_quantity is None else _exact(line.base_quantity)
    working = f"Line {line.line_no}: {line.quantity} x {line.unit_price}"
    if base != 1:
        working += f" / {line.base_quantity}"
    working += "".join(f" {'+' if part.charge else '-'} {part.amount}" for part in line.adjustments)
    place = "the line's amount"
    if base == 0:
        sentence = f"{working} cannot be computed, because its price is for a quantity of 0; {place} is stated as {line.amount}."
        yield Finding(FindingCode.LINE_AMOUNT, line.line_no, line.amount, "", sentence)
        return
    exact = _exact(line.quantity) * _exact(line.unit_price) / base + _net(line.adjustments)
    yield from _unless_equal(FindingCode.LINE_AMOUNT, line.amount, exact, currency, working, place, line.line_no)


def _subtotal(document: Document) -> Iterator[Finding]:
    """Check the lines against BT-106 (BR-CO-10), and allowances and charges against their totals (11, 12).

    Senders differ in the sign of an allowance on a negative invoice, so these two are compared without sign; the total
    without tax shows which sign applies.
    """
    amounts = [line.amount for line in document.lines if line.summed and line.amount is not None]
    if document.subtotal is not None and amounts:
        working = f"The sum of the line amounts ({len(amounts)})"
        place, code = "the subtotal", FindingCode.SUBTOTAL
        yield from _unless_equal(code, document.subtotal, _sum(amounts), document.currency, working, place)
    for stated, name, charge in ((document.allowances, "allowances", False), (document.charges, "charges", True)):
        parts = [part.amount for part in document.adjustments if part.charge is charge]
        exact = _sum(parts)
        if stated is None or not parts or exact == -_exact(stated):
            continue
        working, place = f"The sum of the {name} on the document ({len(parts)})", f"the total of {name}"
        yield from _unless_equal(FindingCode.SUBTOTAL, stated, exact, document.currency, working, place)


def _tax_exclusive(document: Document) -> Iterator[Finding]:
    """Check BT-106 - BT-107 + BT-108 against BT-109 (BR-CO-13).

    If the sum with tax fails too, BT-109 is the wrong figure and the finding belongs to it; otherwise the subtotal, the
    allowances or the charges are wrong.
    """
    if document.tax_exclusive is None or document.subtotal is None:
        return
    allowances = document.allowances or total_of(part.amount for part in document.adjustments if not part.charge)
    charges = document.charges or total_of(part.amount for part in document.adjustments if part.charge)
    exact = _exact(document.subtotal) - _exact(allowances or "0") + _exact(charges or "0")
    working = f"Subtotal {document.subtotal}"
    working += f" - allowances {allowances}" if allowances else ""
    working += f" + charges {charges}" if charges else ""
    wrong_total = any(_tax_inclusive(document)) and not any(_subtotal(document))
    code = FindingCode.TAX_INCLUSIVE if wrong_total else FindingCode.SUBTOTAL
    place = "the total without tax"
    yield from _unless_equal(code, document.tax_exclusive, exact, document.currency, working, place)


def _tax(document: Document) -> Iterator[Finding]:
    """Check each rate's base x rate against its tax (BR-CO-17), and the sum against BT-110 (BR-CO-14)."""
    for part in document.taxes:
        if part.base is not None and part.amount is not None and part.rate is not None:
            if _settled_by_line(document, part):
                continue
            exact = _exact(part.base) * _exact(part.rate) / 100
            working, place = f"{part.rate}% of {part.base}", f"the tax at {part.rate}%"
            yield from _unless_equal(FindingCode.TAX, part.amount, exact, document.currency, working, place)
    amounts = [part.amount for part in document.taxes if part.amount is not None]
    if document.tax is not None and amounts and len(amounts) == len(document.taxes):
        working = f"The sum of the taxes by rate ({len(amounts)})"
        yield from _unless_equal(
            FindingCode.TAX, document.tax, _sum(amounts), document.currency, working, "the total tax"
        )


def _settled_by_line(document: Document, part: TaxSubtotal) -> bool:
    """Whether every line of the rate states its correct tax and these add up to the rate's tax.

    Tax rounded per line may differ from base x rate by half a place per line, which is not an error.
    """
    rate = _exact(part.rate or "0")
    lines = [line for line in document.lines if line.summed and line.tax_rate and _exact(line.tax_rate) == rate]
    for line in lines:
        if line.tax is None or line.amount is None:
            return False
        exact = _exact(line.amount) * rate / 100
        if any(_unless_equal(FindingCode.TAX, line.tax, exact, document.currency, "", "")):
            return False
    taxes = [line.tax for line in lines if line.tax is not None]
    return bool(taxes) and part.amount is not None and _sum(taxes) == _exact(part.amount)


def _tax_inclusive(document: Document) -> Iterator[Finding]:
    """Check BT-109 + BT-110 against BT-112 (BR-CO-15). Without a total tax, the taxes by rate are added."""
    tax = document.tax or total_of(part.amount for part in document.taxes if part.amount is not None)
    if document.tax_inclusive is None or document.tax_exclusive is None or tax is None:
        return
    exact = _exact(document.tax_exclusive) + _exact(tax)
    working = f"Total without tax {document.tax_exclusive} + tax {tax}"
    place = "the total with tax"
    code = FindingCode.TAX_INCLUSIVE
    yield from _unless_equal(code, document.tax_inclusive, exact, document.currency, working, place)


def _payable(document: Document) -> Iterator[Finding]:
    """Check BT-112 - BT-113 + BT-114 against BT-115 (BR-CO-16), with amounts collected for third parties (BR-FXEXT-CO-16)."""
    if document.payable is None or document.tax_inclusive is None or document.totals_only:
        return  # a document of totals only does not state prepayments
    exact = _exact(document.tax_inclusive)
    working = f"Total with tax {document.tax_inclusive}"
    for sign, amount, name in (
        (-1, document.prepaid, "prepaid"),
        (1, document.rounding, "rounding"),
        (1, document.collected, "collected for third parties"),
    ):
        if amount is not None:
            exact += sign * _exact(amount)
            working += f" {'+' if sign > 0 else '-'} {name} {amount}"
    place = "the amount payable"
    yield from _unless_equal(FindingCode.PAYABLE, document.payable, exact, document.currency, working, place)


def _unless_equal(
    code: FindingCode,
    stated: str,
    exact: Fraction,
    currency: str | None,
    working: str,
    place: str,
    line_no: str | None = None,
) -> Iterator[Finding]:
    """Yield a finding unless some rounding of `exact` gives `stated`."""
    decimals = max(_decimals(stated), EXPONENTS.get(currency or "", 2))
    more = _exact(stated) - exact
    if abs(more) * 2 <= Fraction(1, 10**decimals):
        return
    computed, money = _rounded(exact, decimals), f" {currency}" if currency else ""
    apart = f"{_rounded(abs(more), decimals)} {'more' if more > 0 else 'less'}"
    sentence = f"{working} is {computed}{money}; {place} is stated as {stated}{money}, {apart}."
    yield Finding(code, line_no, stated, computed, sentence)


def _net(adjustments: tuple[Adjustment, ...]) -> Fraction:
    return sum((_exact(part.amount) if part.charge else -_exact(part.amount) for part in adjustments), Fraction(0))


def _sum(figures: Iterable[str]) -> Fraction:
    return sum((_exact(text) for text in figures), Fraction(0))


def _exact(text: str) -> Fraction:
    return Fraction(_decimal(text))


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise DocumentUnreadable(f"'{text}' is not a decimal number; ask the sender to correct it") from error
    if not value.is_finite():
        raise DocumentUnreadable(f"'{text}' is not an amount; ask the sender to correct it")
    return value


def _decimals(text: str) -> int:
    """Return the number of significant decimals: 2 for "10.120"."""
    return len(text.partition(".")[2].rstrip("0"))


def _rounded(exact: Fraction, decimals: int) -> str:
    """Return `exact` at so many decimals, ties away from zero."""
    sign = "-" if exact < 0 else ""
    units = (abs(exact) * 10**decimals * 2 + 1) // 2
    digits = f"{units:0{decimals + 1}d}"
    whole = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{sign if units else ''}{whole}"
