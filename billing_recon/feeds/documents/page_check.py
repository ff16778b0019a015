"""Check a document's data against the pages that the customer sees: they must show its number and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from billing_recon.core.document import Document, Finding, FindingCode


def findings(document: Document, page: str) -> tuple[Finding, ...]:
    """Return a finding for the number and for each amount that the pages do not show; none if they have no figure at all.

    Signs are not compared: a page writes a credit as "-12.00", "12.00-", "(12.00)" or in a column of its own. Thousands may
    be marked by a point, comma, apostrophe or space; decimals by a point or comma, and left out where they are zero.
    """
    page = page.translate(_HYPHENS)
    if not any(character.isdigit() for character in page):
        return ()
    return (*_number(document, page), *_amounts(document, page))


def shows_amount(page: str, amount: str) -> bool:
    """Whether a page shows the amount in any usual notation.

    >>> shows_amount("Gesamt 1.234,50 EUR", "1234.50"), shows_amount("Total 21,234.50", "1234.5")
    (True, False)
    """
    return _pattern(amount).search(page) is not None


def _number(document: Document, page: str) -> Iterator[Finding]:
    if document.number is None or len(document.number) > _LONGEST_NUMBER:
        return
    sought = r"\s*".join(re.escape(character) for character in "".join(document.number.split()))
    if re.search(rf"(?<!\w){sought}(?!\w)", page, re.IGNORECASE) is None:
        sentence = f"The data states invoice number {document.number}; no page shows it."
        yield Finding(FindingCode.PAGE_TEXT, None, document.number, "", sentence)


def _amounts(document: Document, page: str) -> Iterator[Finding]:
    money = f" {document.currency}" if document.currency else ""
    missed: set[Decimal] = set()
    for name, stated, parts in (
        ("amount payable", document.payable, ()),
        ("total with tax", document.tax_inclusive, ()),
        ("total without tax", document.tax_exclusive, [part.base for part in document.taxes]),
        ("tax", document.tax, [part.amount for part in document.taxes]),
    ):
        if stated is None or Decimal(stated).copy_abs() in missed or shows_amount(page, stated):
            continue
        if name == "tax" and not Decimal(stated):
            continue  # a page without tax need not show 0.00
        if 0 < len(parts) <= _MOST_RATES and all(part is not None and shows_amount(page, part) for part in parts):
            continue  # a page may show each rate's figure and omit the sum
        missed.add(Decimal(stated).copy_abs())
        nearest = _nearest(page, Decimal(stated).copy_abs())
        closest = f" The closest amount on them is {nearest}." if nearest else ""
        sentence = f"The data states {name} {stated}{money}; no page shows it.{closest}"
        yield Finding(FindingCode.PAGE_TEXT, None, stated, nearest, sentence)


_HYPHENS = str.maketrans(dict.fromkeys("\u00ad\u2010\u2011\ufffe", "-"))
"""What a page, or the reader of its text at a line's end, may have for the hyphen of a number."""
_MOST_RATES = 20
_LONGEST_NUMBER = 100
_MARK = r"[.,'’ \u00a0\u2009\u202f]"
_AMOUNT = re.compile(rf"(?<![\d.,])(\d{{1,3}}(?:{_MARK}?\d{{3}}){{0,5}})[.,](\d{{2}})(?![\d.,])")


def _pattern(amount: str) -> re.Pattern[str]:
    whole, _, part = f"{abs(Decimal(amount)):f}".partition(".")
    part = part.rstrip("0")
    first = len(whole) % 3
    groups = ([whole[:first]] if first else []) + [whole[i : i + 3] for i in range(first, len(whole), 3)]
    decimals = rf"[.,]{part}0*" if part else r"(?:[.,](?:0+|[-–—]+))?"
    return re.compile(rf"(?<!\d)(?<!\d[.,'’]){f'{_MARK}?'.join(groups)}{decimals}(?!\d)(?![.,'’]\d)(?!\s?%)")


def _nearest(page: str, sought: Decimal) -> str:
    """Return the amount on the pages that is closest to the one sought, as plain decimal text."""
    shown = {Decimal(f"{re.sub(_MARK, '', found[1])}.{found[2]}") for found in _AMOUNT.finditer(page)}
    return f"{min(shown, key=lambda amount: (abs(amount - sought), amount)):f}" if shown else ""
