"""Exact arithmetic on figures that a document states as texts, for document_rows and billed_lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

from billing_recon.core.document import Adjustment, Document, DocumentKind
from billing_recon.core.journal import EXACT

FIGURES = (
    "subtotal", "allowances", "charges", "tax_exclusive", "tax", "tax_inclusive", "prepaid", "rounding", "collected", "payable",
)  # fmt: skip
"""Fields of a Document that are amounts."""
ZERO = Decimal(0)
_FIGURE = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
Figure = TypeVar("Figure", Decimal, Decimal | None)


def figure(text: str | None) -> Decimal | None:
    """Return a stated figure; None if the text is missing or is not a figure."""
    return Decimal(text) if text is not None and _FIGURE.fullmatch(text) else None


def as_text(text: str | None, known: Decimal | None, document: Document) -> str | None:
    """Return a figure as text, negated for a credit note; a stated text that is not a figure is returned as it is."""
    if text is not None and figure(text) is None:
        return text
    if known is None:
        return None
    ours = known.copy_negate() if document.kind is DocumentKind.CREDIT_NOTE and known else known
    return f"{ours:f}"


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
