"""Figures for a reader: thousands separated, at least the currency's decimals, never fewer digits than the figure has."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.core.figures import grouped


@pytest.mark.parametrize(
    ("amount", "decimals", "said"),
    [
        ("350", 2, "350.00"),
        ("1050", 0, "1,050"),
        ("1050.4", 0, "1,050.4"),
        ("0.015", 2, "0.015"),
        ("-0.5", 2, "-0.50"),
        ("-123", 2, "-123.00"),
        ("-1234.5", 3, "-1,234.500"),
        ("1234567.891", 2, "1,234,567.891"),
        ("999999999999999", 2, "999,999,999,999,999.00"),
        ("0", 2, "0.00"),
    ],
)
def test_an_amount_is_written_at_its_currencys_decimals_with_thousands_separated(
    amount: str, decimals: int, said: str
) -> None:
    assert grouped(Decimal(amount).quantize(Decimal("1.000000000000")), decimals) == said
