"""Facts as the relations state them, and how each kind of fact is written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.explain.facts import Facts, count, percent, rate, units, words

DECIMALS = {"USD": 2, "JPY": 0}


def facts(stated: str = "{}", **columns: object) -> Facts:
    return Facts.read({"currency": "USD", **columns}, stated, DECIMALS)


def test_a_fact_outranks_the_column_of_its_name_and_keeps_every_digit() -> None:
    read = facts('{"billed": 1234567890123456789.123456789012, "lines": 2}', billed=Decimal(1), paid=Decimal(3))
    assert read.number("billed") == Decimal("1234567890123456789.123456789012")
    assert (read["lines"], read["paid"], read.get("absent")) == (2, Decimal(3), None)


def test_a_fact_that_is_null_false_or_absent_is_not_there() -> None:
    read = facts('{"in_doubt": false, "plan": null, "named": "x"}')
    assert [read.has(name) for name in ("in_doubt", "plan", "absent", "named")] == [False, False, False, True]


def test_amounts_show_the_decimals_of_their_currency_and_more_only_if_they_have_them() -> None:
    read = facts(total=Decimal("1234.500000"), rest=Decimal("0.015"), less=Decimal("-6"))
    assert (read.money("total"), read.amount("rest")) == ("USD 1,234.50", "0.015")
    assert (read.signed("total"), read.signed("less")) == ("USD +1,234.50", "USD -6.00")
    assert read.money("total", "JPY") == "JPY 1,234.5"
    assert facts(total=Decimal(1200), currency="JPY").money("total") == "JPY 1,200"


def test_a_kind_of_fact_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no such kind of fact"):
        words("{paid:monney}")(facts(paid=Decimal(1)))
    with pytest.raises(KeyError):
        words("{absent}")(facts())


def test_units_rates_and_counts() -> None:
    assert facts('{"used": 12400.0000000000}').units("used") == "12,400"
    assert (units(Decimal("0.50")), rate(Decimal("0.19000000")), percent(Decimal("0.075"))) == ("0.5", "0.19", "7.5%")
    assert (count(1, "line"), count(0, "line"), count(2000, "line")) == ("1 line", "0 lines", "2,000 lines")
