"""Exact money in plain Python: rounding once, by name. compute.money has the same rules in SQL."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from enum import StrEnum

from billing_recon.core.currency import EXPONENTS, exponent

_EXACT = Context(prec=60)


class Rounding(StrEnum):
    """How a tie or a remainder is rounded."""

    HALF_UP = "half_up"
    """Ties away from zero: 0.125 -> 0.13, -0.125 -> -0.13."""
    HALF_EVEN = "half_even"
    """Ties to the even neighbour: 0.125 -> 0.12."""
    DOWN = "down"
    """Toward zero."""
    UP = "up"
    """Away from zero."""


_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}


def settle_at(amount: Decimal, decimals: int, rounding: Rounding) -> Decimal:
    """Round `amount` at a fixed number of decimals.

    >>> settle_at(Decimal("0.125"), 2, Rounding.HALF_UP), settle_at(Decimal("0.125"), 2, Rounding.HALF_EVEN)
    (Decimal('0.13'), Decimal('0.12'))
    """
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=_MODES[rounding], context=_EXACT)


def settle(amount: Decimal, currency: str, rounding: Rounding) -> Decimal:
    """Round `amount` at its currency's exponent.

    >>> settle(Decimal("1050.4"), "JPY", Rounding.HALF_UP)
    Decimal('1050')
    """
    return settle_at(amount, exponent(currency), rounding)


def minor_unit(currency: str) -> Decimal:
    """The smallest amount that can be settled: 0.01 for USD, 1 for JPY."""
    return Decimal(1).scaleb(-exponent(currency))


def plain(amount: Decimal, currency: str | None = None) -> str:
    """An amount for people and exports: never scientific, no trailing zeros past the currency's exponent.

    >>> plain(Decimal("350.000000000000"), "USD"), plain(Decimal("1050.000"), "JPY"), plain(Decimal("0.0150"))
    ('350.00', '1050', '0.015')
    """
    decimals = EXPONENTS.get(currency or "", 0)
    whole, _, rest = f"{amount:f}".partition(".")
    rest = rest.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{rest}" if rest else whole
