"""What a profile changes in the expected lines, and what is withheld because sums and days do not tell its price."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.company import Profile
from billing_recon_tests.compute.small_company import SmallCompany, catalog, rows

BASE = '{charge_id: base, kind: subscription, model: flat, amount: "100"}'
FEES = '[{up_to: 10, unit: "1", flat: "5"}, {up_to: 20, unit: "0.5", flat: "3"}, {unit: "0.1"}]'
EVENTS = f"{{charge_id: events, kind: usage, meter: events, model: graduated, tiers: {FEES}}}"


def company(*charges: str, since: str = "2026-03-01", used: str | None = None, **profile: Any) -> SmallCompany:
    """One subscription's March, due on 3 April."""
    known = SmallCompany(catalog(*charges), date(2026, 4, 3), profile=Profile.model_validate(profile))
    known.subscribes(since=since)
    if used:
        known.uses(used, "2026-03-10")
    return known


def unrated(known: SmallCompany) -> list[tuple[str, str]]:
    return [(row["reason"], row["sentence"]) for row in rows(known.rated(), "SELECT reason, sentence FROM withheld")]


def test_under_lago_no_usage_bills_the_first_tiers_fee_and_by_default_nothing() -> None:
    (line,) = company(EVENTS, engine="lago").expected()
    assert (line["quantity"], line["gross"]) == (0, 5)
    assert line["sentence"].startswith("no events, fee of USD 5.00;")
    assert [line["gross"] for line in company(EVENTS).expected()] == [0]


def test_under_openmeter_each_tier_is_settled_by_itself() -> None:
    tiers = '[{up_to: 1, unit: "0.004"}, {up_to: 2, unit: "0.004"}, {unit: "0.004"}]'
    charge = f"{{charge_id: events, kind: usage, meter: events, model: graduated, tiers: {tiers}}}"
    assert [line["gross"] for line in company(charge, used="3").expected()] == [Decimal("0.01")]
    (line,) = company(charge, used="3", engine="openmeter").expected()
    assert (line["gross_raw"], line["gross"]) == (Decimal("0.012"), 0)


@pytest.mark.parametrize(("engine", "discount"), [("openmeter", "0.02"), ("stripe", "0.01")])
def test_under_openmeter_a_discount_is_settled_on_each_tier(engine: str, discount: str) -> None:
    """Two units in two tiers at 0.05: 10% of each is half a cent, which is rounded up twice or, of the whole, is one cent."""
    tiers = '[{up_to: 1, unit: "0.05"}, {unit: "0.05"}]'
    charge = f"{{charge_id: events, kind: usage, meter: events, model: graduated, tiers: {tiers}}}"
    known = SmallCompany(catalog(charge), date(2026, 4, 3), profile=Profile.model_validate({"engine": engine}))
    known.subscribes(contract={"discount": {"rate": "0.1"}})
    known.uses("2", "2026-03-10")
    (line,) = known.expected()
    assert (line["gross"], line["discount"]) == (Decimal("0.10"), Decimal(discount))


def test_under_killbill_the_share_of_a_period_is_kept_at_nine_decimals() -> None:
    (line,) = company(BASE, since="2026-03-22", engine="killbill").expected()
    assert line["gross_raw"] == Decimal("32.2580645")
    (line,) = company(BASE, since="2026-03-22").expected()
    assert line["gross_raw"] == Decimal("32.2580645161290322580645")


@pytest.mark.parametrize(
    "charge",
    [
        'model: percentage, rate: "0.013", free_events: 3, aggregation: max',
        'model: percentage, rate: "0.013", event_maximum: "12", aggregation: latest',
        f"model: graduated, tiers: {FEES}, prorated: true, aggregation: time_weighted",
        'model: per_unit, unit_price: "1", aggregation: time_weighted, bucket: day',
    ],
)
def test_a_charge_that_does_not_say_what_one_event_is_worth_is_withheld_with_its_plan(charge: str) -> None:
    known = company(f"{{charge_id: e, kind: usage, meter: events, {charge}}}", used="12")
    ((reason, sentence),) = unrated(known)
    assert reason == "priced_by_event"
    assert "single events" in sentence
    assert known.expected() == []


@pytest.mark.parametrize(
    ("charge", "gross", "said"),
    [
        ('model: percentage, rate: "0.013"', "0.16", "1.3% of 12 events = USD 0.16"),
        ('model: dynamic, multiplier: "1.2"', "14.40", "cost of USD 12 times 1.2 = USD 14.40"),
        (
            'model: graduated_percentage, tiers: [{up_to: 10, rate: "0.1"}, {rate: "0.5"}]',
            "2.00",
            "10 events at 10% + 2 above the first 10 at 50% = USD 2.00",
        ),
        (
            'model: graduated_blocks, tiers: [{block_size: 5, unit: "1", max_blocks: 2}, {block_size: 100, unit: "3"}]',
            "5.00",
            "12 events, of which 1 block of 100 in tier 2 at USD 3.00 = USD 5.00",
        ),
        (
            'model: per_unit, unit_price: "10", convert: {divide_by: 5, rounding: ceiling}',
            "30.00",
            "3 events at USD 10.00 = USD 30.00",
        ),
        ('model: per_unit, unit_price: "10", free_units: 10', "20.00", "2 events above the 10 included at USD 10.00"),
    ],
)
def test_the_other_models_are_expected_lines_like_any(charge: str, gross: str, said: str) -> None:
    (line,) = company(f"{{charge_id: e, kind: usage, meter: events, {charge}}}", used="12").expected()
    assert line["gross"] == Decimal(gross)
    assert line["sentence"].startswith(said)


def test_a_meter_that_counts_bills_events_whatever_they_hold() -> None:
    charge = '{charge_id: e, kind: usage, meter: events, model: per_unit, unit_price: "2", aggregation: count}'
    known = company(charge)
    for units, usage_day in (("100", "2026-03-10"), ("0.5", "2026-03-11"), ("7", "2026-03-11")):
        known.uses(units, usage_day)
    (line,) = known.expected()
    assert (line["quantity"], line["total"]) == (3, 6)
