"""Parse days as spreadsheets write them. The month in 03/04 is declared or proven, never guessed."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from typing import Literal

from billing_recon.core.journal import LedgerUnreadable, Period
from billing_recon.feeds.ledgers.ledger_figures import excerpt

Order = Literal["dmy", "mdy", "ymd"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[T ][0-9:.]{4,}.*)?")
_NUMBERS = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?: [0-9:]{4,8}(?: ?[AaPp][Mm])?)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[ -]([A-Za-z]{3,9})\.?,?[ -]([0-9]{4}|[0-9]{2})")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? ([0-9]{1,2}),? ([0-9]{4})")
_MONTH = re.compile(r"([A-Za-z]{3,9})\.?,? ?([0-9]{4})?")
_YMD_SHORT = re.compile(r"([0-9]{2})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")


def order_of(texts: Iterable[tuple[int, str]], declared: Order | None, file: str) -> Order | None:
    """Return the order of numeric days, from (line, text) of the whole file; None if every text is unambiguous.

    Raise LedgerUnreadable if the days contradict each other or could be read both ways.
    """
    if declared is not None:
        return declared
    day_first: tuple[int, str] | None = None
    month_first: tuple[int, str] | None = None
    either: tuple[int, str] | None = None
    for line, text in texts:
        match = _NUMBERS.fullmatch(text.strip())
        if match is None:
            continue
        first, mark, second = int(match.group(1)), match.group(2), int(match.group(3))
        if first > 12 or mark == ".":
            day_first = day_first or (line, text)
        elif second > 12:
            month_first = month_first or (line, text)
        elif first != second:
            either = either or (line, text)
    if day_first and month_first:
        raise LedgerUnreadable(
            f"{file}: the days contradict each other: line {day_first[0]} has {excerpt(day_first[1])}, line "
            f"{month_first[0]} has {excerpt(month_first[1])}; ask for a resend with one order"
        )
    if day_first:
        return "dmy"
    if month_first:
        return "mdy"
    if either:
        raise LedgerUnreadable(
            f"{file}: line {either[0]}: the day {excerpt(either[1])} could be read both ways and no other day of the file "
            "decides; declare dates: dmy or dates: mdy"
        )
    return "dmy"  # only days like 05/05, which are the same both ways


def day(text: str, order: Order | None, where: str) -> date:
    """Parse one day. Raise LedgerUnreadable."""
    found = _day(text.strip(), order)
    if found is None:
        raise LedgerUnreadable(f"{where}: '{excerpt(text)}' is not a date; 2026-03-02 is one")
    return found


def _day(text: str, order: Order | None) -> date | None:
    try:
        if match := _ISO.fullmatch(text):
            return date(int(match.group(1)), int(match.group(2)), int(match.group(3)))
        if order == "ymd" and (match := _YMD_SHORT.fullmatch(text)):
            return date(_year(match.group(1)), int(match.group(2)), int(match.group(3)))
        if match := _NUMBERS.fullmatch(text):
            first, second, year = int(match.group(1)), int(match.group(3)), _year(match.group(4))
            return date(year, first, second) if order == "mdy" else date(year, second, first)
        if (match := _DAY_FIRST.fullmatch(text)) and (month := _month(match.group(2))):
            return date(_year(match.group(3)), month, int(match.group(1)))
        if (match := _MONTH_FIRST.fullmatch(text)) and (month := _month(match.group(1))):
            return date(int(match.group(3)), month, int(match.group(2)))
    except ValueError:
        pass
    return None


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month(name: str) -> int | None:
    stem = name[:3].casefold()
    return _MONTHS.index(stem) + 1 if stem in _MONTHS else None


def day_within(text: str) -> date | None:
    """Return the only day with a month name in a text."""
    found = [match for pattern in (_DAY_FIRST, _MONTH_FIRST) for match in pattern.finditer(text)]
    days = {day for match in found if (day := _day(match.group(0), None)) is not None}
    return days.pop() if len(days) == 1 else None


def period_of(title: str) -> Period | None:
    """Return the period in a report's title: "January 1 - March 31, 2026", "1 Jan 2026 to 31 Mar 2026", "March 2026"."""
    text = " ".join(title.split())
    text = re.sub(r"(?i)^(for the (period|month|year)|from|period:?|dates?:?)\s+", "", text)
    parts = re.split(r"\s*(?:-|–|—|\bto\b|\bthrough\b)\s*", text)
    if len(parts) not in (1, 2) or not any(c.isdigit() for c in parts[-1]):
        return None
    last_year = re.search(r"([0-9]{4})$", parts[-1])
    begin = parts[0] if re.search(r"[0-9]{4}$", parts[0]) or not last_year else f"{parts[0]}, {last_year.group(1)}"
    if begin == parts[0] and last_year is None:
        return None
    first, last = _span(begin), _span(parts[-1])
    return Period(first[0], last[1]) if first and last and first[0] <= last[1] else None


def _span(text: str) -> tuple[date, date] | None:
    """Return a day, or a whole month."""
    exact = _day(text, None) if re.search(r"[A-Za-z]", text) else None
    if exact is not None:
        return exact, exact
    match = _MONTH.fullmatch(text)
    month = _month(match.group(1)) if match else None
    if match is None or month is None or match.group(2) is None or not int(match.group(2)):
        return None
    year = int(match.group(2))
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])
