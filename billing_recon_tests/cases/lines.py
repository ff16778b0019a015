"""Stories of a wrong figure at one stage of one line: usage, contract, rating, adjustments, tax and money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from billing_recon.core.reason import Code, Pair
from billing_recon_tests.cases.story import Story
from billing_recon_tests.compute.reconcile.world import World


def _calls(billed: int, metered: int | None = None, **known: Any) -> World:
    """12,000 api_calls at USD 0.015 were used, and `billed` are charged."""
    world = World()
    line = world.expect(**known)
    world.bill("INV-1", line, quantity=billed, **world.refigure(line, Decimal(billed) * Decimal("0.015")))
    if metered:
        world.metered(metered, date(2026, 2, 10))
    return world


def usage_of_a_day_that_never_reached_the_engine() -> World:
    return _calls(11_000, 11_000)


def a_retry_that_delivers_events_twice() -> World:
    return _calls(12_100, duplicate_quantity=100)


def events_that_came_late_and_were_not_counted() -> World:
    return _calls(11_500, late_quantity=500)


def a_correction_counted_beside_what_it_corrects() -> World:
    return _calls(12_300, superseded_quantity=300)


def a_day_left_out_of_the_sum_of_what_was_metered() -> World:
    return _calls(9_000, 12_000)


def a_seat_too_many() -> World:
    world = World()
    line = world.expect(charge="seats", quantity=3)
    world.bill("INV-1", line, quantity=4, **world.refigure(line, "40"))
    return world


def last_years_price() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, unit_price=Decimal("0.010"), **world.refigure(line, "120.00"))
    return world


def the_list_price_where_the_contract_has_its_own() -> World:
    world = World()
    line = world.expect(gross="144.00", unit_price=Decimal("0.012"))
    world.bill("INV-1", line, unit_price=Decimal("0.015"), **world.refigure(line, "180.00"))
    return world


def included_units_that_are_billed() -> World:
    world = World()
    line = world.expect(charge="storage", quantity=80, gross="3.00")
    world.bill("INV-1", line, **world.refigure(line, "8.00"))
    return world


def units_in_the_wrong_tier() -> World:
    world = World()
    line = world.expect(unit_price=None)
    world.bill("INV-1", line, **world.refigure(line, "200.00"))
    return world


def a_month_in_full_where_half_was_due() -> World:
    world = World()
    line = world.expect(charge="seats", quantity=3, share=(14, 28))
    world.bill("INV-1", line, **world.refigure(line, "30.00"))
    return world


def a_minimum_that_is_not_filled() -> World:
    world = World()
    world.bill("INV-1", world.expect(), line_id="1")
    world.expect(charge=None, kind="minimum", gross="20")
    return world


def a_bill_above_what_was_agreed_as_the_most() -> World:
    world = World()
    world.bill("INV-1", world.expect(), line_id="1")
    world.expect(charge=None, kind="discount", meter="cap", gross="0", discount="80")
    return world


def a_discount_that_is_forgotten() -> World:
    world = World()
    line = world.expect(discount_rate="0.10")
    world.bill("INV-1", line, **world.refigure(line, line["gross"], discount=Decimal(0)))
    return world


def half_a_credit() -> World:
    world = World()
    world.bill("INV-1", world.expect(), line_id="1")
    credit = world.expect(charge=None, kind="credit", meter="GOODWILL", gross="0", credit="30")
    world.bill("INV-1", credit, line_id="2", credit=Decimal(15), total=Decimal(-15))
    return world


def a_setup_fee_that_no_contract_knows() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, line_id="1")
    fee = world.refigure(line, "25.00")
    world.bill("INV-1", line, line_id="2", kind="adjustment", meter="setup", quantity=1, unit_price=None, **fee)
    return world


def a_discount_taken_after_tax() -> World:
    world = World()
    line = world.expect(discount_rate="0.10")
    tax = Decimal("34.20")
    world.bill("INV-1", line, taxable=Decimal("180.00"), tax=tax, total=Decimal("162.00") + tax)
    return world


def the_rate_of_another_country() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, line["gross"], rate=Decimal("0.20")))
    return world


def a_part_that_is_not_taxed() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, taxable=Decimal("100.00"), tax=Decimal("19.00"), total=Decimal("199.00"))
    return world


def dollars_billed_in_euros() -> World:
    world = World()
    world.bill("INV-1", world.expect(), currency="EUR")
    return world


def cents_where_dollars_are_meant() -> World:
    world = World()
    line = world.expect()
    figures = {name: line[name] * 100 for name in ("gross", "discount", "credit", "taxable", "tax", "total")}
    world.bill("INV-1", line, **figures)
    return world


def a_gross_amount_cut_off_where_it_rounds_up() -> World:
    world = World()
    line = world.expect(quantity=1_233)
    world.bill("INV-1", line, **world.refigure(line, "18.49"))
    return world


def a_total_that_is_not_the_sum_of_its_parts() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, total=line["total"] + 3)
    return world


def _line(code: Code, tell: Any, delta: str, sentence: str = "", breaks: int = 1) -> Story:
    return Story(code, Pair.EXPECTED_BILLED, tell, delta, sentence, breaks)


STORIES = (
    _line(
        Code.USAGE_MISSING,
        usage_of_a_day_that_never_reached_the_engine,
        "-17.85",
        "INV-1 line 1 charges 11,000 api_calls where usage says 12,000: 1,000 too few at USD 0.015, USD "
        "-15.00 before tax, USD -17.85 in total.",
    ),
    _line(
        Code.USAGE_DUPLICATE,
        a_retry_that_delivers_events_twice,
        "1.79",
        "INV-1 line 1 charges 12,100 api_calls where usage says 12,000: 100 too many at USD 0.015, the "
        "quantity of the duplicates, USD +1.50 before tax, USD +1.79 in total.",
    ),
    _line(
        Code.USAGE_LATE,
        events_that_came_late_and_were_not_counted,
        "-8.92",
        "INV-1 line 1 charges 11,500 api_calls where usage says 12,000: 500 too few at USD 0.015, the "
        "quantity that arrived late, USD -7.50 before tax, USD -8.92 in total.",
    ),
    _line(
        Code.USAGE_CORRECTED,
        a_correction_counted_beside_what_it_corrects,
        "5.36",
        "INV-1 line 1 charges 12,300 api_calls where usage says 12,000: 300 too many at USD 0.015, the "
        "quantity that corrections removed, USD +4.50 before tax, USD +5.36 in total.",
    ),
    _line(
        Code.USAGE_AGGREGATION,
        a_day_left_out_of_the_sum_of_what_was_metered,
        "-53.55",
        "INV-1 line 1 charges 9,000 api_calls where usage says 12,000: 3,000 too few at USD 0.015, "
        "although the engine metered the right quantity, USD -45.00 before tax, USD -53.55 in total.",
    ),
    _line(
        Code.SUBSCRIPTION_STATE,
        a_seat_too_many,
        "11.90",
        "INV-1 line 1 charges 4 seat where the subscription has 3: 1 too many at USD 10.00, USD +10.00 "
        "before tax, USD +11.90 in total.",
    ),
    _line(
        Code.PRICE_VERSION,
        last_years_price,
        "-71.40",
        "INV-1 line 1 charges USD 120.00 for 12,000 api_calls where api v2 gives USD 180.00: it is the "
        "price of version v1, USD -60.00 before tax, USD -71.40 in total.",
    ),
    _line(
        Code.CONTRACT_OVERRIDE,
        the_list_price_where_the_contract_has_its_own,
        "42.84",
        "INV-1 line 1 charges USD 180.00 for 12,000 api_calls, the list price of api v2, where the "
        "contract's own price gives USD 144.00: USD +36.00 before tax, USD +42.84 in total.",
    ),
    _line(
        Code.ALLOWANCE_ROLLOVER,
        included_units_that_are_billed,
        "5.95",
        "INV-1 line 1 charges USD 8.00 for 80 gb where 50 of them are free and api v2 gives USD 3.00: it "
        "is the price with none of them free, USD +5.00 before tax, USD +5.95 in total.",
    ),
    _line(
        Code.TIER_RATE,
        units_in_the_wrong_tier,
        "23.80",
        "INV-1 line 1 has a gross of USD 200.00 (usage api_calls) where api v2 and the contract give USD "
        "180.00: USD +20.00 before tax, USD +23.80 in total.",
    ),
    _line(
        Code.PRORATION,
        a_month_in_full_where_half_was_due,
        "17.85",
        "INV-1 line 1 has a gross of USD 30.00 (proration seat), the amount of the whole period, where api v2 "
        "and the contract give USD 15.00: USD +15.00 before tax, USD +17.85 in total.",
    ),
    _line(
        Code.MINIMUM,
        a_minimum_that_is_not_filled,
        "-23.80",
        "INV-1 has no minimum line for 2026-02-01 to 2026-03-01, where USD 23.80 is due: USD -20.00 before "
        "tax, USD -23.80 in total.",
    ),
    _line(
        Code.CAP,
        a_bill_above_what_was_agreed_as_the_most,
        "95.20",
        "INV-1 has no discount cap line for 2026-02-01 to 2026-03-01, where USD -95.20 is due: USD +80.00 "
        "before tax, USD +95.20 in total.",
    ),
    _line(
        Code.DISCOUNT_VALUE,
        a_discount_that_is_forgotten,
        "21.42",
        "INV-1 line 1 has a discount of USD 0.00 (usage api_calls) where api v2 and the contract give "
        "USD 18.00: USD +18.00 before tax, USD +21.42 in total.",
    ),
    _line(
        Code.CREDIT_VALUE,
        half_a_credit,
        "15",
        "INV-1 line 2 has a credit of USD 15.00 (credit GOODWILL) where api v2 and the contract give USD "
        "30.00: USD +15.00 in total.",
    ),
    _line(
        Code.MANUAL_ADJUSTMENT,
        a_setup_fee_that_no_contract_knows,
        "29.75",
        "INV-1 line 2 charges adjustment setup for 2026-02-01 to 2026-03-01, which neither usage nor contract "
        "calls for: USD +25.00 before tax, USD +29.75 in total.",
    ),
    _line(
        Code.STEP_ORDER,
        a_discount_taken_after_tax,
        "3.42",
        "INV-1 line 1 totals USD 196.20 where USD 192.78 is due: the discount is right, but deducted after "
        "tax instead of before, USD +3.42 in total.",
    ),
    _line(
        Code.TAX_RATE_JURISDICTION,
        the_rate_of_another_country,
        "1.80",
        "INV-1 line 1 is taxed USD 36.00 at rate 0.2 where DE has 0.19: USD +1.80 in total.",
    ),
    _line(
        Code.TAX_BASE,
        a_part_that_is_not_taxed,
        "-15.20",
        "INV-1 line 1 is taxed USD 19.00 where USD 34.20 is the tax on the amount that should be taxed: USD "
        "-15.20 in total.",
    ),
    _line(
        Code.CURRENCY_FX,
        dollars_billed_in_euros,
        "-214.20",
        "INV-1 charges EUR 214.20 on 1 line where the contract is in USD and USD 214.20 is due; this is "
        "the part in USD.",
        breaks=2,
    ),
    _line(
        Code.MINOR_UNIT,
        cents_where_dollars_are_meant,
        "21205.80",
        "INV-1 line 1 charges USD 21,420.00 where USD 214.20 is due: the amounts are not in the currency's "
        "unit, USD +17,820.00 before tax, USD +21,205.80 in total.",
    ),
    _line(
        Code.ROUNDING,
        a_gross_amount_cut_off_where_it_rounds_up,
        "-0.02",
        "INV-1 line 1 settles its gross of 18.495 to USD 18.49 where half up gives USD 18.50: USD -0.01 "
        "before tax, USD -0.02 in total.",
    ),
    _line(
        Code.UNEXPLAINED,
        a_total_that_is_not_the_sum_of_its_parts,
        "3",
        "INV-1 line 1 totals USD 217.20 where its own parts make USD 214.20: USD +3.00 in total.",
    ),
)
