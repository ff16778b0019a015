"""Convert figures and dates as printed to a Document's notation: decimal point, YYYY-MM-DD. Nothing is guessed."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.documents.month_names import with_numbers
from billing_recon.feeds.documents.xml_element import LONGEST_FIGURE

LONGEST_SHOWN = 120
"""Characters of a printed figure or date with signs and currency. A longer text is not one."""

_MINUS = str.maketrans("−–—‐‑", "-----")
_SPACES = re.compile(r"[\s\u00a0\u2000-\u200b\u202f\u205f\u2060\ufeff]+")
_CORE = re.compile(r"[0-9](?:[0-9.,'’ ]*[0-9])?")
_CREDIT = re.compile(r"\s*(cr\.?|credit)\s*", re.IGNORECASE)


def figure(text: str, decimal: str, thousands: str) -> str:
    """Return the figure in `text` with a decimal point and the decimals as printed. `thousands` are the marks that may group.

    Next to the digits may be a currency, a percent sign, a minus on either side, parentheses, or CR. Groups must have
    three digits (or two before the last three, as in India). Raise DocumentUnreadable for anything else.

    >>> figure("EUR 1.234,50", ",", ".' "), figure("(1,234.5)", ".", ", "), figure("€ 5,-", ",", "."), figure("21 %", ",", ".")
    ('1234.50', '-1234.5', '5', '21')
    """
    plain = _SPACES.sub(" ", text.translate(_MINUS)).strip()
    core = _CORE.search(plain) if len(plain) <= LONGEST_SHOWN else None
    if core is None:
        raise DocumentUnreadable(f"'{text.strip()[:LONGEST_SHOWN]}' is not a figure")
    before, digits, after = plain[: core.start()], core[0], plain[core.end() :]
    if before.endswith(decimal) and before[-2:-1] in ("", *" -+($€£¥"):  # ".50", but not "Rs.50"
        before, digits = before[:-1], f"0{before[-1]}{digits}"
    if after.startswith(decimal):  # "5." and "5,-" have no decimals, and that minus is no sign
        after = after[1:].removeprefix("-")
    whole, mark, part = digits.partition(decimal)
    if not _grouped(thousands).fullmatch(whole) or (mark and not _DIGITS.fullmatch(part)) or _DIGITS.search(after):
        marks = " ".join(f"'{mark}'" for mark in thousands) or "nothing"
        raise DocumentUnreadable(
            f"'{text.strip()}' is not a figure with '{decimal}' before decimals and {marks} in thousands"
        )
    value = _OTHER.sub("", whole) + (f".{part}" if part else "")
    if len(value) > LONGEST_FIGURE:
        raise DocumentUnreadable(f"'{value[:LONGEST_FIGURE]}...' is longer than any figure")
    opened, closed = before.count("("), after.count(")")
    negative = (before + after).count("-") + opened + bool(_CREDIT.fullmatch(after))
    if negative > 1 or opened != closed:
        raise DocumentUnreadable(f"'{text.strip()}' has contradictory signs")
    return f"-{value}" if negative else value


def day(text: str, formats: tuple[str, ...], language: str) -> str:
    """Return the date in `text` as YYYY-MM-DD, by the first of the strptime formats that fits.

    >>> day("7. Mai 2014", ("%d. %B %Y",), "de"), day("August 3 , 2014", ("%B %d , %Y",), "en"), day("8-9-2022", ("%d-%m-%Y",), "nl")
    ('2014-05-07', '2014-08-03', '2022-09-08')
    """
    shown = _SPACES.sub(" ", text).strip()
    if len(shown) <= LONGEST_SHOWN:
        for form in formats:
            named = "%B" in form or "%b" in form
            try:
                value = with_numbers(shown, language) if named else shown
                return _parsed(value, form).isoformat()
            except ValueError:
                continue
    raise DocumentUnreadable(f"'{shown[:LONGEST_SHOWN]}' is not a date as {' or '.join(formats)}")


def signed(value: str, sign: Literal["stated", "drop", "flip"]) -> str:
    """Return a figure with its sign as stated, dropped or flipped.

    >>> signed("-5.00", "drop"), signed("5.00", "flip"), signed("-5.00", "flip"), signed("0", "flip")
    ('5.00', '-5.00', '5.00', '0')
    """
    if sign == "stated":
        return value
    bare = value.removeprefix("-")
    return bare if sign == "drop" or bare != value or not bare.strip("0.") else f"-{bare}"


def is_figure(text: str) -> bool:
    """Whether a text is a figure in a Document's notation."""
    return len(text) <= LONGEST_FIGURE and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None


def is_iso_date(text: str) -> bool:
    """Whether a text is a date as YYYY-MM-DD.

    >>> is_iso_date("2026-02-28"), is_iso_date("2026-02-30")
    (True, False)
    """
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_date_format(form: str) -> bool:
    """Whether a strptime format holds a whole date, tested by formatting one and parsing it.

    >>> is_date_format("%d. %B %Y"), is_date_format("%m/%Y"), is_date_format("%Q")
    (True, False, False)
    """
    known = date(2025, 12, 31)
    if "%Y" not in form and "%y" not in form:
        return False
    try:
        return _parsed(known.strftime(numbered(form)), form) == known
    except ValueError:
        return False


def _parsed(text: str, form: str) -> date:
    return datetime.strptime(text, numbered(form)).date()  # noqa: DTZ007  # a date as printed has no time zone


def numbered(form: str) -> str:
    """Return a strptime format with numeric months: month names are read by our own table, not by the machine's locale."""
    return form.replace("%B", "%m").replace("%b", "%m")


_DIGITS = re.compile(r"[0-9]+")
_OTHER = re.compile(r"[^0-9]")


@lru_cache(maxsize=64)
def _grouped(thousands: str) -> re.Pattern[str]:
    marks = re.escape(thousands)
    thrice = rf"[0-9]{{1,3}}(?P<mark>[{marks}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    twice = rf"[0-9]{{1,2}}(?P<two>[{marks}])(?:[0-9]{{2}}(?P=two))*[0-9]{{3}}"
    return re.compile(rf"[0-9]+|{thrice}|{twice}" if thousands else "[0-9]+")
