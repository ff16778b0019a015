"""Exact arithmetic on figures that a document states as texts, for the readers, document_parts and document_rows."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import TypeVar

from billing_recon.core.document import Adjustment
from billing_recon.core.journal import EXACT
from billing_recon.feeds.documents.arithmetic import decimal_of, percent_of

FIGURES = (
    "subtotal", "allowances", "charges", "tax_exclusive", "tax", "tax_inclusive", "prepaid", "rounding", "collected", "withheld",
    "payable",
)  # fmt: skip
"""Fields of a Document that are amounts."""
ZERO = Decimal(0)
QUOTIENT = Context(prec=40)
Figure = TypeVar("Figure", Decimal, Decimal | None)


def figure(text: str | None) -> Decimal | None:
    """Return a stated figure; None if it is not stated. Raise DocumentUnreadable for a text that is not a figure."""
    return None if text is None else decimal_of(text)


def adjustment(
    *, charge: bool, amount: str | None, percent: str | None, base: str | None, reason: str | None, tax_rate: str | None
) -> Adjustment | None:
    """Return an allowance or charge, computed from its percentage if it states no amount; None without either.

    >>> adjustment(charge=False, amount=None, percent="10", base="50.00", reason=None, tax_rate=None).amount
    '5.0000'
    """
    if amount is not None:
        return Adjustment(charge, amount, reason, tax_rate)
    if percent is None or base is None:
        return None
    return Adjustment(charge, percent_of(base, percent), reason, tax_rate, percent)


def gross_of(quantity: str | None, unit_price: str | None, base_quantity: str | None) -> str | None:
    """Return quantity x price / base quantity; None if it cannot be computed."""
    if quantity is None or unit_price is None:
        return None
    whole, base = EXACT.multiply(decimal_of(quantity), decimal_of(unit_price)), decimal_of(base_quantity or "1")
    if base == 1:
        return f"{whole:f}"
    return f"{QUOTIENT.divide(whole, base):f}" if base else None


def rate(percent: str | None) -> str | None:
    """Return a stated percentage as a rate: 19 is 0.19."""
    known = figure(percent)
    return percent if known is None else f"{known.scaleb(-2, EXACT):f}"


def net_discount(adjustments: Iterable[Adjustment]) -> Decimal:
    """Return allowances less charges."""
    figures = ((figure(a.amount), a.charge) for a in adjustments)
    return total(negated(known) if charge else known for known, charge in figures)


def negated(known: Figure) -> Figure:
    """Return the figure with the opposite sign."""
    return None if known is None else known.copy_negate()


def plus(*figures: Decimal | None) -> Decimal | None:
    """Return the sum; None if a figure is unknown."""
    return sum_of_all(figures)


def sum_of_all(figures: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum; None if a figure is unknown or there is none."""
    known = list(figures)
    if not known or any(one is None for one in known):
        return None
    return total(known)


def total(figures: Iterable[Decimal | None]) -> Decimal:
    """Return the sum of the known figures."""
    summed = ZERO
    for one in figures:
        summed = EXACT.add(summed, one or ZERO)
    return summed


def first_known(*figures: Decimal | None) -> Decimal | None:
    """Return the first known figure."""
    return next((one for one in figures if one is not None), None)
