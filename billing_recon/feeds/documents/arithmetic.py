"""Which of a document's sums do not hold: exact facts about its own figures, whatever format it came in.

The rules are EN 16931's BR-CO-10 to BR-CO-17, and for a line quantity x price / base quantity - allowances + charges. A
figure that is not stated gives no finding for it; among summands a missing one counts as nothing. What is stated may be off
by half of its last place (a cent, or finer where more decimals are stated): any rounding of the exact figure stays within.
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
    """Every sum of the document that does not hold: its lines' first, then in the order of a bill.

    Figures are decimal texts ("1199.00"); DocumentUnreadable for one that is not. PAGE_TEXT is page_text's.
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
    """The exact sum as text, a single figure as it is stated, None of nothing.

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
        sentence = (
            f"{working} cannot be computed, its price is for a quantity of 0; {place} is stated as {line.amount}."
        )
        yield Finding(FindingCode.LINE_AMOUNT, line.line_no, line.amount, "", sentence)
        return
    exact = _exact(line.quantity) * _exact(line.unit_price) / base + _net(line.adjustments)
    yield from _unless_equal(FindingCode.LINE_AMOUNT, line.amount, exact, currency, working, place, line.line_no)


def _subtotal(document: Document) -> Iterator[Finding]:
    """The lines against BT-106 (BR-CO-10), the document's allowances and charges against their totals (11, 12).

    Senders differ in the sign of an allowance on a negative invoice, so those two are compared without it: which sign
    holds is seen in the total without tax.
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
    """BT-106 - BT-107 + BT-108 against BT-109 (BR-CO-13).

    BT-109 stands between two other sums. Where the one with the tax fails too, the odd figure is BT-109 and the finding
    belongs there; otherwise it is the subtotal or its allowances and charges.
    """
    if document.tax_exclusive is None or document.subtotal is None:
        return
    allowances = document.allowances or total_of(part.amount for part in document.adjustments if not part.charge)
    charges = document.charges or total_of(part.amount for part in document.adjustments if part.charge)
    exact = _exact(document.subtotal) - _exact(allowances or "0") + _exact(charges or "0")
    working = f"Subtotal {document.subtotal}"
    working += f" - allowances {allowances}" if allowances else ""
    working += f" + charges {charges}" if charges else ""
    odd = any(_tax_inclusive(document)) and not any(_subtotal(document))
    code = FindingCode.TAX_INCLUSIVE if odd else FindingCode.SUBTOTAL
    place = "the total without tax"
    yield from _unless_equal(code, document.tax_exclusive, exact, document.currency, working, place)


def _tax(document: Document) -> Iterator[Finding]:
    """Each rate's base x rate against its tax (BR-CO-17), and their sum against BT-110 (BR-CO-14)."""
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
    """Whether every line of the rate states its own right tax and these sum to the rate's: rounded line by line.

    Their sum may be off base x rate by half a place a line, which is another rounding and no error.
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
    """BT-109 + BT-110 against BT-112 (BR-CO-15). Without a total tax, the taxes by rate are it."""
    tax = document.tax or total_of(part.amount for part in document.taxes if part.amount is not None)
    if document.tax_inclusive is None or document.tax_exclusive is None or tax is None:
        return
    exact = _exact(document.tax_exclusive) + _exact(tax)
    working = f"Total without tax {document.tax_exclusive} + tax {tax}"
    place = "the total with tax"
    code = FindingCode.TAX_INCLUSIVE
    yield from _unless_equal(code, document.tax_inclusive, exact, document.currency, working, place)


def _payable(document: Document) -> Iterator[Finding]:
    """BT-112 - BT-113 + BT-114 against BT-115 (BR-CO-16), with what is collected for third parties (BR-FXEXT-CO-16)."""
    if document.payable is None or document.tax_inclusive is None or document.totals_only:
        return  # what was prepaid is not known of a document that states totals only
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
    """A finding where `exact` does not round to `stated` by any rounding of its last place."""
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
    """Decimals that a figure uses: 2 for "10.120", whose last zero says nothing finer."""
    return len(text.partition(".")[2].rstrip("0"))


def _rounded(exact: Fraction, decimals: int) -> str:
    """`exact` at so many decimals, ties away from zero."""
    sign = "-" if exact < 0 else ""
    units = (abs(exact) * 10**decimals * 2 + 1) // 2
    digits = f"{units:0{decimals + 1}d}"
    whole = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{sign if units else ''}{whole}"
