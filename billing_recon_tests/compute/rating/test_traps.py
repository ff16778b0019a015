"""The classic traps of billing, each with the figures that a controller would check by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.rating.changes import change
from billing_recon.compute.rating.metering import meter
from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.desk import answer, both, desk, prices, table
from billing_recon_tests.compute.rating.test_laws import EVENT, ITEM
from billing_recon_tests.compute.small_company import SmallCompany, catalog

TIERS = [{"up_to": 1000, "unit": "0.10"}, {"unit": "0.05"}]


def test_one_unit_more_makes_volume_cheaper_and_graduated_dearer() -> None:
    assert prices({"model": "volume", "tiers": TIERS}, [1001]) == [Decimal("50.05")]
    assert prices({"model": "graduated", "tiers": TIERS}, [1001]) == [Decimal("100.05")]
    assert prices({"model": "volume", "tiers": TIERS}, [1000]) == [Decimal("100.00")]


def test_22000_events_of_the_seed_example_cost_180_above_the_base() -> None:
    events = {"model": "graduated", "tiers": [{"up_to": 10000}, {"up_to": 30000, "unit": "0.015"}, {"unit": "0.012"}]}
    assert both(events, [10000, 10001, 22000]) == [
        (Decimal(0), Decimal(0)),
        (Decimal("0.015"), Decimal("0.02")),
        (Decimal(180), Decimal(180)),
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "rounding", "settled"),
    [
        ("0.125", "USD", "half_up", "0.13"),
        ("0.125", "USD", "half_even", "0.12"),
        ("0.125", "USD", "down", "0.12"),
        ("0.121", "USD", "up", "0.13"),
        ("1050.00", "JPY", "half_up", "1050"),
        ("1050.4", "JPY", "half_up", "1050"),
    ],
)
def test_an_amount_is_settled_as_declared_at_its_currencys_exponent(
    amount: str, currency: str, rounding: str, settled: str
) -> None:
    ((raw, gross),) = both({"model": "dynamic"}, [amount], currency=currency, rounding=rounding)
    assert (raw, gross) == (Decimal(amount), Decimal(settled))


CHANGE = {
    "item_id": "INTEGER",
    "decimals": "INTEGER",
    "old_price": "DECIMAL(24,12)",
    "old_quantity": "DECIMAL(28,10)",
    "new_price": "DECIMAL(24,12)",
    "new_quantity": "DECIMAL(28,10)",
    "changed_at": "TIMESTAMP",
    "period_begins": "TIMESTAMP",
    "period_ends": "TIMESTAMP",
    "seconds_part": "BIGINT",
    "seconds_whole": "BIGINT",
    "paid": "DECIMAL(38,12)",
    "credited": "DECIMAL(38,12)",
    "same_price": "BOOLEAN",
}


def changed(*row: object, **profile: object) -> tuple[Decimal, Decimal, Decimal]:
    con = desk(**profile)
    table(con, "asked", CHANGE, [(1, 2, *row)])
    (found,) = answer(con, change("asked", "changed"), "SELECT credit, charge, net FROM changed")
    return found  # type: ignore[return-value]


def test_100_a_month_from_noon_of_16_january_is_half_by_the_second_and_a_day_more_by_day_inclusive() -> None:
    january = (None, None, 100, 1, "2026-01-16 12:00", "2026-01-01", "2026-02-01", None, None, None, None, False)
    assert changed(*january, proration="by_second")[1] == Decimal("50.00")
    assert changed(*january, proration="by_day")[1] == Decimal("51.61")  # 16 of 31 days: the 16th is counted


def test_31_days_to_the_last_one_inclusive_are_17_of_31_from_the_15th() -> None:
    march = (10, 1, 20, 1, "2024-03-15", "2024-03-01", "2024-03-31", None, None, None, None, False)
    assert changed(*march, proration="by_day", day_count="both_ends") == (
        Decimal("5.48"),
        Decimal("10.97"),
        Decimal("5.49"),
    )


def test_a_downgrade_gives_back_no_more_than_was_paid_and_not_yet_given_back() -> None:
    whole = (100, 1, None, None, "2026-01-01", "2026-01-01", "2026-02-01", None, None, 60, 45, False)
    assert changed(*whole, credit_cap="paid_less_credits")[0] == 15
    assert changed(*whole)[0] == 100
    seats = (*whole[:-1], True)
    assert changed(*seats, credit_cap="paid_less_credits")[0] == 100


def test_a_day_of_a_clock_change_has_fewer_seconds_and_is_still_one_day() -> None:
    """29 March 2026 has 23 hours in Berlin: real seconds are given beside the clock's times."""
    day = (None, None, 31, 1, "2026-03-29 00:00", "2026-03-01", "2026-04-01")
    last_three_days, month = (71 * 3600, (31 * 24 - 1) * 3600)
    assert changed(*day, last_three_days, month, None, None, False, proration="by_second")[1] == Decimal("2.96")
    assert changed(*day, None, None, None, None, False, proration="by_day")[1] == Decimal("3.00")


@pytest.mark.parametrize(
    ("aggregation", "units"),
    [
        ("sum", "60"),
        ("count", "3"),
        ("unique_count", "2"),
        ("max", "30"),
        ("latest", "20"),
        ("time_weighted", "35"),  # 10 for all of June, 30 for two thirds and 20 for a quarter of it
    ],
)
def test_a_meter_counts_as_it_is_told(aggregation: str, units: str) -> None:
    con = desk()
    table(con, "items", ITEM, [(1, aggregation, None, "2026-06-01", "2026-07-01")])
    events = [
        (1, 1, "2026-06-01 00:00", 10, "a", None),
        (1, 2, "2026-06-11 00:00", 30, "b", None),
        (1, 3, "2026-06-23 12:00", 20, "a", None),
    ]
    table(con, "events", EVENT, events)
    found = answer(con, meter("items", "events", "metered"), "SELECT quantity, events FROM metered")
    assert found == [(Decimal(units), 3)]


def test_the_maximum_of_each_hour_is_metered_by_itself() -> None:
    con = desk()
    table(con, "items", ITEM, [(1, "max", "hour", "2026-06-01", "2026-07-01")])
    events = [
        (1, 1, "2026-06-01 10:05", 3, None, None),
        (1, 2, "2026-06-01 10:55", 9, None, None),
        (1, 3, "2026-06-01 11:00", 5, None, None),
    ]
    table(con, "events", EVENT, events)
    sql = "SELECT CAST(bucket AS VARCHAR), quantity FROM metered ORDER BY bucket"
    found = answer(con, meter("items", "events", "metered"), sql)
    assert found == [("2026-06-01 10:00:00", Decimal(9)), ("2026-06-01 11:00:00", Decimal(5))]


MARCH = date(2026, 4, 3)
"""The day on which March is due."""


def bill(charges: list[str], tax: str = "0", on: date = MARCH, **given: Any) -> list[dict[str, Any]]:
    """The expected lines of one subscription's March; `profile` and `contract` as given."""
    known = SmallCompany(
        catalog(*charges, minimum=given.get("minimum"), currency=given.get("currency", "USD"),
                taxes=f'  - {{tax_region: VAT, rate: "{tax}"}}'),
        on,
        profile=Profile.model_validate(given.get("profile", {})),
    )  # fmt: skip
    known.subscribes(tax_region="VAT", currency=given.get("currency", "USD"), contract=given.get("contract", {}))
    for what, units in given.get("used", {}).items():
        known.uses(units, "2026-03-10", meter=what)
    return known.expected()


def fees(*amounts: str) -> list[str]:
    return [
        f'{{charge_id: f{n}, kind: subscription, model: flat, meter: f{n}, amount: "{amount}"}}'
        for n, amount in enumerate(amounts)
    ]


def summed(lines: list[dict[str, Any]]) -> Decimal:
    return sum((line["total"] for line in lines), Decimal(0))


SEED = [
    '{charge_id: base, kind: subscription, model: flat, meter: base, amount: "200"}',
    "{charge_id: events, kind: usage, meter: events, model: graduated, "
    'tiers: [{up_to: 10000}, {up_to: 30000, unit: "0.015"}, {unit: "0.012"}]}',
]


def test_the_seed_example_as_a_bill() -> None:
    """Base 200 with 10,000 events, 0.015 up to 30,000, 10% off, minimum 350 after it: 380 - 38 + 8 = 350."""
    lines = bill(SEED, used={"events": "22000"}, minimum="350", contract={"discount": {"rate": "0.10"}})
    assert sum(line["gross"] for line in lines if line["kind"] != "minimum") == 380
    assert sum(line["discount"] for line in lines) == 38
    assert [line["total"] for line in lines if line["kind"] == "minimum"] == [8]
    assert summed(lines) == 350
    assert [line["sentence"] for line in lines] == [
        "minimum of USD 350.00 less charges of USD 342.00 = USD 8.00; total USD 8.00.",
        "flat fee of USD 200.00; less 10% discount USD 20.00; total USD 180.00.",
        "10,000 events included + 12,000 above the first 10,000 at USD 0.015 = USD 180.00; less 10% discount USD 18.00; "
        "total USD 162.00.",
    ]


def test_1001_units_as_a_bill() -> None:
    tiers = '[{up_to: 1000, unit: "0.10"}, {unit: "0.05"}]'
    for model, owed in (("volume", "50.05"), ("graduated", "100.05")):
        charge = f"{{charge_id: c, kind: usage, meter: m, model: {model}, tiers: {tiers}}}"
        assert summed(bill([charge], used={"m": "1001"})) == Decimal(owed)


def test_tax_of_20_percent_by_line_is_335_00_and_on_the_invoice_334_99() -> None:
    """68.33 + 68.33 + 57.50 + 85.00 = 279.16: 13.67 + 13.67 + 11.50 + 17.00 = 55.84, or 55.83 of the sum."""
    charges = fees("68.33", "68.33", "57.50", "85.00")
    assert summed(bill(charges, tax="0.2")) == Decimal("335.00")
    assert summed(bill(charges, tax="0.2", profile={"tax_point": "invoice"})) == Decimal("334.99")


def test_a_credit_of_30_on_100_at_20_percent_leaves_90_after_tax_and_84_before_it() -> None:
    contract = {"credits": [{"credit_id": "c", "amount": "30", "granted_on": "2026-03-15"}]}
    assert summed(bill(fees("100"), tax="0.2", contract=contract)) == Decimal("90.00")
    assert summed(bill(fees("100"), tax="0.2", contract=contract, profile={"credit": "before_tax"})) == Decimal("84.00")


def test_275_with_a_minimum_of_350_and_10_percent_is_350_or_315_by_the_order_declared() -> None:
    contract = {"discount": {"rate": "0.1"}, "minimum": "350"}
    minimum_first = {"adjustments": ["minimum", "discount", "maximum"]}
    assert summed(bill(fees("275"), contract=contract)) == Decimal("350.00")
    assert summed(bill(fees("275"), contract=contract, profile=minimum_first)) == Decimal("315.00")


def test_1050_yen_are_1050_yen() -> None:
    (line,) = bill(fees("1050"), currency="JPY")
    assert (line["total"], line["decimals"]) == (1050, 0)
    assert line["sentence"] == "flat fee of JPY 1,050; total JPY 1,050."


@pytest.mark.parametrize(("rounding", "settled"), [("half_up", "0.13"), ("half_even", "0.12"), ("down", "0.12")])
def test_an_eighth_of_a_dollar_as_a_bill(rounding: str, settled: str) -> None:
    (line,) = bill(fees("0.125"), profile={"rounding": rounding})
    assert (line["gross_raw"], line["total"]) == (Decimal("0.125"), Decimal(settled))


def test_dinars_have_three_decimals() -> None:
    (line,) = bill(fees("1.2345"), currency="KWD")
    assert (line["total"], line["decimals"]) == (Decimal("1.235"), 3)


def test_a_new_price_version_leaves_periods_under_the_old_one_as_they_were() -> None:
    """A catalog that gains a version rates March as before; the version that a subscription is on at the time decides."""

    def text(*versions: tuple[str, str]) -> str:
        plans = "".join(
            f'  - {{plan_id: p, plan_version: "{version}", currency: USD, charges: '
            f'[{{charge_id: b, kind: subscription, model: flat, amount: "{amount}"}}]}}\n'
            for version, amount in versions
        )
        return f'plans:\n{plans}taxes:\n  - {{tax_region: none, rate: "0"}}\n'

    def owed(terms: str, on: date) -> list[tuple[str, Decimal]]:
        known = SmallCompany(load_catalog([("plans.yaml", terms)]), on)
        known.subscribes(until="2026-04-01")
        known.subscribes(since="2026-04-01", plan_version="2")
        return [(line["plan_version"], line["total"]) for line in known.expected()]

    old, new = text(("1", "100")), text(("1", "100"), ("2", "120"))
    assert owed(old, MARCH) == owed(new, MARCH) == [("1", Decimal(100))]
    assert owed(new, date(2026, 5, 3)) == [("2", Decimal(120))]
    assert owed(old, date(2026, 5, 3)) == []  # withheld: the catalog does not have what the subscription is on


def test_a_new_tax_rate_holds_for_periods_that_end_under_it() -> None:
    later = '0"}\n  - {tax_region: VAT, effective_from: 2026-04-02, rate: "0.25'
    assert summed(bill(fees("100"), tax=later)) == Decimal("100.00")
    assert summed(bill(fees("100"), tax=later, on=date(2026, 5, 3))) == Decimal("125.00")
