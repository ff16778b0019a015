"""Read texts, figures and dates of an XML element as written. Each format knows where its fields are."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal

from lxml import etree

from billing_recon.core.document import DocumentUnreadable

LONGEST_FIGURE = 40
"""Characters of a figure. More is not an amount, quantity or price, and arithmetic on it would be slow rather than wrong."""

_FIGURE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T[\d:.]+)?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)


class Node:
    """One element, read by paths with the prefixes of its format. `currency` is the document's, once known."""

    __slots__ = ("currency", "element", "prefixes")

    def __init__(self, element: etree._Element, prefixes: dict[str, str], currency: str | None = None) -> None:
        self.element = element
        self.prefixes = prefixes
        self.currency = currency

    def all(self, path: str) -> list[Node]:
        """Return every element at the path, in document order."""
        found = self.element.findall(path, namespaces=self.prefixes)
        return [Node(element, self.prefixes, self.currency) for element in found]

    def at(self, path: str) -> Node | None:
        """Return the first element at the path."""
        found = self.element.find(path, namespaces=self.prefixes)
        return None if found is None else Node(found, self.prefixes, self.currency)

    def only(self, path: str) -> Node | None:
        """Like `at`. Raise DocumentUnreadable if there are several: which one holds is not guessed."""
        if len(self.element.findall(path, namespaces=self.prefixes)) > 1:
            raise DocumentUnreadable(f"{_name(path)} occurs more than once; ask the sender which one is right")
        return self.at(path)

    def own_text(self) -> str | None:
        """Return the element's text with white space collapsed; None if empty."""
        return " ".join((self.element.text or "").split()) or None

    def attribute(self, name: str) -> str | None:
        """Return an attribute of the element; None if missing or blank."""
        value = self.element.get(name)
        return str(value).strip() or None if value is not None else None

    def text(self, *paths: str) -> str | None:
        """Return the text at the first of the paths that has one."""
        for path in paths:
            for found in self.element.iterfind(path, namespaces=self.prefixes):
                if text := " ".join((found.text or "").split()):
                    return text
        return None

    def figure(self, *paths: str) -> str | None:
        """Like `text`, for a decimal number exactly as stated ("1199.00"). Raise DocumentUnreadable for anything else."""
        found = self.text(*paths)
        return None if found is None else figure(found, _name(paths[0]))

    def money(self, path: str) -> str | None:
        """Like `figure`, for an amount in the document's currency. Raise DocumentUnreadable if it is in others only.

        Raise it also if the amount is stated twice with different figures. Currencies are never added up, and the sender's
        intention is not guessed.
        """
        found = self.all(path)
        ours = [amount for amount in found if amount.in_document_currency()]
        if found and not ours:
            raise DocumentUnreadable(
                f"{_name(path)} is stated in {found[0].attribute('currencyID')}, the document in "
                f"{self.currency}; ask the sender which one is right"
            )
        name = _name(path)
        stated = [figure(text, name) for amount in ours if (text := amount.own_text()) is not None]
        if len({Decimal(text) for text in stated}) > 1:
            raise DocumentUnreadable(
                f"{name} is stated more than once, as {' and '.join(stated)}; ask the sender which one is right"
            )
        return stated[0] if stated else None

    def in_document_currency(self) -> bool:
        """Whether this amount is in the document's currency, or names none."""
        named = self.attribute("currencyID")
        return self.currency is None or named is None or named.upper() == self.currency

    def is_true(self, *paths: str) -> bool:
        """Whether the indicator at the first of the paths that has one is true. Raise DocumentUnreadable for another word."""
        word = (self.text(*paths) or "false").lower()
        if word not in ("true", "1", "false", "0"):
            name = _name(paths[-1])
            raise DocumentUnreadable(
                f"{name} is '{word}', which is neither true nor false; ask the sender to correct it"
            )
        return word in ("true", "1")

    def period(self, path: str, start: str, end: str) -> tuple[str | None, str | None]:
        """Return the first and last day of the billing period at the path."""
        found = self.at(path)
        return (None, None) if found is None else (found.date(start), found.date(end))

    def date(self, path: str) -> str | None:
        """Return a day as YYYY-MM-DD; None if it is missing or is no day."""
        for found in self.all(path):
            for place in (*found.all("{*}DateTimeString"), *found.all("{*}DateTime"), found):
                with suppress(DocumentUnreadable):
                    if text := place.own_text():
                        return iso_date(text, place.attribute("format"))
        return None


def _name(path: str) -> str:
    """Return the name of the element at a path, without prefix or namespace.

    >>> _name("cac:Price/cbc:PriceAmount"), _name("{*}DatiIVA/{*}Imposta")
    ('PriceAmount', 'Imposta')
    """
    return re.split("[:}/]", path)[-1]


def currency_of(root: etree._Element, stated: str | None) -> str | None:
    """Return the document's currency code in upper case: as stated, else the one that every amount names.

    >>> currency_of(etree.fromstring('<a><b currencyID="eur">1</b><b currencyID="EUR">2</b></a>'), None)
    'EUR'
    """
    if code := (stated or "").strip().upper():
        return code
    named = {str(found).strip().upper() for found in root.xpath("//@currencyID")}  # type: ignore[union-attr]
    return named.pop() if len(named) == 1 else None


def figure(text: str, field: str) -> str:
    """Return `text` if it is a decimal number: digits, a point, a sign; no exponent and no thousands marks.

    >>> figure("-12.50", "PayableAmount")
    '-12.50'
    """
    if len(text) > LONGEST_FIGURE:
        raise DocumentUnreadable(
            f"{field} has {len(text)} characters, more than any figure; ask the sender to correct it"
        )
    if not _FIGURE.fullmatch(text):
        raise DocumentUnreadable(
            f"{field} is '{text}', which is not a decimal number (digits and a point); ask the sender to correct it"
        )
    return text


def iso_date(text: str, form: str | None = None) -> str:
    """Return a date as YYYY-MM-DD. `form` is UN/EDIFACT 2379: 102 YYYYMMDD, 203 and 204 with a time, 610 YYYYMM, 616 YYYYWW.

    An ISO date, with or without time and zone, is accepted for any form; a month or week gives its first day.
    Raise DocumentUnreadable for a day that does not exist.

    >>> iso_date("20240229", "102"), iso_date("2024-02-29Z"), iso_date("202402", "610"), iso_date("202401", "616")
    ('2024-02-29', '2024-02-29', '2024-02-01', '2024-01-01')
    """
    if iso := _ISO_DATE.fullmatch(text):
        text, form = iso[1].replace("-", ""), "102"
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError
        if form == "610" and len(text) == 6:
            return date(int(text[:4]), int(text[4:]), 1).isoformat()
        if form == "616" and len(text) == 6:
            return date.fromisocalendar(int(text[:4]), int(text[4:]), 1).isoformat()
        if len(text) not in (8, 12, 14):
            raise ValueError
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).isoformat()
    except ValueError as error:
        known = f" (format {form})" if form else ""
        raise DocumentUnreadable(
            f"the issue date '{text}'{known} is not a date; ask the sender to correct it"
        ) from error
