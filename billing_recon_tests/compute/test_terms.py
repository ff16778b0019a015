"""The catalog, read from YAML and registered as tables."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.compute.terms import load_catalog, register_terms
from billing_recon.core.company import Company, Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import TERMS
from billing_recon_tests.sessions import session

GOOD = """
plans:
  - plan_id: growth
    plan_version: "1"
    currency: USD
    name: Growth
    minimum: "350"
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "200.00"}
      - charge_id: events
        kind: usage
        model: graduated
        meter: events
        tiers: [{up_to: 10000}, {unit: "0.015"}]
taxes:
  - {tax_region: DE, rate: "0.19", effective_from: 2007-01-01}
  - {tax_region: DE, rate: "0.16", effective_from: 2020-07-01}
  - {tax_region: DE, rate: "0.19", effective_from: 2021-01-01}
"""


def company(**profile: object) -> Company:
    return Company(name="c", currencies=("USD",), profile=Profile.model_validate(profile))


def test_every_column_has_exactly_the_type_that_computing_relies_on() -> None:
    con = session()
    register_terms(con, load_catalog([("a.yaml", GOOD)]), company())
    types = {
        table.name: dict(con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})").fetchall())
        for table in TERMS
    }
    assert types["term_plans"]["minimum"] == "DECIMAL(38,12)"
    assert {types["term_charges"][c] for c in ("amount", "unit_price", "package_price")} == {"DECIMAL(24,12)"}
    assert {types["term_charges"][c] for c in ("package_size", "free_units")} == {"DECIMAL(28,10)"}
    assert {types["term_tiers"][c] for c in ("lower", "upper")} == {"DECIMAL(28,10)"}
    assert {types["term_tiers"][c] for c in ("unit", "flat")} == {"DECIMAL(24,12)"}
    assert types["term_taxes"]["rate"] == "DECIMAL(12,8)"
    assert not [t for columns in types.values() for t in columns.values() if t in ("DOUBLE", "FLOAT")]


def test_a_tier_begins_where_the_one_before_ends_and_the_last_has_no_end() -> None:
    con = session()
    register_terms(con, load_catalog([("a.yaml", GOOD)]), company())
    tiers = con.execute("SELECT tier_no, lower, upper, unit FROM term_tiers ORDER BY tier_no").fetchall()
    assert tiers == [
        (1, Decimal(0), Decimal(10000), Decimal(0)),
        (2, Decimal(10000), None, Decimal("0.015")),
    ]


def test_a_tax_rate_holds_until_its_regions_next_one() -> None:
    con = session()
    register_terms(con, load_catalog([("a.yaml", GOOD)]), company())
    ends = con.execute("SELECT rate, effective_to::VARCHAR FROM term_taxes ORDER BY effective_from").fetchall()
    assert ends == [(Decimal("0.19"), "2020-07-01"), (Decimal("0.16"), "2021-01-01"), (Decimal("0.19"), None)]


@pytest.mark.parametrize(("decimals", "usd", "jpy"), [(None, 2, 0), (4, 4, 4)])
def test_amounts_settle_at_the_currencys_exponent_unless_the_profile_says_otherwise(
    decimals: int | None, usd: int, jpy: int
) -> None:
    con = session()
    register_terms(con, load_catalog([("a.yaml", GOOD)]), company(decimals=decimals))
    found = dict(con.execute("SELECT currency, decimals FROM currencies WHERE currency IN ('USD', 'JPY')").fetchall())
    assert found == {"USD": usd, "JPY": jpy}


def test_a_price_that_passed_through_a_float_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_catalog([("plans.yaml", GOOD.replace('"0.015"', "0.015"))])
    (problem,) = refused.value.problems
    assert problem.startswith("plans.yaml:14: plans[0].charges[1].tiers[1].unit: ")
    assert 'write the figure in quotes ("0.015")' in problem


def test_all_problems_of_all_files_are_reported_at_once() -> None:
    unknown = GOOD.replace("name: Growth", "nmae: Growth")
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(
            [("a.yaml", unknown), ("b.yaml", "plans: ["), ("c.yaml", "- 1"), ("d.yaml", GOOD), ("e.yaml", GOOD)]
        )
    problems = refused.value.problems
    assert any(p.startswith("a.yaml:6: plans[0].nmae:") for p in problems)
    assert any(p.startswith("b.yaml:2: not valid YAML") for p in problems)
    assert any(p.startswith("c.yaml: must be a mapping") for p in problems)
    assert any(p.startswith("e.yaml: plan 'growth' version '1' in USD is already in d.yaml") for p in problems)
    assert any(p.startswith("e.yaml: tax region 'DE' has two rates from 2007-01-01") for p in problems)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('amount: "200.00"', 'amount: "200.00", free_units: 5'), "free_units has no effect on model flat"),
        (('"0.015"', '"0.0150000000001"'), "more than the 12 decimals kept of a price"),
        (('"350"', '"1000000000000001"'), "larger than any amount can be"),
        (('"0.16"', '"0.123456789"'), "more than the 8 decimals kept of a rate"),
        (('"350"', '"NaN"'), "minimum"),
        (("plan_id: growth", "plan_id: growth\n    plan_id: other"), "plan_id given twice"),
    ],
)
def test_a_figure_that_would_be_lost_or_ignored_is_refused(change: tuple[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load_catalog([("a.yaml", GOOD.replace(*change))])


def test_the_digest_changes_with_any_text_and_not_with_the_order_of_the_files() -> None:
    one, two = ("a.yaml", GOOD), ("b.yaml", "taxes: []")
    assert load_catalog([one, two]).digest == load_catalog([two, one]).digest
    assert load_catalog([one, two]).digest != load_catalog([one, ("b.yaml", "taxes: [] ")]).digest
    assert load_catalog([one, two]).digest != load_catalog([one, ("c.yaml", "taxes: []")]).digest
