"""Whole small bills, written out: what the contract makes due, line by line."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.expect import refuse_doubles
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Profile
from billing_recon.core.errors import BillingReconError
from billing_recon.core.money import Rounding
from billing_recon.core.schema import EXPECTED_LINES
from billing_recon_tests.compute.small_company import SmallCompany, catalog, day, rows
from billing_recon_tests.sessions import session

BASE = '{charge_id: base, kind: subscription, model: flat, meter: base, amount: "200"}'
SEATS = '{charge_id: seats, kind: subscription, model: per_unit, meter: seats, unit_price: "31"}'
EVENTS = '{charge_id: events, kind: usage, model: graduated, meter: events, tiers: [{up_to: 10000}, {unit: "0.015"}]}'
CALLS = '{charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "0.125"}'
GERMANY = '  - {tax_region: DE, rate: "0.19"}'


def due(terms: Catalog, on: str = "2026-04-03", **given: Any) -> SmallCompany:
    return SmallCompany(terms, day(on), **given)


def bill(company: SmallCompany) -> list[tuple[Any, ...]]:
    """(kind, meter, period_start, gross, discount, credit, tax, total), figures as numbers that a test writes."""
    return [
        (
            row["kind"],
            row["meter"],
            f"{row['period_start']:%m-%d}",
            *(str(round(row[c], row["decimals"])) for c in ("gross", "discount", "credit", "tax", "total")),
        )
        for row in company.expected()
    ]


def coupon(name: str, amount: str, valid_from: str = "2026-01-01", valid_to: str = "2027-01-01") -> dict[str, str]:
    return {"coupon_id": name, "amount": amount, "valid_from": valid_from, "valid_to": valid_to}


def credit(name: str, amount: str, granted_on: str = "2026-03-15") -> dict[str, str]:
    return {"credit_id": name, "amount": amount, "granted_on": granted_on}


def test_base_fee_usage_discount_and_minimum_of_the_seed_example() -> None:
    """Base 200 including 10,000 events, 0.015 from 10,001, 10% discount, minimum 350; 22,000 events: 380 - 38 + 8."""
    company = due(catalog(BASE, EVENTS, minimum="350"))
    company.subscribes(contract={"discount": {"rate": "0.10"}})
    company.uses("22000", "2026-03-10")
    assert bill(company) == [
        ("minimum", None, "03-01", "8.00", "0.00", "0.00", "0.00", "8.00"),
        ("subscription", "base", "03-01", "200.00", "20.00", "0.00", "0.00", "180.00"),
        ("usage", "events", "03-01", "180.00", "18.00", "0.00", "0.00", "162.00"),
    ]
    assert sum(row["total"] for row in company.expected()) == 350


def test_the_columns_and_types_are_those_of_the_contract() -> None:
    company = due(catalog(BASE, EVENTS))
    company.subscribes()
    described = company.rated().execute("SELECT column_name, column_type FROM (DESCRIBE expected_lines)").fetchall()
    assert described == [(column.name, column.sql_type) for column in EXPECTED_LINES.columns]


def test_every_money_column_of_every_step_is_a_decimal() -> None:
    company = due(catalog(BASE, EVENTS, CALLS.replace("events", "calls"), SEATS, minimum="350"))
    company.subscribes()
    found = company.rated().execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal AND data_type IN ('DOUBLE', 'FLOAT')"
    )
    assert found.fetchall() == []


def test_a_sentence_tells_how_the_total_came_to_be() -> None:
    company = due(catalog(EVENTS, taxes=GERMANY))
    company.subscribes(tax_region="DE", contract={"discount": {"rate": "0.1"}})
    company.uses("22000", "2026-03-10")
    (line,) = company.expected()
    assert line["sentence"] == (
        "10,000 events included + 12,000 above the first 10,000 at USD 0.015 = USD 180.00; "
        "less 10% discount USD 18.00; plus 19% tax USD 30.78; total USD 192.78."
    )
    working = json.loads(line["working"], parse_float=lambda _: pytest.fail("a figure went through a float"))
    assert working["steps"]["rating"]["steps"]["tiers"][1]["amount"] == "180"
    assert working["tax_unrounded"] == "30.78"


def test_usage_of_zero_is_expected_as_a_line_of_zero() -> None:
    company = due(catalog(EVENTS))
    company.subscribes()
    (line,) = company.expected()
    assert (line["quantity"], line["total"], line["sentence"]) == (0, 0, "no events; total USD 0.00.")


def test_seats_that_change_within_a_period_are_billed_by_the_day() -> None:
    company = due(catalog(BASE, SEATS))
    company.subscribes(quantity=2, until="2026-03-11")
    company.subscribes(quantity=5, since="2026-03-11")
    assert bill(company) == [
        ("proration", "seats", "03-01", "20.00", "0.00", "0.00", "0.00", "20.00"),
        ("proration", "seats", "03-11", "105.00", "0.00", "0.00", "0.00", "105.00"),
        ("subscription", "base", "03-01", "200.00", "0.00", "0.00", "0.00", "200.00"),
    ]
    assert company.expected()[1]["sentence"] == "5 seats at USD 31.00 for 21 of 31 days = USD 105.00; total USD 105.00."


def test_an_interval_that_changes_nothing_that_is_charged_leaves_one_whole_line() -> None:
    company = due(catalog(BASE, SEATS))
    company.subscribes(segment="smb", until="2026-03-11")
    company.subscribes(segment="enterprise", customer_id="C2", since="2026-03-11")
    lines = company.expected()
    assert [(x["kind"], x["segment"], x["customer_id"]) for x in lines] == [("subscription", "enterprise", "C2")] * 2


def test_an_upgrade_in_mid_period_bills_both_plans_by_the_day_and_each_its_own_usage() -> None:
    terms = catalog(BASE, CALLS)
    plan = terms.plans[0]
    pro = plan.model_copy(
        update={
            "plan_id": "pro",
            "charges": (plan.charges[0].model_copy(update={"amount": Decimal(620)}), plan.charges[1]),
        }
    )
    company = due(terms.model_copy(update={"plans": (plan, pro)}))
    company.subscribes(until="2026-03-11T08:00")
    company.subscribes(since="2026-03-11T08:00", plan_id="pro")
    company.uses("8", "2026-03-10")
    company.uses("16", "2026-03-11")
    assert bill(company) == [
        ("proration", "base", "03-01", "64.52", "0.00", "0.00", "0.00", "64.52"),
        ("proration", "base", "03-11", "420.00", "0.00", "0.00", "0.00", "420.00"),
        ("usage", "events", "03-01", "1.00", "0.00", "0.00", "0.00", "1.00"),
        ("usage", "events", "03-11", "2.00", "0.00", "0.00", "0.00", "2.00"),
    ]


def test_a_pause_splits_a_period_into_two_runs_and_its_usage_is_not_charged() -> None:
    company = due(catalog(BASE, CALLS))
    company.subscribes(until="2026-03-11")
    company.subscribes(since="2026-03-11", until="2026-03-21", status="paused")
    company.subscribes(since="2026-03-21")
    company.uses("8", "2026-03-10")
    company.uses("800", "2026-03-15")
    assert bill(company) == [
        ("proration", "base", "03-01", "64.52", "0.00", "0.00", "0.00", "64.52"),
        ("proration", "base", "03-21", "70.97", "0.00", "0.00", "0.00", "70.97"),
        ("usage", "events", "03-01", "1.00", "0.00", "0.00", "0.00", "1.00"),
        ("usage", "events", "03-21", "0.00", "0.00", "0.00", "0.00", "0.00"),
    ]


def test_a_trial_is_free_until_the_day_it_becomes_active() -> None:
    company = due(catalog(BASE))
    company.subscribes(status="trialing", until="2026-03-15")
    company.subscribes(since="2026-03-15")
    assert bill(company) == [("proration", "base", "03-15", "109.68", "0.00", "0.00", "0.00", "109.68")]


def test_without_proration_each_run_is_billed_whole() -> None:
    company = due(catalog(BASE, minimum="500"), profile=Profile(proration="none"))
    company.subscribes(until="2026-03-15")
    assert bill(company) == [
        ("minimum", None, "03-01", "300.00", "0.00", "0.00", "0.00", "300.00"),
        ("subscription", "base", "03-01", "200.00", "0.00", "0.00", "0.00", "200.00"),
    ]


def test_a_minimum_is_shared_by_the_days_of_its_run_and_does_not_see_seat_changes() -> None:
    company = due(catalog(SEATS, minimum="310"))
    company.subscribes(quantity=1, until="2026-03-11")
    company.subscribes(quantity=2, since="2026-03-11", until="2026-03-21")
    assert bill(company) == [
        ("minimum", None, "03-01", "170.00", "0.00", "0.00", "0.00", "170.00"),
        ("proration", "seats", "03-01", "10.00", "0.00", "0.00", "0.00", "10.00"),
        ("proration", "seats", "03-11", "20.00", "0.00", "0.00", "0.00", "20.00"),
    ]
    assert company.expected()[0]["sentence"] == (
        "minimum of USD 310.00 for 20 of 31 days (USD 200.00) less charges of USD 30.00 = USD 170.00; total USD 170.00."
    )


def test_the_contracts_minimum_replaces_the_plans() -> None:
    company = due(catalog(BASE, minimum="350"))
    company.subscribes(contract={"minimum": "201.50"})
    assert bill(company)[0] == ("minimum", None, "03-01", "1.50", "0.00", "0.00", "0.00", "1.50")


@pytest.mark.parametrize(
    ("valid", "discount"),
    [
        ({}, "20.00"),
        ({"valid_from": "2026-03-01"}, "20.00"),
        ({"valid_from": "2026-03-02"}, "0.00"),
        ({"valid_to": "2026-03-02"}, "20.00"),
        ({"valid_to": "2026-03-01"}, "0.00"),
    ],
)
def test_a_discount_counts_when_valid_on_the_periods_first_day(valid: dict[str, str], discount: str) -> None:
    company = due(catalog(BASE))
    company.subscribes(contract={"discount": {"rate": "0.1", **valid}})
    assert bill(company)[0][4] == discount


def test_a_charge_that_is_not_discountable_keeps_its_price() -> None:
    company = due(catalog(BASE.replace('"200"', '"200", discountable: false')))
    company.subscribes(contract={"discount": {"rate": "0.1"}})
    assert bill(company)[0][3:5] == ("200.00", "0.00")


def test_coupons_come_off_in_their_order_and_never_below_zero() -> None:
    company = due(catalog(BASE, taxes=GERMANY))
    company.subscribes(
        tax_region="DE",
        contract={
            "coupons": [
                coupon("B-first", "150"),
                coupon("ended", "10", valid_to="2026-04-01"),
                coupon("A-second", "80"),
                coupon("unused", "5"),
            ]
        },
    )
    assert bill(company) == [
        ("discount", "A-second", "03-01", "0.00", "50.00", "0.00", "-9.50", "-59.50"),
        ("discount", "B-first", "03-01", "0.00", "150.00", "0.00", "-28.50", "-178.50"),
        ("subscription", "base", "03-01", "200.00", "0.00", "0.00", "38.00", "238.00"),
    ]


def test_a_credit_after_tax_takes_from_the_total_and_no_tax_with_it() -> None:
    company = due(catalog(BASE, taxes=GERMANY))
    company.subscribes(
        tax_region="DE",
        contract={"credits": [credit("C1", "230"), credit("C2", "20"), credit("old", "9", "2026-02-28")]},
    )
    assert bill(company) == [
        ("credit", "C1", "03-01", "0.00", "0.00", "230.00", "0.00", "-230.00"),
        ("credit", "C2", "03-01", "0.00", "0.00", "8.00", "0.00", "-8.00"),
        ("subscription", "base", "03-01", "200.00", "0.00", "0.00", "38.00", "238.00"),
    ]


def test_a_credit_before_tax_takes_its_tax_with_it_and_no_more_than_the_taxable_amount() -> None:
    company = due(catalog(BASE, taxes=GERMANY), profile=Profile(credit="before_tax"))
    company.subscribes(tax_region="DE", contract={"credits": [credit("C1", "150"), credit("C2", "80")]})
    assert bill(company) == [
        ("credit", "C1", "03-01", "0.00", "0.00", "150.00", "-28.50", "-178.50"),
        ("credit", "C2", "03-01", "0.00", "0.00", "50.00", "-9.50", "-59.50"),
        ("subscription", "base", "03-01", "200.00", "0.00", "0.00", "38.00", "238.00"),
    ]


def test_coupons_and_credits_are_those_of_the_last_run_and_stand_on_it() -> None:
    company = due(catalog(BASE))
    company.subscribes(until="2026-03-11", contract={"coupons": [coupon("old", "7")]})
    company.subscribes(since="2026-03-21", contract={"coupons": [coupon("new", "5")]})
    assert bill(company)[0] == ("discount", "new", "03-21", "0.00", "5.00", "0.00", "0.00", "-5.00")


@pytest.mark.parametrize(
    ("tax_rate_day", "rate", "tax"), [("period_end", "0.2", "27.10"), ("last_day", "0.19", "25.74")]
)
def test_tax_is_the_rate_of_the_runs_region_on_the_periods_end_or_its_last_day(
    tax_rate_day: str, rate: str, tax: str
) -> None:
    rates = """
  - {tax_region: DE, rate: "0.19", effective_from: 2020-01-01}
  - {tax_region: DE, rate: "0.20", effective_from: 2026-04-01}
  - {tax_region: AT, rate: "0.10"}"""
    company = due(catalog(BASE, taxes=rates), profile=Profile.model_validate({"tax_rate_day": tax_rate_day}))
    company.subscribes(tax_region="AT", until="2026-03-11")
    company.subscribes(tax_region="DE", since="2026-03-11")
    assert [(row["tax_rate"], row["tax"]) for row in company.expected()] == [
        (Decimal("0.1"), Decimal("6.45")),
        (Decimal(rate), Decimal(tax)),
    ]


@pytest.mark.parametrize(("rounding", "gross"), [("half_up", "0.13"), ("half_even", "0.12"), ("down", "0.12")])
def test_an_eighth_settles_by_the_profiles_rounding(rounding: str, gross: str) -> None:
    company = due(catalog(CALLS), profile=Profile(rounding=Rounding(rounding)))
    company.subscribes()
    company.uses("1", "2026-03-10")
    (line,) = company.expected()
    assert (line["gross_raw"], line["gross"]) == (Decimal("0.125"), Decimal(gross))


def test_yen_have_no_decimals() -> None:
    company = due(catalog(CALLS, BASE.replace('"200"', '"1050.5"'), currency="JPY", taxes=GERMANY))
    company.subscribes(currency="JPY", tax_region="DE")
    company.uses("100", "2026-03-10")
    assert bill(company) == [
        ("subscription", "base", "03-01", "1051", "0", "0", "200", "1251"),
        ("usage", "events", "03-01", "13", "0", "0", "2", "15"),
    ]
    assert (
        company.expected()[0]["sentence"]
        == "flat fee of JPY 1,050.5 = JPY 1,051; plus 19% tax JPY 200; total JPY 1,251."
    )


def test_usage_observed_within_the_late_window_counts_in_its_own_period_and_later_not() -> None:
    company = due(catalog(CALLS), on="2026-04-05", issue_grace_days=2, late_window_days=2)
    company.subscribes()
    company.uses("8", "2026-03-31", arrived="2026-04-03")
    company.uses("80", "2026-03-31", arrived="2026-04-04")
    company.uses("800", "2026-04-01", arrived="2026-04-01")
    assert [row["quantity"] for row in company.expected()] == [8]


def test_a_correction_after_the_late_window_does_not_change_what_was_due() -> None:
    company = due(catalog(CALLS), on="2026-04-05", issue_grace_days=2)
    company.subscribes()
    company.uses("8", "2026-03-31")
    company.uses("-8", "2026-03-31", arrived="2026-04-04")
    assert [row["quantity"] for row in company.expected()] == [8]


def test_usage_of_another_subscription_or_meter_is_not_charged() -> None:
    company = due(catalog(CALLS))
    company.subscribes()
    company.uses("8", "2026-03-10", meter="other")
    company.uses("8", "2026-03-10", subscription="S2")
    assert [row["quantity"] for row in company.expected()] == [0]


def test_a_flat_usage_charge_bills_once_for_any_usage() -> None:
    company = due(catalog('{charge_id: access, kind: usage, model: flat, meter: events, amount: "5"}'))
    company.subscribes()
    assert [(row["quantity"], row["total"]) for row in company.expected()] == [(0, 0)]
    company.uses("17", "2026-03-10")
    assert [(row["quantity"], row["total"]) for row in company.expected()] == [(1, 5)]


def test_unbilled_usage_is_that_of_the_open_period_at_todays_price() -> None:
    company = due(catalog(BASE, EVENTS), on="2026-03-20")
    company.subscribes(contract={"discount": {"rate": "0.1"}})
    company.uses("9000", "2026-02-27")
    company.uses("12000", "2026-03-10")
    con = company.rated()
    assert rows(con, "SELECT meter, currency, quantity, amount FROM unbilled_usage") == [
        {"meter": "events", "currency": "USD", "quantity": Decimal(12000), "amount": Decimal(30)}
    ]
    assert rows(con, "SELECT kind FROM expected_lines") == []


def test_usage_is_no_longer_unbilled_once_its_period_has_ended() -> None:
    company = due(catalog(EVENTS), on="2026-04-01")
    company.subscribes()
    company.uses("12000", "2026-03-10")
    assert rows(company.rated(), "SELECT meter FROM unbilled_usage") == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"plan_id": "gone"}, "plan_not_in_catalog"),
        ({"plan_version": "9"}, "plan_not_in_catalog"),
        ({"currency": "EUR"}, "plan_not_in_catalog"),
        ({"tax_region": "MARS"}, "no_tax_rate"),
        ({"contract": "{bad"}, "contract_unreadable"),
        ({"contract": "[]"}, "contract_unreadable"),
        ({"contract": '{"discount": {"rate": 0.1}}'}, "contract_unreadable"),
        ({"contract": '{"discount": {"rate": "0.1", "valid_from": "soon"}}'}, "contract_unreadable"),
        ({"contract": '{"minimum": "much"}'}, "contract_unreadable"),
        ({"contract": {"coupons": [coupon("c", "x")]}}, "contract_unreadable"),
        ({"contract": {"credits": [credit("c", "5", "someday")]}}, "contract_unreadable"),
        ({"contract": {"coupons": {}}}, "contract_unreadable"),
    ],
)
def test_what_cannot_be_rated_is_named_with_its_cause_and_expected_nowhere(given: dict[str, Any], reason: str) -> None:
    company = due(catalog(BASE))
    company.subscribes(**given)
    con = company.rated()
    (found,) = rows(con, "SELECT * FROM withheld")
    assert (found["subscription_id"], found["reason"]) == ("S1", reason)
    assert "S1" in found["sentence"]
    assert rows(con, "SELECT kind FROM expected_lines") == []


def test_an_invoice_of_which_one_run_cannot_be_rated_is_withheld_whole() -> None:
    company = due(catalog(BASE))
    company.subscribes(until="2026-03-11")
    company.subscribes(since="2026-03-11", plan_version="9")
    con = company.rated()
    assert rows(con, "SELECT kind FROM expected_lines") == []
    assert [row["plan_version"] for row in rows(con, "SELECT plan_version FROM unrated")] == ["9"]


def test_a_period_that_began_before_the_declared_history_is_rated_only_where_no_usage_is_needed() -> None:
    for history, charges, withheld in (
        ("2026-03-02", (BASE, EVENTS), ["usage_before_history"]),
        ("2026-03-01", (BASE, EVENTS), []),
        ("2026-03-02", (BASE,), []),
    ):
        company = due(catalog(*charges), history_from=day(history))
        company.subscribes()
        assert [row["reason"] for row in rows(company.rated(), "SELECT reason FROM unrated")] == withheld


def test_a_period_that_began_before_the_lookback_is_rated_only_where_no_usage_is_needed() -> None:
    company = due(catalog(BASE, EVENTS), lookback_days=20)
    company.subscribes()
    assert [row["reason"] for row in rows(company.rated(), "SELECT reason FROM unrated")] == ["usage_out_of_reach"]
    fixed = due(catalog(BASE), lookback_days=20)
    fixed.subscribes()
    assert len(fixed.expected()) == 1


@pytest.mark.parametrize("contract", [None, "", "null", "{}", '{"discount": null, "coupons": [], "credits": null}'])
def test_an_empty_contract_changes_nothing(contract: str | None) -> None:
    company = due(catalog(BASE))
    company.subscribes(contract=contract)
    assert [row["total"] for row in company.expected()] == [200]


def test_two_expected_lines_of_one_id_stop_the_day() -> None:
    """A bill would answer for both, and the money of one would be lost without a break."""
    con = session()
    con.execute("CREATE TABLE expected_lines (expected_line_id VARCHAR, currency VARCHAR, total amount)")
    con.execute("INSERT INTO expected_lines VALUES ('S1|a', 'EUR', 4.84), ('S1|b', 'EUR', 10.32)")
    refuse_doubles(con)
    con.execute("INSERT INTO expected_lines VALUES ('S1|a', 'EUR', 10.32)")
    with pytest.raises(BillingReconError, match=r"S1\|a \(EUR 4\.84 and EUR 10\.32\)"):
        refuse_doubles(con)


def test_an_invoice_taxed_as_a_whole_has_a_tax_line_of_its_own_for_each_rate() -> None:
    """A customer who moves from Germany to Austria on 16 March is taxed at both rates, on 15 of 31 days and on 16."""
    moved = due(
        catalog(BASE, taxes=GERMANY + '\n  - {tax_region: AT, rate: "0.20"}'), profile=Profile(tax_point="invoice")
    )
    moved.subscribes(tax_region="DE", until="2026-03-16")
    moved.subscribes(tax_region="AT", since="2026-03-16")
    taxes = [line for line in moved.expected() if line["meter"] == "tax"]
    assert [(line["expected_line_id"], f"{line['total']:.2f}") for line in taxes] == [
        ("S1|adjustment|tax|2026-03-01|2026-04-01|p|USD|0.19", "18.39"),
        ("S1|adjustment|tax|2026-03-01|2026-04-01|p|USD|0.2", "20.65"),
    ]
