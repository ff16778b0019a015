"""How figures are written for a reader: thousands separated, amounts at their currency's decimals, deltas with a sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from billing_recon.core.currency import EXPONENTS

NO_DATA = "NO DATA"
"""A metric without a population. Never written as zero."""


def grouped(value: Decimal, decimals: int) -> str:
    """A figure with its thousands separated: at least `decimals` decimals, more only if it has them.

    >>> grouped(Decimal("-12000.500000"), 2), grouped(Decimal("0.0150"), 2), grouped(Decimal("7"), 0)
    ('-12,000.50', '0.015', '7')
    """
    whole, _, rest = f"{value:f}".partition(".")
    rest = rest.rstrip("0").ljust(decimals, "0")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}" + (f".{rest}" if rest else "")


def amount(value: Decimal | None, currency: str | None = None) -> str:
    """An amount for a table; empty if the layer has none.

    >>> amount(Decimal("1234567.5"), "USD"), amount(Decimal("-1050"), "JPY"), amount(None, "USD")
    ('1,234,567.50', '-1,050', '')
    """
    return "" if value is None else grouped(value, EXPONENTS.get(currency or "", 0))


def delta(value: Decimal | None, currency: str | None = None) -> str:
    """A difference: like an amount, with its sign always shown, zero excepted.

    >>> delta(Decimal("12"), "USD"), delta(Decimal("-0.5"), "EUR"), delta(Decimal("0"), "USD")
    ('+12.00', '-0.50', '0.00')
    """
    text = amount(value, currency)
    return f"+{text}" if value is not None and value > 0 else text


def with_currency(value: Decimal | None, currency: str | None, *, signed: bool = False) -> str:
    """An amount followed by its currency; a figure without one is a number of units.

    >>> with_currency(Decimal("5"), "EUR"), with_currency(Decimal("3"), None, signed=True)
    ('5.00 EUR', '+3 units')
    """
    if value is None:
        return ""
    text = delta(value, currency) if signed else amount(value, currency)
    return f"{text} {currency or 'units'}"


def per_currency(amounts: Mapping[str | None, Decimal], *, signed: bool = False) -> str:
    """Amounts of several currencies side by side, since they are never added; `-` if there are none.

    >>> per_currency({"USD": Decimal("5"), "EUR": Decimal("-2")}, signed=True)
    '-2.00 EUR, +5.00 USD'
    """
    known = sorted(amounts.items(), key=lambda item: item[0] or "")
    return ", ".join(with_currency(value, currency, signed=signed) for currency, value in known) or "-"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> count(1, "break"), count(1200, "day"), count(2, "currency", "currencies")
    ('1 break', '1,200 days', '2 currencies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def and_open(number: int, counted: int) -> str:
    """A number of breaks, with how many of them are open, that is count against the gate, if not all are.

    >>> and_open(1200, 1200), and_open(3, 1)
    ('1,200', '3 (1 open)')
    """
    return f"{number:,}" if number == counted else f"{number:,} ({counted:,} open)"


def listed(items: Iterable[str], limit: int = 5) -> str:
    """The first few of a list, and how many more there are.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    known = list(items)
    rest = len(known) - limit
    return ", ".join(known[:limit]) + (f" and {rest:,} more" if rest > 0 else "")
