"""Prices that live in a table become the catalog's per-unit charges; a price that cannot be stands in an error."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from billing_recon.core.catalog import Plan
from billing_recon.core.errors import ConfigurationError
from billing_recon.feeds.price_list import read_price_lists
from billing_recon_tests.feeds.desk import Desk

HEADER = "plan_id,plan_version,currency,meter,unit_price,kind"
Desks = Callable[..., Desk]


def prices(desk_of: Desks, *rows: str, header: str = HEADER) -> tuple[Plan, ...]:
    desk = desk_of(price_lists={"rates": {"path": "rates.csv"}})
    (desk.home / "rates.csv").write_text("\n".join([header, *rows, ""]))
    return read_price_lists(desk.con, desk.home, desk.company)


def test_each_price_is_a_per_unit_charge(desk_of: Desks) -> None:
    plans = prices(
        desk_of, "pro,1,USD,calls,5.5E-6,usage", "pro,1,USD,seats,12.50,subscription", "pro,1,EUR,calls,5e-6,"
    )
    assert [(p.plan_id, p.currency) for p in plans] == [("pro", "EUR"), ("pro", "USD")]
    assert [(c.kind, c.meter, c.unit_price) for c in plans[1].charges] == [
        ("subscription", "seats", Decimal("12.50")),
        ("usage", "calls", Decimal("0.0000055")),
    ]
    assert plans[0].charges[0].kind == "usage"


def test_a_price_repeated_is_one_price(desk_of: Desks) -> None:
    (plan,) = prices(desk_of, *["pro,1,USD,calls,1.0,usage", "pro,1,USD,calls,1.00,usage"] * 3)
    assert len(plan.charges) == 1


def test_two_prices_for_one_key_name_both_rows(desk_of: Desks) -> None:
    with pytest.raises(ConfigurationError, match=r"rates\.csv row 1 .* rates\.csv row 3"):
        prices(desk_of, "pro,1,USD,calls,1,usage", "pro,1,USD,x,1,usage", "pro,1,USD,calls,2,usage")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("pro,1,USD,calls,abc,usage", "row 2: unit_price 'abc' is not a number"),
        ("pro,1,USD,calls,,usage", "row 2: unit_price is empty"),
        ("pro,1,USD,calls,-1,usage", "row 2: unit_price '-1' is below 0"),
        ("pro,1,USD,calls,0.1234567890123,usage", "row 2: unit_price .* has more than 12 decimals"),
        ("pro,1,USD", "row 2: the row has 3 of 6 fields"),
        ("pro,1,ABC,calls,1,usage", "row 2: currency 'ABC' is not an active ISO 4217 code in capitals"),
        ("pro,1,USD,calls,1,rent", "row 2: kind 'rent' is not one of usage, subscription"),
    ],
)
def test_a_price_that_cannot_be_names_its_row(desk_of: Desks, row: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        prices(desk_of, "pro,1,USD,x,1,usage", row)


def test_a_price_list_that_is_not_there_names_its_key(desk_of: Desks) -> None:
    desk = desk_of(price_lists={"rates": {"path": "rates.csv"}})
    with pytest.raises(ConfigurationError, match=r"price_lists\.rates\.path"):
        read_price_lists(desk.con, desk.home, desk.company)


def test_unknown_columns_of_a_price_list_are_an_error(desk_of: Desks) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown column: valid; .*price_lists\.rates"):
        prices(desk_of, "pro,1,USD,calls,1,usage,x", header=HEADER + ",valid")


def test_no_price_lists_no_plans(desk: Desk) -> None:
    assert read_price_lists(desk.con, desk.home, desk.company) == ()
