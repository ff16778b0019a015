"""Parse figures and days strictly and exactly. Anything ambiguous is refused with its location."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from billing_recon.core.journal import LedgerUnreadable

DIGITS = 38
"""A figure with more digits is not an amount of any ledger."""
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9:.]{5,}.*|Z|[+-][0-9]{2}:[0-9]{2})?")
_BARE = {".": re.compile(r"[0-9]*\.?[0-9]*"), ",": re.compile(r"[0-9]*,?[0-9]*")}
_GROUPED = {
    ".": re.compile(r"[0-9]{1,3}(?P<mark>[, '’\u00a0\u202f])[0-9]{2,3}(?:(?P=mark)[0-9]{2,3})*(?:\.[0-9]*)?"),
    ",": re.compile(r"[0-9]{1,3}(?P<mark>[. '’\u00a0\u202f])[0-9]{2,3}(?:(?P=mark)[0-9]{2,3})*(?:,[0-9]*)?"),
}
_LAST_GROUP = re.compile(r"[^0-9][0-9]{3}$")


def plain_figure(text: str, where: str) -> Decimal:
    """Parse a figure written 1234.50, as in XML and our own files."""
    stripped = text.strip()
    if not _PLAIN.fullmatch(stripped):
        raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not a figure; 1234.50 is one")
    return _bounded(stripped, where)


def grouped_figure(digits: str, mark: str, where: str) -> Decimal:
    """Parse an unsigned figure with `mark` before its decimals and at most one other mark between its thousands."""
    bare = _BARE[mark].fullmatch(digits) and any(c.isdigit() for c in digits)
    grouped = _GROUPED[mark].fullmatch(digits) and _LAST_GROUP.search(digits.split(mark)[0])
    if not bare and not grouped:
        other = "1.234,50" if mark == "," else "1,234.50"
        raise LedgerUnreadable(
            f"{where} is '{excerpt(digits)}', which is not a figure with '{mark}' before its decimals, like {other}; "
            "correct it, or declare the file's decimal_mark"
        )
    kept = "".join("." if c == mark else c for c in digits if c.isdigit() or c == mark)
    return _bounded(kept, where)


def _bounded(text: str, where: str) -> Decimal:
    if sum(c.isdigit() for c in text) > DIGITS:
        raise LedgerUnreadable(
            f"{where} has more than {DIGITS} digits ({excerpt(text)}); it is not an amount of a ledger"
        )
    return Decimal(text)


def iso_day(text: str, where: str) -> date:
    """Parse a day written 2026-03-02; ignore a time or offset after it."""
    match = _ISO.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        return date.fromisoformat(match.group(1))
    except ValueError:
        raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not a date; 2026-03-02 is one") from None


def excerpt(text: str) -> str:
    """Shorten a text of the file for a message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
