"""Rounding once, by name, at the currency's exponent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.money import Rounding, minor_unit, plain, settle, settle_at

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=8)


@pytest.mark.parametrize(
    ("amount", "half_up", "half_even", "down"),
    [
        ("0.125", "0.13", "0.12", "0.12"),
        ("0.135", "0.14", "0.14", "0.13"),
        ("-0.125", "-0.13", "-0.12", "-0.12"),
        ("2.675", "2.68", "2.68", "2.67"),
    ],
)
def test_ties_settle_as_the_mode_is_named(amount: str, half_up: str, half_even: str, down: str) -> None:
    got = [settle(Decimal(amount), "USD", mode) for mode in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.DOWN)]
    assert got == [Decimal(half_up), Decimal(half_even), Decimal(down)]


@pytest.mark.parametrize(("currency", "text"), [("JPY", "1050"), ("USD", "1050.00"), ("KWD", "1050.000")])
def test_an_amount_is_written_at_its_currency_exponent(currency: str, text: str) -> None:
    assert plain(Decimal("1050"), currency) == text


@given(AMOUNTS, st.sampled_from(sorted(EXPONENTS)), st.sampled_from(list(Rounding)))
def test_settling_moves_an_amount_by_less_than_one_minor_unit(amount: Decimal, currency: str, mode: Rounding) -> None:
    assert abs(settle(amount, currency, mode) - amount) < minor_unit(currency)


@given(AMOUNTS, st.integers(0, 6), st.sampled_from(list(Rounding)))
def test_settling_twice_changes_nothing(amount: Decimal, decimals: int, mode: Rounding) -> None:
    once = settle_at(amount, decimals, mode)
    assert settle_at(once, decimals, mode) == once


@given(AMOUNTS)
def test_plain_text_reads_back_as_the_same_amount(amount: Decimal) -> None:
    assert Decimal(plain(amount, "USD")) == amount
