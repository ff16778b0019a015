"""What is agreed around a price, on whole contracts: proration, order, cap, coupons, allowances, balances, tax within prices."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from billing_recon.compute.expect import RELATIONS
from billing_recon.core.catalog import Allowance, Contract, Coupon, Credit, Discount
from billing_recon.core.company import Profile
from billing_recon.explain.withheld import REASONS
from billing_recon_tests.compute.small_company import SmallCompany, catalog, rows

BASE = '{charge_id: base, kind: subscription, model: flat, amount: "100"}'
USAGE = '{charge_id: events, kind: usage, meter: events, model: per_unit, unit_price: "1"}'
SEATS = '{charge_id: seats, kind: subscription, model: per_unit, meter: seats, unit_price: "10"}'


def company(
    *charges: str, contract: dict[str, Any] | None = None, on: str = "2026-04-03", **profile: Any
) -> SmallCompany:
    """March, due on 3 April. A subscription from 1 March, unless the contract is left to the test."""
    known = SmallCompany(
        catalog(*charges, taxes='  - {tax_region: DE, rate: "0.19"}'),
        date.fromisoformat(on),
        profile=Profile.model_validate(profile),
        lookback_days=200,
    )
    if contract is not None:
        known.subscribes(contract=contract)
    return known


def bill(known: SmallCompany) -> list[tuple[str, str, Decimal]]:
    """kind, meter (or charge) and total of each line, in the order of the bill."""
    found = rows(
        known.rated(), "SELECT kind, coalesce(meter, charge_id, '') AS what, total FROM expected_lines ORDER BY ALL"
    )
    return [(row["kind"], row["what"], row["total"]) for row in found]


def total(known: SmallCompany) -> Decimal:
    return sum((line[2] for line in bill(known)), Decimal(0))


def withheld(known: SmallCompany) -> tuple[str, str]:
    ((reason, sentence),) = [
        (r["reason"], r["sentence"]) for r in rows(known.rated(), "SELECT reason, sentence FROM withheld")
    ]
    assert known.expected() == []
    return reason, sentence


class TestAChangeWithinAPeriod:
    def begun(self, since: str, zone: str = "UTC", **profile: Any) -> Decimal:
        known = company(BASE, **profile)
        known.subscribes(since=since, timezone=zone)
        return total(known)

    def test_by_the_second_a_month_from_noon_of_the_16th_of_31_days_is_its_half(self) -> None:
        assert self.begun("2026-03-16T12:00", engine="stripe") == Decimal("50.00")

    def test_by_the_day_the_16th_counts_in_full(self) -> None:
        assert self.begun("2026-03-16T12:00") == Decimal("51.61")

    def test_with_both_ends_counted_up_to_the_next_period_its_first_day_counts_too(self) -> None:
        assert self.begun("2026-03-16", day_count="both_ends") == Decimal("53.13")  # 17 of 32 days

    def test_with_months_of_30_days_the_31st_is_none(self) -> None:
        assert self.begun("2026-03-16", fixed_days=30) == Decimal("50.00")  # 15 of 30 days

    def test_without_proration_the_whole_is_owed(self) -> None:
        assert self.begun("2026-03-16", proration="none") == Decimal("100.00")

    def test_by_the_second_a_month_with_a_clock_change_has_an_hour_less(self) -> None:
        """29 March 2026 has 23 hours in Berlin: the last three days are 71 of the month's 743 hours."""
        assert self.begun("2026-03-29", "Europe/Berlin", proration="by_second") == Decimal("9.56")
        assert self.begun("2026-03-29", "UTC", proration="by_second") == Decimal("9.68")

    def test_the_first_day_of_the_period_is_billed_from_its_beginning(self) -> None:
        """Periods begin at midnight: who subscribes on the anchor day at ten pays the whole first month."""
        assert self.begun("2026-03-01T10:00", engine="stripe") == Decimal("100.00")

    @pytest.mark.parametrize("profile", [{"engine": "stripe"}, {"engine": "flexprice"}, {}, {"day_count": "both_ends"}])
    def test_the_parts_of_a_month_whose_plan_does_not_change_in_price_sum_to_the_whole(
        self, profile: dict[str, Any]
    ) -> None:
        known = company(SEATS, **profile)
        known.subscribes(quantity=10, until="2026-03-11T09:30")
        known.subscribes(quantity=20, since="2026-03-11T09:30", until="2026-03-21T17:00")
        known.subscribes(quantity=10, since="2026-03-21T17:00")
        upgraded = total(known)
        known = company(SEATS, **profile)
        known.subscribes(quantity=10)
        assert total(known) == Decimal("100.00")
        assert Decimal("130") < upgraded < Decimal("135")  # ten more seats for about ten days of 31

    def test_the_sentence_says_seconds(self) -> None:
        known = company(BASE, engine="stripe")
        known.subscribes(since="2026-03-16T12:00")
        (line,) = known.expected()
        assert line["sentence"].startswith("flat fee of USD 100.00 for 1,339,200 of 2,678,400 seconds = USD 50.00")

    def test_a_minimum_is_prorated_like_the_charges(self) -> None:
        known = company(USAGE, engine="stripe")
        known.subscribes(since="2026-03-16T12:00", contract={"minimum": "100"})
        known.uses("10", "2026-03-20")
        assert bill(known) == [("minimum", "", Decimal("40.00")), ("usage", "events", Decimal("10.00"))]

    def test_an_hour_between_two_plans_is_charged_by_the_second_and_not_by_the_day(self) -> None:
        """Two seats from 09:00 to 10:00 of the 11th at 10 a seat: 20 x 3,600 of 2,678,400 seconds are 0.03; before it 10 x
        896,400 are 3.35, and after it 30 x 1,778,400 are 19.92.
        """
        for profile, found in (({"engine": "stripe"}, ["19.92", "0.03", "3.35"]), ({}, ["20.32", "3.23"])):
            known = company(SEATS, **profile)
            known.subscribes(quantity=1, until="2026-03-11T09:00")
            known.subscribes(quantity=2, since="2026-03-11T09:00", until="2026-03-11T10:00")
            known.subscribes(quantity=3, since="2026-03-11T10:00")
            assert sorted(f"{gross:.2f}" for _, _, gross in bill(known)) == sorted(found)

    def test_fixed_days_of_a_quarter_are_withheld(self) -> None:
        known = company(BASE, on="2026-06-03", fixed_days=30)
        known.subscribes(since="2026-03-16", billing_interval="quarter")
        assert withheld(known)[0] == "no_fixed_days"

    @pytest.mark.parametrize(
        ("interval", "on", "share"), [("quarter", "2026-06-03", "83.70"), ("year", "2027-03-03", "95.89")]
    )
    def test_a_quarter_and_a_year_are_shared_by_their_own_days(self, interval: str, on: str, share: str) -> None:
        known = company(BASE, on=on)
        known.subscribes(since="2026-03-16", billing_interval=interval)
        assert total(known) == Decimal(share)

    @pytest.mark.parametrize(("status", "owed"), [("trialing", "51.61"), ("paused", "51.61")])
    def test_a_trial_and_a_pause_cost_nothing(self, status: str, owed: str) -> None:
        known = company(BASE)
        known.subscribes(until="2026-03-16", status=status)
        known.subscribes(since="2026-03-16")
        assert total(known) == Decimal(owed)

    def test_a_cancelled_subscription_owes_up_to_the_day_before(self) -> None:
        known = company(BASE)
        known.subscribes(until="2026-03-16")
        known.subscribes(since="2026-03-16", status="cancelled")
        assert total(known) == Decimal("48.39")


class TestTheOrderOfAdjustments:
    """275.00 of usage, a minimum of 350 and 10% off."""

    TERMS: ClassVar = {"discount": {"rate": "0.1"}, "minimum": "350"}

    def used(self, contract: dict[str, Any], units: str = "275", **profile: Any) -> SmallCompany:
        known = company(USAGE, contract=contract, **profile)
        known.uses(units, "2026-03-10")
        return known

    def test_discount_first_comes_to_the_minimum(self) -> None:
        known = self.used(self.TERMS)
        assert bill(known) == [("minimum", "", Decimal("102.50")), ("usage", "events", Decimal("247.50"))]

    def test_minimum_first_is_discounted_too(self) -> None:
        known = self.used(self.TERMS, adjustments=["minimum", "discount", "maximum"])
        assert bill(known) == [("minimum", "", Decimal("67.50")), ("usage", "events", Decimal("247.50"))]
        assert total(known) == Decimal("315.00")

    def test_a_cap_after_the_discount_is_what_is_owed(self) -> None:
        known = self.used({"discount": {"rate": "0.1"}, "cap": "200"})
        assert bill(known) == [("discount", "cap", Decimal("-47.50")), ("usage", "events", Decimal("247.50"))]

    def test_a_cap_before_the_discount_is_discounted_too(self) -> None:
        known = self.used({"discount": {"rate": "0.1"}, "cap": "200"}, adjustments=["minimum", "maximum", "discount"])
        assert total(known) == Decimal("180.00")

    def test_a_discount_between_maximum_and_minimum_is_withheld_where_all_three_are_agreed(self) -> None:
        order = ["maximum", "discount", "minimum"]
        assert withheld(self.used({**self.TERMS, "cap": "400"}, adjustments=order))[0] == "order_not_rated"
        assert total(self.used(self.TERMS, adjustments=order)) == Decimal("350.00")

    def test_a_minimum_above_the_cap_is_withheld(self) -> None:
        reason, sentence = withheld(self.used({"minimum": "350", "cap": "300"}))
        assert reason == "minimum_above_cap"
        assert "correct the contract" in sentence


@pytest.mark.parametrize(
    ("contract", "unknown"),
    [
        ({"rollover": {"units": "5"}}, "(rollover)"),
        ({"discount": {"rate": "0.1", "scope": "base"}}, "(scope)"),
        ({"coupons": [{"coupon_id": "k", "amount": "1", "valid_from": "2026-01-01", "valid_to": "2027-01-01", "percent": "5"}]},
         "(percent)"),
        ({"credits": [], "ramp": [], "credit": "5"}, "(credit, ramp)"),
        ({"allowances": [{"meter": "events", "units": "5", "periods": 3}]}, "(periods)"),
    ],
)  # fmt: skip
def test_a_term_that_nobody_reads_is_never_passed_over(contract: dict[str, Any], unknown: str) -> None:
    reason, sentence = withheld(company(BASE, contract=contract))
    assert reason == "contract_term_unknown"
    assert set(unknown.strip("()").split(", ")) == set(sentence.split("(")[1].split(")")[0].split(", "))


class TestACouponsScope:
    def coupon(self, amount: str, *charges: str, name: str = "k") -> dict[str, Any]:
        return {"coupon_id": name, "amount": amount, "valid_from": "2026-01-01", "valid_to": "2027-01-01",
                **({"charges": list(charges)} if charges else {})}  # fmt: skip

    def used(self, *coupons: dict[str, Any]) -> list[Decimal]:
        known = company(BASE, USAGE, contract={"coupons": list(coupons)})
        known.uses("30", "2026-03-10")
        return [line[2] for line in bill(known) if line[0] == "discount"]

    def test_a_coupon_takes_no_more_than_its_charges_come_to(self) -> None:
        assert self.used(self.coupon("50", "events")) == [Decimal("-30.00")]
        assert self.used(self.coupon("50", "events", "base")) == [Decimal("-50.00")]
        assert self.used(self.coupon("50", "nothing")) == []

    def test_coupons_of_one_charge_come_one_after_another(self) -> None:
        assert self.used(self.coupon("20", "events", name="a"), self.coupon("20", "events", name="b")) == [
            Decimal("-20.00"),
            Decimal("-10.00"),
        ]

    def test_all_coupons_together_take_no_more_than_the_invoice(self) -> None:
        assert self.used(self.coupon("30", "events", name="a"), self.coupon("500", name="b")) == [
            Decimal("-30.00"),
            Decimal("-100.00"),
        ]


class TestAllowances:
    def used(self, april: str, march: str | None = None, **allowance: Any) -> SmallCompany:
        known = company(
            USAGE, on="2026-05-03", contract={"allowances": [{"meter": "events", "units": "100", **allowance}]}
        )
        if march:
            known.uses(march, "2026-03-10")
        known.uses(april, "2026-04-10")
        return known

    def test_units_of_an_allowance_are_not_billed(self) -> None:
        (line,) = self.used("150").expected()
        assert (line["quantity"], line["total"]) == (150, 50)
        assert line["sentence"].startswith("50 events above the 100 included at USD 1.00 = USD 50.00")
        assert self.used("80").expected()[0]["total"] == 0

    def test_what_a_period_leaves_is_there_in_the_next(self) -> None:
        rolls = {"rollover": "next_period", "since": "2026-03-01"}
        assert self.used("150", "70", **rolls).expected()[0]["total"] == 20
        assert self.used("150", "170", **rolls).expected()[0]["total"] == 50
        assert self.used("150", **rolls).expected()[0]["total"] == 0

    def test_what_was_left_before_the_agreement_began_is_not(self) -> None:
        assert self.used("150", "70", rollover="next_period", since="2026-04-01").expected()[0]["total"] == 50

    def test_what_is_rolled_over_expires_after_one_period(self) -> None:
        known = company(USAGE, on="2026-06-03", contract={
            "allowances": [{"meter": "events", "units": "100", "rollover": "next_period", "since": "2026-03-01"}],
        })  # fmt: skip
        known.uses("100", "2026-04-10")
        known.uses("150", "2026-05-10")
        (line,) = known.expected()
        assert line["total"] == 50  # March left 100, of which April needed none

    def test_a_short_run_has_its_share(self) -> None:
        known = company(USAGE, on="2026-05-03")
        known.subscribes(since="2026-04-16", contract={"allowances": [{"meter": "events", "units": "100"}]})
        known.uses("80", "2026-04-20")
        assert known.expected()[0]["total"] == 30


def test_an_allowance_of_a_meter_that_is_not_charged_by_units_is_withheld() -> None:
    assert (
        withheld(company(USAGE, contract={"allowances": [{"meter": "event", "units": "5"}]}))[0]
        == "allowance_without_charge"
    )


class TestAPrepaidBalance:
    CONTRACT: ClassVar = {
        "credits": [{"credit_id": "w", "amount": "150", "granted_on": "2026-03-05", "expires_on": "2026-06-01"}]
    }

    def used(self, on: str, earlier: str | None = None) -> list[Decimal]:
        known = company(BASE, contract=self.CONTRACT, on=on)
        if earlier:
            known.billed("2026-03-01", observed="2026-04-03")
            known.lines[-1].update(kind="credit", meter="w", credit=Decimal(earlier), status="issued")
        return [line[2] for line in bill(known) if line[0] == "credit"]

    def test_it_pays_each_invoice_until_it_is_used_up(self) -> None:
        assert self.used("2026-04-03") == [Decimal("-100.00")]
        assert self.used("2026-05-03", earlier="100") == [Decimal("-50.00")]
        assert self.used("2026-05-03", earlier="150") == []

    def test_it_expires(self) -> None:
        assert self.used("2026-06-03", earlier="100") == [Decimal("-50.00")]
        assert self.used("2026-07-03", earlier="100") == []

    def test_without_an_expiry_a_credit_is_for_its_own_period(self) -> None:
        known = company(BASE, on="2026-05-03", contract={
            "credits": [{"credit_id": "w", "amount": "150", "granted_on": "2026-03-05"}],
        })  # fmt: skip
        assert total(known) == Decimal("100.00")

    def test_a_balance_from_before_the_lookback_is_withheld(self) -> None:
        known = company(BASE, contract=self.CONTRACT, on="2026-05-03")
        known.lookback_days = 40
        assert withheld(known)[0] == "balance_out_of_reach"


class TestTax:
    def billed(self, **profile: Any) -> list[dict[str, Any]]:
        known = company(BASE, USAGE, **profile)
        known.subscribes(tax_region="DE", contract={"discount": {"rate": "0.1"}})
        known.uses("19", "2026-03-10")
        return known.expected()

    def test_on_top_of_prices(self) -> None:
        assert [(line["taxable"], line["tax"], line["total"]) for line in self.billed()] == [
            (Decimal("90.00"), Decimal("17.10"), Decimal("107.10")),
            (Decimal("17.10"), Decimal("3.25"), Decimal("20.35")),
        ]

    def test_within_prices(self) -> None:
        lines = self.billed(prices_include_tax=True)
        assert [(line["taxable"], line["tax"], line["total"]) for line in lines] == [
            (Decimal("75.63"), Decimal("14.37"), Decimal("90.00")),
            (Decimal("14.37"), Decimal("2.73"), Decimal("17.10")),
        ]
        assert lines[0]["tax_raw"] == Decimal("14.3697478991596638655462")  # 90 x 19 / 119
        assert "; includes 19% tax USD 14.37; total USD 90.00." in lines[0]["sentence"]

    def test_within_prices_goes_with_tax_by_line_only(self) -> None:
        with pytest.raises(ValueError, match="prices_include_tax goes with tax_point: line"):
            Profile.model_validate({"prices_include_tax": True, "tax_point": "invoice"})

    def test_two_regions_in_one_period_have_each_its_rate(self) -> None:
        known = company(BASE)
        known.subscribes(until="2026-03-16")
        known.subscribes(since="2026-03-16", tax_region="DE")
        assert [(line["taxable"], line["tax_rate"], line["tax"]) for line in known.expected()] == [
            (Decimal("48.39"), 0, 0),
            (Decimal("51.61"), Decimal("0.19"), Decimal("9.81")),
        ]


class TestEntitlements:
    TIERS = '{charge_id: e, kind: usage, meter: events, model: graduated, tiers: [{up_to: 1000}, {unit: "0.015"}]}'

    def told(self, on: str, *used: tuple[str, str], charge: str = TIERS, **contract: Any) -> list[tuple[int, str]]:
        known = company(charge, contract=contract, on=on)
        for units, usage_day in used:
            known.uses(units, usage_day)
        found = rows(known.rated(), "SELECT percent, sentence FROM entitlements_reached ORDER BY percent")
        return [(row["percent"], row["sentence"]) for row in found]

    def test_each_threshold_is_told_on_the_day_that_reaches_it(self) -> None:
        used = (("499", "2026-03-02"), ("1", "2026-03-03"), ("500", "2026-03-04"), ("7", "2026-03-05"))
        assert self.told("2026-03-02", *used) == []
        assert [percent for percent, _ in self.told("2026-03-03", *used)] == [50]
        assert [percent for percent, _ in self.told("2026-03-04", *used)] == [90, 100]
        assert self.told("2026-03-05", *used) == []
        assert self.told("2026-03-03", *used)[0][1] == (
            "S1 has used 500 of the 1,000 events included from 2026-03-01: 50% are reached."
        )

    def test_free_units_and_an_allowance_are_included_too(self) -> None:
        free = '{charge_id: e, kind: usage, meter: events, model: per_unit, unit_price: "1", free_units: 50}'
        used = ("100", "2026-03-02")
        assert [p for p, _ in self.told("2026-03-02", used, charge=free)] == [50, 90, 100]
        more = {"allowances": [{"meter": "events", "units": "60"}]}
        assert [p for p, _ in self.told("2026-03-02", used, charge=free, **more)] == [50, 90]

    def test_where_nothing_is_included_nothing_is_told(self) -> None:
        assert self.told("2026-03-02", ("100", "2026-03-02"), charge=USAGE) == []


@pytest.mark.parametrize(
    ("contract", "reason", "named"),
    [
        ({"discount": {"rate": "10"}}, "contract_term_impossible", "discount.rate"),
        ({"minimum": "-1"}, "contract_term_impossible", "minimum"),
        (
            {"allowances": [{"meter": "events", "units": "5"}, {"meter": "events", "units": "6"}]},
            "contract_term_impossible",
            "allowances",
        ),
        ({"overrides": {"setup": "5"}}, "term_without_charge", "setup"),
        (
            {"coupons": [{"coupon_id": "A", "amount": "5", "valid_from": "2026-01-01", "charges": ["setup"]}]},
            "term_without_charge",
            "setup",
        ),
    ],
)
def test_terms_that_landed_before_the_catalog_changed_are_withheld_by_name(
    contract: dict[str, Any], reason: str, named: str
) -> None:
    """Landing refuses them; a row that landed under another catalog is not computed as if the term were not there."""
    found, sentence = withheld(company(BASE, USAGE, contract=contract))
    assert found == reason
    assert f"({named})" in sentence


def test_a_coupon_without_an_end_keeps_holding_and_an_expired_one_does_not() -> None:
    coupon = {"coupon_id": "A", "amount": "5", "valid_from": "2020-01-01"}
    assert total(company(BASE, contract={"coupons": [coupon]})) == Decimal("95")
    assert total(company(BASE, contract={"coupons": [{**coupon, "valid_to": "2026-04-01"}]})) == Decimal("100")


def test_the_terms_that_are_read_are_those_of_the_contract_model() -> None:
    (terms,) = (relation for relation in RELATIONS if relation.name == "contract_terms")
    listed = [re.findall(r"'(\w+)'", names) for names in re.findall(r"other_names\([^\[]*\[([^\]]*)\]", terms.sql)]
    assert listed == [list(model.model_fields) for model in (Contract, Discount, Coupon, Credit, Allowance)]


def test_every_reason_for_withholding_has_a_sentence() -> None:
    (judged,) = (relation for relation in RELATIONS if relation.name == "judged_runs")
    assert set(re.findall(r"THEN '(\w+)'", judged.sql)) == set(REASONS)
