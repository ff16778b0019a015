"""Exact arithmetic on the figures that a document states as texts. What they mean as rows is in document_rows and billed_documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

from billing_recon.core.document import Adjustment, Document, DocumentKind
from billing_recon.core.journal import EXACT

ZERO = Decimal(0)
_FIGURE = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
Figure = TypeVar("Figure", Decimal, Decimal | None)


def figure(text: str | None) -> Decimal | None:
    """A stated figure; None where nothing, or no figure, is stated."""
    return Decimal(text) if text is not None and _FIGURE.fullmatch(text) else None


def as_text(text: str | None, known: Decimal | None, document: Document) -> str | None:
    """A figure of ours, turned where the document is a credit note; the text as stated where it is not a figure."""
    if text is not None and figure(text) is None:
        return text
    if known is None:
        return None
    ours = known.copy_negate() if document.kind is DocumentKind.CREDIT_NOTE and known else known
    return f"{ours:f}"


def rate(percent: str | None) -> str | None:
    """A stated percentage as a rate: 19 is 0.19."""
    known = figure(percent)
    return percent if known is None else f"{known.scaleb(-2, EXACT):f}"


def net_discount(adjustments: Iterable[Adjustment]) -> Decimal:
    """What adjustments take off, less what they add."""
    figures = ((figure(a.amount), a.charge) for a in adjustments)
    return total(negated(known) if charge else known for known, charge in figures)


def negated(known: Figure) -> Figure:
    """With the other sign."""
    return None if known is None else known.copy_negate()


def plus(*figures: Decimal | None) -> Decimal | None:
    """The sum, None where one of them is not known."""
    return sum_of_all(figures)


def sum_of_all(figures: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, None where one of them is not known or there is none."""
    known = list(figures)
    if not known or any(one is None for one in known):
        return None
    return total(known)


def total(figures: Iterable[Decimal | None]) -> Decimal:
    """The sum of those that are known."""
    summed = ZERO
    for one in figures:
        summed = EXACT.add(summed, one or ZERO)
    return summed


def first_known(*figures: Decimal | None) -> Decimal | None:
    """The first that is known."""
    return next((one for one in figures if one is not None), None)
