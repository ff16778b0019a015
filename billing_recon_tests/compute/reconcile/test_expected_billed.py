"""A bill against usage and contract: every way in which a line or an invoice goes wrong, told as a small story."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.catalog import Plan
from billing_recon_tests.compute.reconcile.world import DAY, FEBRUARY, World

LINE = "expected_billed"
Row = dict[str, Any]


def stages(found: Row) -> dict[str, Decimal]:
    return {code: Decimal(amount) for code, amount in json.loads(found["stage_deltas"]).items()}


def one(world: World, code: str, delta: str, level: str = "line") -> Row:
    """The world's only difference between expected and billed, which must be this one."""
    outcome = world.run(LINE)
    found = outcome.the_break(LINE)
    assert (found["code"], found["delta"], found["level"]) == (code, Decimal(delta), level), found["explanation"]
    assert sum(stages(found).values()) == found["delta"]
    assert outcome.foots()
    return found


def test_a_bill_that_follows_contract_and_usage_matches() -> None:
    world = World()
    for n, charge in enumerate(("base", "seats", "calls")):
        world.bill("INV-1", world.expect(charge=charge), line_id=str(n))
    outcome = world.run(LINE)
    assert outcome.breaks() == []
    (total,) = outcome.totals(LINE)
    assert (total["matched"], total["left_count"], total["right_count"], total["delta"]) == (3, 3, 3, 0)


def test_a_rate_on_lines_of_an_invoice_that_is_taxed_as_a_whole_is_no_difference_and_one_on_its_tax_line_is() -> None:
    world = World(tax_point="invoice")
    for n, charge in enumerate(("base", "calls")):
        world.bill("INV-1", world.expect(charge=charge, rate="0"), line_id=str(n), tax_rate=Decimal("0.19"))
    tax = world.expect(charge=None, kind="adjustment", meter="tax", gross="0", rate="0.19", tax=Decimal("37.81"))
    world.bill("INV-1", tax, line_id="3")
    assert world.run(LINE).breaks() == []
    world.rows["invoice_lines"][-1] |= {"tax_rate": Decimal("0.07"), "tax": Decimal("13.93"), "total": Decimal("13.93")}
    assert world.run(LINE).the_break(LINE)["line_id"] == "3"


def test_what_makes_good_an_earlier_days_bill_is_owed_and_the_day_foots() -> None:
    """A plan changed by mistake and back again: three invoices of one period, of which the last undoes the second."""
    world = World()
    line = world.expect(charge="base")
    other = world.refigure(line, "60.00")
    taken_back = {name: -figure for name, figure in world.refigure(line, line["gross"]).items() if name != "tax_rate"}
    undone = {name: -figure for name, figure in other.items() if name != "tax_rate"}
    world.bill("INV-1", line, on=DAY - timedelta(days=5))
    world.bill("INV-2", line, line_id="1", on=DAY - timedelta(days=2), **taken_back)
    world.bill("INV-2", line, line_id="2", on=DAY - timedelta(days=2), plan_version="v3", **other)
    world.bill("INV-3", line, line_id="1", plan_version="v3", **undone)
    world.bill("INV-3", line, line_id="2")
    outcome = world.run(LINE)
    assert outcome.breaks(LINE) == []
    (total,) = outcome.totals(LINE)
    assert total["left_amount"] == total["right_amount"] == line["total"] - other["total"]
    assert outcome.foots()


def test_a_line_that_follows_on_a_later_day_as_another_kind_leaves_the_totals_as_they_are() -> None:
    world = World()
    base, seats = world.expect(charge="base"), world.expect(charge="seats", quantity=3)
    world.bill("INV-1", base, on=DAY - timedelta(days=1))
    world.bill("INV-2", seats, kind="adjustment", meter=None, plan_version=None, unit_price=None)
    outcome = world.run(LINE)
    (total,) = outcome.totals(LINE)
    assert total["left_amount"] == total["right_amount"] == seats["total"]
    assert outcome.breaks(LINE) == []
    assert outcome.foots()


def test_units_that_nobody_used_are_explained_with_every_figure() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-2026-000123", line, line_id="2", quantity=12_400, **world.refigure(line, "186.00"))
    found = one(world, "USAGE_DUPLICATE", "7.14")
    assert found["explanation"] == (
        "INV-2026-000123 line 2 charges 12,400 api_calls where usage says 12,000: 400 too many at USD 0.015, "
        "USD +6.00 before tax, USD +7.14 in total."
    )
    assert found["owner"] == "team"
    assert found["source_system"] == "their invoice_lines"
    evidence = json.loads(found["evidence"])
    assert evidence["expected_line_id"] == line["expected_line_id"]
    assert evidence["sources"] == [{"table": "invoice_lines", "file": f"landing/invoice_lines/{DAY}.csv", "row": 1}]


@pytest.mark.parametrize(
    ("billed", "known", "metered", "code"),
    [
        (11_000, {}, None, "USAGE_MISSING"),
        (11_500, {"late_quantity": 500}, None, "USAGE_LATE"),
        (12_300, {"superseded_quantity": 300}, None, "USAGE_CORRECTED"),
        (12_100, {"duplicate_quantity": 100}, None, "USAGE_DUPLICATE"),
        (12_100, {}, None, "USAGE_DUPLICATE"),
        (9_000, {}, 12_000, "USAGE_AGGREGATION"),
        (9_000, {}, 9_000, "USAGE_MISSING"),
    ],
)
def test_a_wrong_quantity_names_what_it_is(billed: int, known: Row, metered: int | None, code: str) -> None:
    world = World()
    line = world.expect(**known)
    gross = Decimal(billed) * Decimal("0.015")
    figures = world.refigure(line, gross)
    world.bill("INV-1", line, quantity=billed, **figures)
    if metered:
        world.metered(metered, date(2026, 2, 10))
    one(world, code, str(figures["total"] - line["total"]))


def test_seats_that_the_subscription_does_not_have() -> None:
    world = World()
    line = world.expect(charge="seats", quantity=3)
    world.bill("INV-1", line, quantity=4, **world.refigure(line, "40"))
    one(world, "SUBSCRIPTION_STATE", "11.90")


def test_the_price_of_another_version() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "120.00"))
    found = one(world, "PRICE_VERSION", "-71.40")
    assert "it is the price of version v1" in found["explanation"]


def test_a_price_that_is_of_no_version_but_says_another() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, plan_version="v1", **world.refigure(line, "121.00"))
    one(world, "PRICE_VERSION", "-70.21")


def test_another_plan_is_a_wrong_subscription_state() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, plan_id="other", **world.refigure(line, "240.00"))
    one(world, "SUBSCRIPTION_STATE", "71.40")


def test_a_gross_that_no_terms_give_is_a_tier_or_rate_fault() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "200.00"))
    one(world, "TIER_RATE", "23.80")


def test_quantity_and_price_both_wrong_are_two_stages_of_one_break() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, quantity=13_000, **world.refigure(line, "130.00"))
    found = one(world, "USAGE_DUPLICATE", "-59.50")
    assert stages(found) == {"USAGE_DUPLICATE": Decimal("17.85"), "PRICE_VERSION": Decimal("-77.35")}
    assert list(json.loads(found["stage_deltas"])) == ["USAGE_DUPLICATE", "PRICE_VERSION"]


def test_a_gross_cut_off_where_it_rounds_up() -> None:
    world = World()
    line = world.expect(quantity=1_233)
    world.bill("INV-1", line, **world.refigure(line, "18.49"))
    found = one(world, "ROUNDING", "-0.02")
    assert "settles its gross of 18.495 to USD 18.49 where half up gives USD 18.50" in found["explanation"]


def test_a_discount_and_a_tax_cut_off() -> None:
    world = World()
    line = world.expect(quantity=1_002, discount_rate="0.15", rate="0.20")
    figures = world.refigure(line, line["gross"])
    assert figures["discount"] == Decimal("2.25")
    off = world.refigure(line, line["gross"], discount=Decimal("2.26"))
    world.bill("INV-1", line, **off)
    found = one(world, "ROUNDING", str(off["total"] - line["total"]))
    assert "discount of 2.2545" in found["explanation"]
    world = World()
    line = world.expect(quantity=1_113)
    assert line["tax"] == Decimal("3.17")
    world.bill("INV-1", line, tax=Decimal("3.18"), total=line["total"] + Decimal("0.01"))
    one(world, "ROUNDING", "0.01")


def test_a_month_billed_in_full_where_a_part_was_due() -> None:
    world = World()
    line = world.expect(charge="seats", quantity=3, share=(14, 28))
    world.bill("INV-1", line, **world.refigure(line, "30.00"))
    one(world, "PRORATION", "17.85")


def test_a_prorated_price_of_another_version() -> None:
    world = World()
    line = world.expect(charge="seats", quantity=3, share=(14, 28))
    world.bill("INV-1", line, **world.refigure(line, "13.50"))
    one(world, "PRICE_VERSION", "-1.78")


def test_a_part_billed_as_a_whole_period_by_kind() -> None:
    world = World()
    line = world.expect(charge="seats", quantity=3, period=(date(2026, 2, 15), FEBRUARY[1]), share=(14, 28))
    world.bill("INV-1", line, kind="subscription", period_start=FEBRUARY[0], **world.refigure(line, "30.00"))
    one(world, "PRORATION", "17.85")


def test_a_line_for_other_days_is_a_wrong_period() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, period_start=date(2026, 2, 2), **world.refigure(line, "170.00"))
    one(world, "INVOICE_PERIOD", "-11.90", "invoice")


@pytest.mark.parametrize("price", [None, Decimal(10)])
def test_lines_of_a_bill_for_other_days_are_told_apart_by_their_figures_where_no_meter_is_named(
    price: Decimal | None,
) -> None:
    """Base fee and seats are both `subscription`: the seats, priced by tiers, have no price for one, or the bill states none."""
    world = World()
    base, seats = world.expect(charge="base"), world.expect(charge="seats", quantity=7, unit_price=price)
    days = {"period_start": date(2026, 2, 2), "period_end": date(2026, 3, 2)}
    world.bill("INV-1", base, line_id="1", **days)
    world.bill("INV-1", seats, line_id="2", meter=None, unit_price=None, **days)
    one(world, "INVOICE_PERIOD", "0", "invoice")


def test_a_forgotten_discount() -> None:
    world = World()
    line = world.expect(discount_rate="0.10")
    world.bill("INV-1", line, **world.refigure(line, line["gross"], discount=Decimal(0)))
    found = one(world, "DISCOUNT_VALUE", "21.42")
    assert "a discount of USD 0.00 (usage api_calls)" in found["explanation"]


def test_a_discount_given_after_its_end_or_before_its_begin_says_so() -> None:
    for validity, words in (
        ({"valid_to": "2026-02-01"}, "the contract give USD 0.00, since the discount ended on 2026-02-01: USD -18.00"),
        (
            {"valid_from": "2026-03-01"},
            "the contract give USD 0.00, since the discount begins on 2026-03-01: USD -18.00",
        ),
        (None, "the contract give USD 0.00: USD -18.00"),
    ):
        world = World()
        line = world.expect()
        if validity:
            world.rows["subscriptions"][0]["contract"] = json.dumps({"discount": {"rate": "0.1", **validity}})
        world.bill("INV-1", line, **world.refigure(line, line["gross"], discount=Decimal(18)))
        assert words in one(world, "DISCOUNT_VALUE", "-21.42")["explanation"]


def test_a_coupon_given_after_its_end_or_before_its_begin_says_so() -> None:
    for validity, words in (
        ({"valid_from": "2025-06-01", "valid_to": "2026-03-01"}, "which expired on 2026-03-01: USD -20.00"),
        ({"valid_from": "2026-04-01"}, "which holds from 2026-04-01 only"),
        ({"valid_from": "2025-06-01", "valid_to": "2027-01-01"}, "which neither usage nor contract calls for"),
    ):
        world = World()
        line = world.expect()
        world.bill("INV-1", line)
        terms = {"coupons": [{"coupon_id": "WELCOME", "amount": "20", **validity}]}
        world.rows["subscriptions"][0]["contract"] = json.dumps(terms)
        coupon = world.expect(charge=None, kind="discount", meter="WELCOME", gross="0", discount="20")
        world.rows["expected_lines"].remove(coupon)
        world.bill("INV-1", coupon, line_id="2")
        found = world.run("expected_billed").the_break()
        assert found["code"] == "DISCOUNT_VALUE"
        assert f"INV-1 line 2 gives discount WELCOME for 2026-02-01 to 2026-03-01, {words}" in found["explanation"]


def test_a_coupon_of_another_amount() -> None:
    world = World()
    world.bill("INV-1", world.expect(), line_id="1")
    coupon = world.expect(charge=None, kind="discount", meter="WELCOME", gross="0", discount="20")
    world.bill("INV-1", coupon, line_id="2", **world.refigure(coupon, "0", discount=Decimal(15)))
    one(world, "DISCOUNT_VALUE", "5.95")


def test_a_credit_of_another_amount() -> None:
    world = World()
    world.bill("INV-1", world.expect(), line_id="1")
    credit = world.expect(charge=None, kind="credit", meter="GOODWILL", gross="0", credit="30")
    assert credit["total"] == -30
    world.bill("INV-1", credit, line_id="2", credit=Decimal(20), total=Decimal(-20))
    one(world, "CREDIT_VALUE", "10")


def test_a_credit_before_tax_takes_its_tax_along() -> None:
    world = World(credit="before_tax")
    world.bill("INV-1", world.expect(), line_id="1")
    credit = world.expect(charge=None, kind="credit", meter="GOODWILL", gross="0", credit="30")
    world.bill("INV-1", credit, line_id="2", **world.refigure(credit, "0", credit=Decimal(20)))
    one(world, "CREDIT_VALUE", "11.90")


def test_a_tax_on_the_wrong_base_is_one_code_with_its_tax() -> None:
    world = World()
    line = world.expect(discount_rate="0.10")
    world.bill("INV-1", line, taxable=Decimal("180.00"), tax=Decimal("34.20"), total=Decimal("214.20"))
    found = one(world, "TAX_BASE", "21.42")
    assert stages(found) == {"TAX_BASE": Decimal("21.42")}


def test_the_rate_of_another_region() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "180.00", rate=Decimal("0.20")))
    found = one(world, "TAX_RATE_JURISDICTION", "1.80")
    assert "at rate 0.2 where DE has 0.19" in found["explanation"]


def test_a_line_without_a_rate_whose_tax_is_another_regions() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "180.00", rate=Decimal("0.20")) | {"tax_rate": None})
    one(world, "TAX_RATE_JURISDICTION", "1.80")


def test_a_line_without_a_rate_whose_tax_is_right_matches() -> None:
    world = World()
    world.bill("INV-1", world.expect(), tax_rate=None)
    assert world.run(LINE).breaks() == []


def test_a_tax_that_no_rate_gives() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, tax=Decimal("35.00"), total=Decimal("215.00"))
    one(world, "TAX_BASE", "0.80")


def test_a_total_that_is_not_the_sum_of_its_parts_is_unexplained() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, total=line["total"] + 1)
    found = one(world, "UNEXPLAINED", "1")
    assert "totals USD 215.20 where its own parts make USD 214.20" in found["explanation"]


def test_parts_that_cancel_out_are_still_a_difference() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, gross=line["gross"] + 10)
    found = one(world, "TIER_RATE", "0")
    assert stages(found) == {"TIER_RATE": Decimal("11.90"), "TAX_BASE": Decimal("-11.90")}


def test_cents_billed_as_units() -> None:
    world = World()
    line = world.expect()
    shifted = {name: line[name].scaleb(2) for name in ("gross", "discount", "credit", "taxable", "tax", "total")}
    world.bill("INV-1", line, **shifted)
    one(world, "MINOR_UNIT", "21205.80")


def test_a_yen_with_decimals() -> None:
    world = World()
    line = world.expect(currency="JPY", quantity=12_350)
    assert (line["gross"], line["total"]) == (185, 220)
    world.bill(
        "INV-1",
        line,
        gross=Decimal("185.25"),
        taxable=Decimal("185.25"),
        tax=Decimal("35.1975"),
        total=Decimal("220.4475"),
    )
    one(world, "MINOR_UNIT", "0.4475")


def test_another_currency_is_a_finding_in_each_and_never_a_difference_of_both() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, currency="EUR")
    outcome = world.run(LINE)
    assert {(b["code"], b["currency"], b["delta"]) for b in outcome.breaks(LINE)} == {
        ("CURRENCY_FX", "USD", Decimal("-214.20")),
        ("CURRENCY_FX", "EUR", Decimal("214.20")),
    }
    assert outcome.foots()


@pytest.mark.parametrize(
    ("kind", "charge", "figures", "code"),
    [
        ("minimum", None, {"gross": "25"}, "MINIMUM"),
        ("discount", None, {"gross": "0", "discount": "20"}, "DISCOUNT_VALUE"),
        ("credit", None, {"gross": "0", "credit": "20"}, "CREDIT_VALUE"),
        ("usage", "calls", {}, "USAGE_MISSING"),
        ("subscription", "seats", {}, "SUBSCRIPTION_STATE"),
        ("proration", "seats", {"share": (7, 28)}, "PRORATION"),
    ],
)
def test_a_line_that_a_billed_invoice_lacks(kind: str, charge: str | None, figures: Row, code: str) -> None:
    world = World()
    world.bill("INV-1", world.expect(charge="base"))
    line = world.expect(charge=charge, kind=kind, quantity=2, **figures)
    found = one(world, code, str(-line["total"]))
    assert (found["invoice_id"], found["line_id"], found["billed"]) == ("INV-1", None, None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "minimum"}, "MINIMUM"),
        ({"kind": "adjustment"}, "MANUAL_ADJUSTMENT"),
        ({"kind": "usage", "meter": "tokens"}, "SUBSCRIPTION_STATE"),
        ({"kind": "usage", "meter": "api_calls"}, "USAGE_DUPLICATE"),
        ({"kind": "subscription", "meter": "storage"}, "SUBSCRIPTION_STATE"),
        ({"kind": "proration", "meter": "storage"}, "PRORATION"),
    ],
)
def test_a_line_that_nothing_asks_for(changes: Row, code: str) -> None:
    world = World()
    world.bill("INV-1", world.expect(charge="base"), line_id="1")
    line = world.expect()
    world.bill("INV-1", line, line_id="2")
    world.bill("INV-1", line, line_id="3", **{"meter": None, **changes})
    found = one(world, code, str(line["total"]))
    assert found["line_id"] == "3"


def test_lines_of_nothing_are_no_difference_on_either_side() -> None:
    world = World()
    line = world.expect(charge="base")
    world.bill("INV-1", line, line_id="1")
    world.expect(quantity=0)
    world.bill("INV-1", line, line_id="2", kind="usage", meter="tokens", **world.refigure(line, "0"))
    outcome = world.run(LINE)
    assert outcome.breaks(LINE) == []
    assert outcome.foots()


def test_a_missing_line_that_sits_in_quarantine() -> None:
    world = World()
    world.bill("INV-1", world.expect(charge="base"))
    line = world.expect()
    world.quarantine(
        "invoice_lines",
        invoice_id="INV-1",
        subscription_id="S1",
        kind="usage",
        meter="api_calls",
        period_start=FEBRUARY[0],
        period_end=FEBRUARY[1],
    )
    one(world, "RECORD_QUARANTINED", str(-line["total"]))


def test_a_minimum_that_follows_from_wrong_usage_takes_its_code() -> None:
    world = World()
    usage = world.expect()
    world.bill("INV-1", usage, line_id="1", quantity=11_000, **world.refigure(usage, "165.00"))
    minimum = world.expect(charge=None, kind="minimum", gross="20")
    world.bill("INV-1", minimum, line_id="2", **world.refigure(minimum, "35"))
    outcome = world.run(LINE)
    assert outcome.codes(LINE) == [("USAGE_MISSING", Decimal("-17.85")), ("USAGE_MISSING", Decimal("17.85"))]
    (second,) = (b for b in outcome.breaks(LINE) if b["line_id"] == "2")
    assert stages(second) == {"USAGE_MISSING": Decimal("17.85")}
    assert "because line 1 is (USAGE_MISSING)" in second["explanation"]


def test_a_minimum_follows_the_charges_of_its_own_plan_and_not_those_of_another_on_the_same_invoice() -> None:
    world = World()
    usage = world.expect()
    world.bill("INV-1", usage, line_id="1", **world.refigure(usage, "180.00", discount=Decimal(10)))
    minimum = world.expect(charge=None, kind="minimum", gross="20")
    world.bill("INV-1", minimum, line_id="2", **world.refigure(minimum, "30"))
    other = world.expect(charge="storage", plan_id="other", quantity=1_000, gross="100")
    world.bill("INV-1", other, line_id="3", **world.refigure(other, "90"))
    outcome = world.run(LINE)
    codes = {b["line_id"]: b["code"] for b in outcome.breaks(LINE)}
    assert codes == {"1": "DISCOUNT_VALUE", "2": "DISCOUNT_VALUE", "3": "TIER_RATE"}


def test_what_the_duplicates_of_a_period_explain_is_no_correction_of_one_of_its_days() -> None:
    world = World()
    line = world.expect(duplicate_quantity=100, superseded_quantity=160)
    world.usage(5_900, date(2026, 2, 10), superseded_quantity=100, corrected_quantity=40)
    world.usage(6_100, date(2026, 2, 11), superseded_quantity=60, corrected_quantity=25)
    world.bill("INV-1", line, quantity=12_100, **world.refigure(line, "181.50"))
    one(world, "USAGE_DUPLICATE", "1.79")


@pytest.mark.parametrize(
    ("known", "code", "billed", "gross", "delta"),
    [
        ({"superseded_quantity": 100, "corrected_quantity": -100}, "USAGE_DUPLICATE", 12_100, "181.50", "1.79"),
        ({"late_quantity": 100}, "USAGE_MISSING", 11_900, "178.50", "-1.78"),
    ],
)
@pytest.mark.parametrize("day_metered_wrong", [10, 11])
def test_the_day_that_was_metered_wrong_says_whether_its_correction_or_its_late_events_are_the_cause(
    known: Row, code: str, billed: int, gross: str, delta: str, day_metered_wrong: int
) -> None:
    world = World()
    line = world.expect(**{name: abs(units) for name, units in known.items() if name != "corrected_quantity"})
    world.usage(1_000, date(2026, 2, 9))
    world.usage(4_900, date(2026, 2, 10), **known)
    world.usage(6_100, date(2026, 2, 11))
    for day, used in ((10, 4_900), (11, 6_100)):
        off = billed - 12_000 if day == day_metered_wrong else 0
        world.metered(used + off, date(2026, 2, day))
    world.bill("INV-1", line, quantity=billed, **world.refigure(line, gross))
    of_the_day = "USAGE_CORRECTED" if "superseded_quantity" in known else "USAGE_LATE"
    one(world, of_the_day if day_metered_wrong == 10 else code, delta)


def test_units_that_only_the_contract_includes_and_the_engine_does_not_know() -> None:
    world = World()
    working = json.dumps({"plan_version": "v2", "steps": {"allowance": {"units": "19.5"}}})
    line = world.expect(charge="storage", quantity="200.25", gross="13.075", working=working)
    world.bill("INV-1", line, **world.refigure(line, "15.025"))
    one(world, "ALLOWANCE_ROLLOVER", "2.32")


class _Bundles(World):
    """Storage is sold in packages of 50, after 20 units that are free."""

    plans = tuple(
        Plan.model_validate(
            plan.model_dump(mode="json")
            | {
                "charges": [
                    {
                        "charge_id": "storage",
                        "kind": "usage",
                        "meter": "gb",
                        "model": "package",
                        "package_size": "50",
                        "package_price": "89.25644",
                        "free_units": "20",
                    }
                ]
            }
        )
        for plan in World.plans
    )


def test_a_begun_package_that_is_not_charged_is_no_package_that_is_free() -> None:
    world = _Bundles()
    price = Decimal("89.25644")
    line = world.expect(charge="storage", quantity=69, gross=price, unit_price=price)
    world.bill("INV-1", line, **world.refigure(line, "0"))
    one(world, "TIER_RATE", "-106.22")


def _taxed_by_itself(world: World, units: int, gross: str, tax: str) -> None:
    """An invoice whose tax is a line of its own, with so many calls billed at this gross."""
    usage = world.expect(rate="0")
    world.bill("INV-1", usage, line_id="1", quantity=units, **world.refigure(usage, gross))
    figures = {
        "tax_rate": Decimal("0.19"),
        "tax": Decimal("34.20"),
        "total": Decimal("34.20"),
        "tax_raw": Decimal("34.2"),
    }
    working = json.dumps({"steps": {"tax": {"base": "180.00"}}})
    line = world.expect(charge=None, kind="adjustment", meter="tax", gross="0", **figures, working=working)
    world.bill("INV-1", line, line_id="2", tax=Decimal(tax), total=Decimal(tax))


def test_the_tax_of_an_invoice_that_follows_from_wrong_usage_takes_its_code() -> None:
    world = World()
    _taxed_by_itself(world, 11_000, "165.00", "31.35")
    outcome = world.run(LINE)
    assert outcome.codes(LINE) == [("USAGE_MISSING", Decimal("-15")), ("USAGE_MISSING", Decimal("-2.85"))]
    (second,) = (b for b in outcome.breaks(LINE) if b["line_id"] == "2")
    assert stages(second) == {"USAGE_MISSING": Decimal("-2.85")}
    assert "because line 1 is (USAGE_MISSING): USD 31.35 instead of USD 34.20" in second["explanation"]


def test_the_tax_of_an_invoice_that_is_wrong_by_itself() -> None:
    world = World()
    _taxed_by_itself(world, 12_000, "180.00", "31.35")
    one(world, "TAX_BASE", "-2.85")


def test_the_tax_of_an_invoice_that_does_not_follow_from_what_is_wrong_beside_it() -> None:
    world = World()
    _taxed_by_itself(world, 11_000, "165.00", "30.00")
    assert [code for code, _ in world.run(LINE).codes(LINE)] == ["TAX_BASE", "USAGE_MISSING"]


def test_a_cap_that_follows_from_a_wrong_price_takes_its_code() -> None:
    world = World()
    usage = world.expect()
    world.bill(
        "INV-1", usage, line_id="1", plan_version="v1", unit_price=Decimal("0.010"), **world.refigure(usage, "120.00")
    )
    cap = world.expect(charge=None, kind="discount", meter="cap", gross="0", discount="80")
    world.bill("INV-1", cap, line_id="2", **world.refigure(cap, "0", discount=Decimal(20)))
    assert {code for code, _ in world.run(LINE).codes(LINE)} == {"PRICE_VERSION"}


def test_a_cap_of_another_amount_beside_a_wrong_price() -> None:
    world = World()
    usage = world.expect()
    world.bill(
        "INV-1", usage, line_id="1", plan_version="v1", unit_price=Decimal("0.010"), **world.refigure(usage, "120.00")
    )
    cap = world.expect(charge=None, kind="discount", meter="cap", gross="0", discount="80")
    world.bill("INV-1", cap, line_id="2", **world.refigure(cap, "0", discount=Decimal(30)))
    assert {code for code, _ in world.run(LINE).codes(LINE)} == {"CAP", "PRICE_VERSION"}


@pytest.mark.parametrize(
    ("reached", "code"), [("300", "PRORATION"), ("150", "PRORATION"), ("130", "PRORATION"), ("200", "MINIMUM")]
)
def test_a_minimum_of_a_part_of_a_period_that_is_filled_up_to_another_part_is_prorated_wrong(
    reached: str, code: str
) -> None:
    world = World()
    working = {"agreed": "300", "owed": "140", "charged": "60", "days": 14, "of": 30}
    usage = world.expect(gross="60")
    world.bill("INV-1", usage, line_id="1")
    minimum = world.expect(charge=None, kind="minimum", gross="80", working=json.dumps({"steps": {"minimum": working}}))
    filled = world.refigure(minimum, Decimal(reached) - 60)
    world.bill("INV-1", minimum, line_id="2", **filled)
    one(world, code, str(filled["total"] - minimum["total"]))


def test_a_minimum_that_is_wrong_by_itself_beside_wrong_usage() -> None:
    world = World()
    usage = world.expect()
    world.bill("INV-1", usage, line_id="1", quantity=11_000, **world.refigure(usage, "165.00"))
    minimum = world.expect(charge=None, kind="minimum", gross="20")
    world.bill("INV-1", minimum, line_id="2", **world.refigure(minimum, "30"))
    assert [code for code, _ in world.run(LINE).codes(LINE)] == ["MINIMUM", "USAGE_MISSING"]


def test_a_minimum_that_is_filled_by_usage_that_never_was() -> None:
    world = World()
    usage = world.expect()
    world.bill("INV-1", usage, line_id="1", quantity=14_000, **world.refigure(usage, "210.00"))
    world.expect(charge=None, kind="minimum", gross="20")
    assert {code for code, _ in world.run(LINE).codes(LINE)} == {"USAGE_DUPLICATE"}


def test_a_coupon_and_a_credit_cut_off_by_a_bill_that_is_too_small() -> None:
    world = World()
    usage = world.expect()
    small = world.refigure(usage, "15.00")
    world.bill("INV-1", usage, line_id="1", quantity=1_000, **small)
    coupon = world.expect(charge=None, kind="discount", meter="WELCOME", gross="0", discount="20")
    world.bill("INV-1", coupon, line_id="2", **world.refigure(coupon, "0", discount=Decimal(15)))
    credit = world.expect(charge=None, kind="credit", meter="GOODWILL", gross="0", credit="30")
    outcome = world.run(LINE)
    assert [code for code, _ in outcome.codes(LINE)] == ["USAGE_MISSING"] * 3
    assert outcome.foots()
    assert sum(delta for _, delta in outcome.codes(LINE)) == -(usage["total"] + coupon["total"] + credit["total"])


def test_an_invoice_that_never_came_is_missing_once_after_the_grace() -> None:
    due = FEBRUARY[1] + timedelta(days=2)
    for days, found in ((0, []), (1, [("INVOICE_MISSING", Decimal("-273.70"))]), (2, [])):
        world = World(due + timedelta(days=days))
        world.expect(charge="base")
        world.expect()
        outcome = world.run(LINE)
        assert outcome.codes(LINE) == found
        assert outcome.foots()
        pending = sum(t["pending"] for t in outcome.totals(LINE))
        assert pending == (1 if days == 0 else 0)


def test_a_period_of_nothing_needs_no_invoice() -> None:
    world = World(FEBRUARY[1] + timedelta(days=3))
    world.expect(quantity=0)
    assert world.run(LINE).breaks() == []


def test_a_void_or_draft_invoice_bills_nothing() -> None:
    world = World(FEBRUARY[1] + timedelta(days=3))
    line = world.expect()
    world.bill("INV-1", line, status="void")
    world.bill("INV-2", line, status="draft")
    one(world, "INVOICE_MISSING", "-214.20", "invoice")


def test_a_missing_invoice_that_sits_in_quarantine() -> None:
    world = World(FEBRUARY[1] + timedelta(days=3))
    world.expect()
    world.quarantine("invoice_lines", theirs="S1", amount="12,3")
    found = one(world, "RECORD_QUARANTINED", "-214.20", "invoice")
    assert "in quarantine (landing/invoice_lines/2026-03-04.csv row 900)" in found["explanation"]


def test_an_invoice_billed_earlier_is_neither_missing_nor_reported_again() -> None:
    world = World(FEBRUARY[1] + timedelta(days=3))
    line = world.expect()
    world.bill("INV-1", line, on=world.day - timedelta(days=1), **world.refigure(line, "999"))
    outcome = world.run(LINE)
    assert outcome.breaks(LINE) == []
    assert outcome.totals(LINE) == []


def test_an_invoice_for_a_period_that_nothing_expects() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, line_id="1")
    other = {"period_start": date(2026, 3, 1), "period_end": date(2026, 4, 1)}
    world.bill("INV-2", line, line_id="1", **other)
    world.bill("INV-2", line, line_id="2", kind="subscription", meter=None, **other)
    found = one(world, "INVOICE_UNEXPECTED", "428.40", "invoice")
    assert found["invoice_id"] == "INV-2"


def test_an_invoice_of_a_subscription_that_no_contract_has() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-2", line, subscription_id="S-unknown")
    world.bill("INV-3", line, subscription_id=None)
    assert world.run(LINE).codes(LINE) == [("KEY_UNMAPPED", Decimal("214.20"))] * 2


def test_history_from_before_the_first_day_is_no_surprise() -> None:
    world = World()
    world.first_day = DAY
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-0", line, period_start=date(2026, 1, 1), period_end=date(2026, 2, 1))
    assert world.run(LINE).breaks(LINE) == []


def test_a_bill_for_days_before_any_contract_is_no_history_when_it_is_issued_today() -> None:
    world = World()
    world.first_day = DAY
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-0", line, period_start=date(2019, 1, 1), period_end=date(2019, 2, 1))
    world.bill("INV-X", line, subscription_id="S-unknown", period_start=date(2019, 1, 1), period_end=date(2019, 2, 1))
    before = {"issued_on": DAY - timedelta(days=1), "period_start": date(2019, 3, 1), "period_end": date(2019, 4, 1)}
    world.bill("INV-OLD", line, **before)
    assert sorted(world.run(LINE).codes(LINE)) == [
        ("INVOICE_UNEXPECTED", Decimal("214.20")),
        ("KEY_UNMAPPED", Decimal("214.20")),
    ]


def again(world: World, line: Row, on: date | None = None, **changes: Any) -> None:
    at = datetime.combine(on or world.day, datetime.min.time(), UTC) + timedelta(hours=9)
    world.bill("INV-2", line, on=on, calculated_at=at, **changes)


def test_an_invoice_billed_twice_is_one_break_of_its_total() -> None:
    world = World()
    lines = [world.expect(charge=charge) for charge in ("base", "seats", "calls")]
    for n, line in enumerate(lines):
        world.bill("INV-1", line, line_id=str(n))
        again(world, line, line_id=str(n))
    found = one(world, "INVOICE_DUPLICATE", str(sum(line["total"] for line in lines)), "invoice")
    assert found["invoice_id"] == "INV-2"
    assert "which INV-1 has billed already" in found["explanation"]


def test_a_coupon_or_credit_given_twice_on_one_invoice_is_no_duplicate_invoice() -> None:
    for code, kind, figures, delta in (
        ("DISCOUNT_VALUE", "discount", {"discount": "10"}, "-11.90"),
        ("CREDIT_VALUE", "credit", {"credit": "30"}, "-30.00"),
    ):
        world = World()
        world.bill("INV-1", world.expect(), line_id="1")
        off = world.expect(charge=None, kind=kind, meter="WELCOME", gross="0", **figures)
        world.bill("INV-1", off, line_id="2")
        world.bill("INV-1", off, line_id="3")
        one(world, code, delta)


def test_a_duplicate_of_another_amount_is_no_wrong_line() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    again(world, line, quantity=12_100, **world.refigure(line, "181.50"))
    one(world, "INVOICE_DUPLICATE", "215.99", "invoice")


def test_a_duplicate_of_a_later_day_is_reported_on_that_day_alone() -> None:
    line = World().expect()
    world = World(DAY + timedelta(days=1))
    world.expect()
    world.bill("INV-1", line, on=DAY)
    again(world, line)
    one(world, "INVOICE_DUPLICATE", "214.20", "invoice")
    world = World(DAY)
    world.expect()
    world.bill("INV-1", line, on=DAY)
    assert world.run(LINE).breaks(LINE) == []


def test_an_invoice_void_and_billed_anew_is_no_duplicate() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, on=DAY - timedelta(days=1))
    world.bill("INV-1", line, status="void")
    again(world, line)
    assert world.run(LINE).breaks(LINE) == []


def test_a_file_that_repeats_a_line_changes_nothing() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, on=DAY - timedelta(days=1))
    world.add("invoice_lines", **(world.rows["invoice_lines"][0] | {"observed_on": DAY, "day": DAY, "source_row": 77}))
    outcome = world.run(LINE)
    assert outcome.breaks(LINE) == []
    assert outcome.totals(LINE) == []


def test_a_period_billed_on_two_invoices_is_one_bill() -> None:
    world = World()
    world.bill("INV-1", world.expect(charge="base"))
    again(world, world.expect())
    assert world.run(LINE).breaks(LINE) == []


def test_a_credit_note_that_no_contract_asks_for() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.bill(
        "CN-1",
        line,
        invoice_kind="credit_note",
        gross=Decimal(-10),
        taxable=Decimal(-10),
        tax=Decimal(0),
        total=Decimal(-10),
    )
    one(world, "MANUAL_ADJUSTMENT", "-10", "invoice")


def test_of_two_lines_of_one_key_the_right_one_is_matched() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, line_id="1", **world.refigure(line, "150"))
    world.bill("INV-1", line, line_id="2")
    found = one(world, "USAGE_DUPLICATE", "178.50")
    assert found["line_id"] == "1"


def test_a_bill_of_the_new_engine_is_real_and_counted_apart_from_the_old_ones() -> None:
    world = World()
    world.bill("INV-1", world.expect(subscription_id="S-1"))
    line = world.expect(subscription_id="S-2")
    world.bill("INV-2", line, variant="candidate", cohort="ten_percent", **world.refigure(line, "190"))
    outcome = world.run(LINE)
    assert outcome.codes(LINE) == [("TIER_RATE", Decimal("11.90"))]
    assert [(t["cohort"], t["variant"], t["breaks"]) for t in outcome.totals(LINE)] == [
        ("all", "control", 0),
        ("ten_percent", "candidate", 1),
    ]
    assert outcome.foots()


def test_a_period_that_both_engines_bill_is_billed_twice() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-1c", line, variant="candidate", cohort="ten_percent")
    assert [code for code, _ in world.run(LINE).codes(LINE)] == ["INVOICE_DUPLICATE"]


@pytest.mark.parametrize(
    ("absolute", "relative", "disposition"),
    [
        ("12", None, "ACCEPTED_TOLERANCE"),
        ("11.89", None, "OPEN"),
        ("12", "0.06", "ACCEPTED_TOLERANCE"),
        ("12", "0.05", "OPEN"),
    ],
)
def test_a_tolerance_accepts_and_never_hides(absolute: str, relative: str | None, disposition: str) -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "190"))
    world.tolerances.append((LINE, "line", "*", Decimal(absolute), Decimal(relative) if relative else None))
    found = world.run(LINE).the_break(LINE)
    assert found["disposition"] == disposition


def test_no_tolerance_accepts_a_missing_or_doubled_invoice() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    again(world, line)
    world.tolerances.append((LINE, "invoice", "*", Decimal(10_000), None))
    assert world.run(LINE).the_break(LINE)["disposition"] == "OPEN"


def test_a_bill_of_a_subscription_that_could_not_be_rated_is_no_break_and_not_matched_either() -> None:
    world = World()
    world.bill("INV-1", world.expect("S1"))
    world.rows["expected_lines"].clear()
    world.rows["unrated"].append({"subscription_id": "S1"})
    outcome = world.run(LINE)
    assert outcome.breaks(LINE) == []
    (total,) = outcome.totals(LINE)
    assert (total["matched"], total["pending"]) == (0, 1)
    assert outcome.foots()


def negative(line: dict[str, Any]) -> dict[str, Decimal]:
    """The figures of a bill, given back."""
    return {name: -line[name] for name in ("gross", "discount", "credit", "taxable", "tax", "total")}


@pytest.mark.parametrize(
    ("credited", "reissued", "codes"),
    [
        ("150", "180", []),
        ("150", None, [("MANUAL_ADJUSTMENT", "-178.50")]),
        ("150", "170", [("MANUAL_ADJUSTMENT", "-178.50"), ("INVOICE_DUPLICATE", "202.30")]),
        ("-30", None, []),
        ("-29", None, [("MANUAL_ADJUSTMENT", "34.51")]),
        (None, "30", [("INVOICE_DUPLICATE", "35.70")]),
    ],
)
def test_a_wrong_bill_is_corrected_by_credit_notes_and_new_bills_that_come_to_what_is_owed(
    credited: str | None, reissued: str | None, codes: list[tuple[str, str]]
) -> None:
    """Yesterday 150.00 were billed where 180.00 is due (with 19% tax 178.50 and 214.20); corrections come today."""
    world = World()
    line = world.expect()
    yesterday = world.day - timedelta(days=1)
    world.bill("INV-1", line, on=yesterday, **world.refigure(line, "150"))
    if credited:
        world.bill("CN-1", line, invoice_kind="credit_note", **negative(world.refigure(line, credited)))
    if reissued:
        world.bill("INV-2", line, **world.refigure(line, reissued))
    outcome = world.run(LINE)
    assert sorted(outcome.codes(LINE)) == sorted((code, Decimal(delta)) for code, delta in codes)
    assert outcome.foots()


@pytest.mark.parametrize(
    ("charge", "changes", "code", "delta", "says"),
    [
        ("base", {"rate": "0.20"}, "TAX_RATE_JURISDICTION", "0.00", "taxed USD 8.33 at rate 0.2 where DE has 0.19"),
        ("base", {"tax": "9.50", "taxable": "40.50"}, "TAX_BASE", "0.00", "taxed USD 9.50 where USD 7.98 is the tax"),
        (
            "base",
            {"tax": "9.50", "taxable": "50", "total": "59.50"},
            "TAX_BASE",
            "9.50",
            "taxed USD 9.50 where USD 7.98",
        ),
        ("base", {"gross": "60"}, "TIER_RATE", "10.00", "a gross of USD 60.00 (subscription)"),
        ("calls", {"gross": "195", "quantity": "13000"}, "USAGE_DUPLICATE", "15.00", "1,000 too many at USD 0.015"),
        ("calls", {"gross": "120", "unit_price": "0.010"}, "PRICE_VERSION", "-60.00", "the price of version v1"),
    ],
)
def test_where_prices_include_the_tax_each_fault_has_its_own_code(
    charge: str, changes: dict[str, str], code: str, delta: str, says: str
) -> None:
    """A price of 50.00 holds 7.98 of tax. A wrong tax within a right price moves no total and is a break all the same."""
    world = World(prices_include_tax=True)
    line = world.expect("S1", charge)
    figures = {name: Decimal(figure) for name, figure in changes.items()}
    rate = figures.pop("rate", line["tax_rate"])
    world.bill("INV-1", line, **world.refigure(line, figures.get("gross", line["gross"]), rate=rate) | figures)
    assert says in one(world, code, delta)["explanation"]


def test_an_invoice_without_its_tax_line_or_with_one_that_nothing_calls_for_has_the_wrong_rate() -> None:
    world = World(tax_point="invoice")
    world.bill("INV-1", world.expect(charge="base", rate="0"))
    tax = world.expect(charge=None, kind="adjustment", meter="tax", gross="0", rate="0.19", tax=Decimal("9.50"))
    tax["total"] = tax["tax"] = Decimal("9.50")
    one(world, "TAX_RATE_JURISDICTION", "-9.50")
    world.bill("INV-1", tax, line_id="2")
    world.rows["expected_lines"].remove(tax)
    one(world, "TAX_RATE_JURISDICTION", "9.50")


@pytest.mark.parametrize(
    ("currency", "times", "found"),
    [
        ("EUR", 1, [("CURRENCY_FX", "-59.50"), ("CURRENCY_FX", "59.50")]),
        ("USD", 2, [("INVOICE_DUPLICATE", "59.50")]),
    ],
)
def test_the_tax_line_of_an_invoice_shares_the_fault_of_the_whole_invoice(
    currency: str, times: int, found: list[tuple[str, str]]
) -> None:
    world = World(tax_point="invoice")
    tax = world.expect(charge=None, kind="adjustment", meter="tax", gross="0", rate="0.19", tax=Decimal("9.50"))
    tax["total"] = Decimal("9.50")
    for n, line in enumerate((world.expect(charge="base", rate="0"), tax) * times):
        world.bill("INV-1", line, line_id=str(n), currency=currency)
    outcome = world.run(LINE)
    assert outcome.codes(LINE) == [(code, Decimal(delta)) for code, delta in found]
    assert outcome.foots()
