"""What units cost under each charge model, as tables that a finance person can read."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.engine import build
from billing_recon.compute.rating import MODELS, rate
from billing_recon.compute.terms import register_terms
from billing_recon.core.charge_models import CHARGE_MODELS
from billing_recon.core.company import Company, Profile
from billing_recon_tests.compute.small_company import catalog, rows
from billing_recon_tests.sessions import session

TIERS = '[{up_to: 1000, unit: "0.10"}, {unit: "0.05"}]'
FEES = '[{up_to: 10, unit: "1", flat: "5"}, {up_to: 20, unit: "0.5", flat: "3"}, {unit: "0.1"}]'


def price(
    charge: str,
    units: str,
    *,
    kind: str = "usage",
    currency: str = "USD",
    part: int = 1,
    whole: int = 1,
    **profile: Any,
) -> dict[str, Any]:
    """One charge's price of some units, from the relations that the reconciler uses too."""
    con = session()
    terms = catalog(f"{{charge_id: c, kind: {kind}, meter: units, {charge}}}", currency=currency)
    register_terms(con, terms, Company(name="c", currencies=(currency,), profile=Profile.model_validate(profile)))
    con.execute("CREATE TABLE run_params AS SELECT ?::VARCHAR AS rounding", [profile.get("rounding", "half_up")])
    con.execute(
        "CREATE TABLE one_item AS SELECT 'i' AS item_id, 'p' AS plan_id, '1' AS plan_version, ?::VARCHAR AS currency, "
        "'c' AS charge_id, ?::DECIMAL(28,10) AS quantity, ?::INTEGER AS part, ?::INTEGER AS whole",
        [currency, Decimal(units), part, whole],
    )
    build(con, rate("one_item", "one_rated"))
    (row,) = rows(con, "SELECT * FROM one_rated")
    return row


CASES = [
    ('model: flat, amount: "200"', "1", "200"),
    ('model: flat, amount: "200"', "17", "200"),
    ('model: per_unit, unit_price: "0.015"', "12000", "180"),
    ('model: per_unit, unit_price: "0.000000000001"', "0.0000000001", "0.0000000000000000000001"),
    (f"model: graduated, tiers: {TIERS}", "1", "0.10"),
    (f"model: graduated, tiers: {TIERS}", "1000", "100"),
    (f"model: graduated, tiers: {TIERS}", "1001", "100.05"),
    (f"model: graduated, tiers: {TIERS}", "1000.0000000001", "100.000000000005"),
    (f"model: graduated, tiers: {FEES}", "10", "15"),
    (f"model: graduated, tiers: {FEES}", "10.5", "18.25"),
    (f"model: graduated, tiers: {FEES}", "20", "23"),
    (f"model: graduated, tiers: {FEES}", "30", "24"),
    (f"model: volume, tiers: {TIERS}", "1000", "100"),
    (f"model: volume, tiers: {TIERS}", "1001", "50.05"),
    (f"model: volume, tiers: {FEES}", "10", "15"),
    (f"model: volume, tiers: {FEES}", "11", "8.5"),
    (f"model: volume, tiers: {FEES}", "21", "2.1"),
    ('model: package, package_size: 1000, package_price: "5"', "1", "5"),
    ('model: package, package_size: 1000, package_price: "5"', "1000", "5"),
    ('model: package, package_size: 1000, package_price: "5"', "1000.5", "10"),
    ('model: package, package_size: 1000, package_price: "5", free_units: 100', "100", "0"),
    ('model: package, package_size: 1000, package_price: "5", free_units: 100', "101", "5"),
    ('model: package, package_size: 1000, package_price: "5", free_units: 100', "1100", "5"),
    ('model: package, package_size: 1000, package_price: "5", free_units: 100', "1101", "10"),
    ('model: package, package_size: "2.5", package_price: "1"', "7.5", "3"),
]


@pytest.mark.parametrize(("charge", "units", "amount"), CASES)
def test_units_cost(charge: str, units: str, amount: str) -> None:
    assert price(charge, units)["gross_raw"] == Decimal(amount)


@pytest.mark.parametrize("charge", sorted({charge for charge, _, _ in CASES}))
def test_no_usage_costs_nothing_under_any_model(charge: str) -> None:
    assert price(charge, "0")["gross"] == 0


@pytest.mark.parametrize(
    ("charge", "amount"),
    [
        ('model: flat, amount: "200"', "200"),
        ('model: per_unit, unit_price: "3"', "0"),
        (f"model: graduated, tiers: {FEES}", "0"),
        (f"model: volume, tiers: {FEES}", "5"),
        ('model: package, package_size: 10, package_price: "3"', "0"),
    ],
)
def test_no_seats_still_cost_a_flat_fee_and_the_fee_of_the_tier_that_holds_zero(charge: str, amount: str) -> None:
    assert price(charge, "0", kind="subscription")["gross"] == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency", "rounding", "settled"),
    [
        ("0.125", "USD", "half_up", "0.13"),
        ("0.125", "USD", "half_even", "0.12"),
        ("0.135", "USD", "half_even", "0.14"),
        ("0.129", "USD", "down", "0.12"),
        ("1050.5", "JPY", "half_up", "1051"),
        ("1050.5", "JPY", "half_even", "1050"),
        ("1050.4", "JPY", "half_up", "1050"),
        ("0.1235", "KWD", "half_up", "0.124"),
    ],
)
def test_an_amount_settles_once_at_its_currencys_exponent(
    amount: str, currency: str, rounding: str, settled: str
) -> None:
    row = price(f'model: flat, amount: "{amount}"', "1", currency=currency, rounding=rounding)
    assert row["gross_raw"] == Decimal(amount)
    assert row["gross"] == Decimal(settled)


def test_a_share_of_a_period_is_taken_before_rounding() -> None:
    row = price('model: flat, amount: "100"', "1", kind="subscription", part=10, whole=31)
    assert row["gross_raw"] == Decimal("32.2580645161290322580645")
    assert row["gross"] == Decimal("32.26")
    assert json.loads(row["working"])["proration"] == {"days": 10, "of": 31}


def test_the_working_shows_each_tier_with_its_units_price_and_amount_as_text() -> None:
    row = price('model: graduated, tiers: [{up_to: 10000}, {unit: "0.015"}]', "22000")
    working = json.loads(row["working"], parse_float=lambda _: pytest.fail("a figure went through a float"))
    assert working["model"] == "graduated"
    assert [(t["units"], t["unit_price"], t["amount"]) for t in working["steps"]["tiers"]] == [
        ("10000", "0", "0"),
        ("12000", "0.015", "180"),
    ]


@pytest.mark.parametrize(("charge", "price_shown"), [
    ('model: flat, amount: "200"', "200"),
    ('model: per_unit, unit_price: "0.015"', "0.015"),
    ('model: package, package_size: 10, package_price: "3"', "3"),
    (f"model: graduated, tiers: {TIERS}", None),
    (f"model: volume, tiers: {TIERS}", None),
])  # fmt: skip
def test_a_tiered_line_has_no_single_unit_price(charge: str, price_shown: str | None) -> None:
    assert price(charge, "5")["unit_price"] == (None if price_shown is None else Decimal(price_shown))


def test_every_model_names_itself_and_where_its_rule_is_written() -> None:
    names = [model.name for model in MODELS]
    assert names == [*CHARGE_MODELS, "prorated_graduated"]
    assert all(re.search(r"\(docs/rating.md, rule \d+\)$", model.doc) for model in MODELS)
