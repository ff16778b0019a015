"""The classic traps of billing, each with the figures that a controller would check by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.compute.rating.changes import change
from billing_recon.compute.rating.metering import meter
from billing_recon_tests.compute.rating.desk import answer, both, desk, prices, table
from billing_recon_tests.compute.rating.test_laws import EVENT, ITEM

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
