"""Contracts have instants: usage before a change, an end or a start belongs to the terms that held when it happened."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.terms import load_catalog
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Profile
from billing_recon_tests.compute.small_company import Events, SmallCompany, at, day, event, rows

BASE = '{charge_id: base, kind: subscription, model: flat, amount: "31"}'
AHEAD = '{charge_id: base, kind: subscription, model: flat, due: in_advance, amount: "31"}'


def calls(price: str, more: str = "") -> str:
    return f'{{charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "{price}"{more}}}'


def sold(more: str = "", base: str = "") -> Catalog:
    """Plan p at 0.10 a call and plan q at 1.00, and a region without a tax."""
    plans = "".join(
        f'  - {{plan_id: {name}, plan_version: "1", currency: USD, charges: [{base + ", " if base else ""}{calls(price, more)}]}}\n'
        for name, price in (("p", "0.10"), ("q", "1.00"))
    )
    return load_catalog([("plans.yaml", f'plans:\n{plans}taxes:\n  - {{tax_region: none, rate: "0"}}\n')])


def company(terms: Catalog | None = None, on: str = "2026-04-03", **given: Any) -> SmallCompany:
    return SmallCompany(terms or sold(), day(on), **given)


def used(small: SmallCompany, *events: dict[str, Any]) -> SmallCompany:
    """Land the events and roll up each day's arrivals."""
    small.events += list(events)
    rolled = Events(small.events, small.subscriptions, small.timezone, small.first_day)
    small.usage = [
        row | {"day": arrived}
        for arrived in sorted({one["observed_on"] for one in small.events})
        for row in rolled.roll_up(arrived)
    ]
    return small


def usage(quantity: str, when: str | datetime, name: str = "", **given: Any) -> dict[str, Any]:
    instant = at(when) if isinstance(when, str) else when
    return event(name or f"{quantity}-{instant:%m-%dT%H:%M:%S}", quantity, instant, **given)


def billed(small: SmallCompany) -> list[tuple[str, str, str, str]]:
    """(plan, kind, days, gross) of the lines that come to something."""
    return [
        (row["plan_id"], row["kind"], f"{row['period_start']:%m-%d}..{row['period_end']:%m-%d}", f"{row['gross']:.2f}")
        for row in small.expected()
        if row["gross"]
    ]


def test_usage_before_a_cancellation_at_three_in_the_afternoon_is_billed() -> None:
    """100 calls on the 10th and 300 on the 16th at 09:00, at 0.10; 50 after the end are nobody's."""
    known = company()
    known.subscribes(until="2026-03-16T15:00")
    used(known, usage("100", "2026-03-10T12:00"), usage("300", "2026-03-16T09:00"), usage("50", "2026-03-16T15:00"))
    assert billed(known) == [("p", "usage", "03-01..03-16", "40.00")]


def test_usage_before_a_price_change_is_billed_at_the_old_price() -> None:
    known = company()
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    used(known, usage("300", "2026-03-16T09:00"), usage("2", "2026-03-16T15:00"))
    assert billed(known) == [("p", "usage", "03-01..03-16", "30.00"), ("q", "usage", "03-16..04-01", "2.00")]


def test_an_engine_that_works_by_dates_bills_the_whole_day_at_the_new_price() -> None:
    known = company(profile=Profile(changes_take_effect="date"))
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    used(known, usage("300", "2026-03-16T09:00"))
    assert billed(known) == [("q", "usage", "03-16..04-01", "300.00")]


@pytest.mark.parametrize("effect", ["instant", "date"])
@pytest.mark.parametrize(
    ("base", "on", "profile", "charged"),
    [
        (BASE, "2026-04-03", {}, [("proration", "1.00")]),
        (BASE, "2026-04-03", {"proration": "by_second"}, [("proration", "0.21")]),
        (AHEAD, "2026-03-19", {}, [("proration", "16.00"), ("proration", "-15.00")]),
    ],
)
def test_a_subscription_that_begins_and_ends_on_one_day_is_billed_for_that_day(
    base: str, on: str, profile: dict[str, Any], charged: list[tuple[str, str]], effect: str
) -> None:
    """From 10:00 to 15:00 on the 16th: one day of 31.00 for 31 days, five hours by the second; and its usage."""
    known = company(
        sold(base=base),
        on,
        issue_grace_days=20,
        profile=Profile.model_validate(profile | {"changes_take_effect": effect}),
    )
    known.subscribes(since="2026-03-16T10:00", until="2026-03-16T15:00")
    used(known, usage("300", "2026-03-16T11:00"))
    found = [(kind, gross) for _, kind, _, gross in billed(known)]
    if base == BASE:
        charged = [*charged, ("usage", "30.00")]
    assert sorted(found) == sorted(charged)


def test_terms_of_an_hour_bill_their_usage_and_no_day() -> None:
    """p until 09:00, q until 10:00, p again: p has the whole month's fee, q the calls of its hour."""
    known = company(sold(base=BASE))
    known.subscribes(until="2026-03-16T09:00")
    known.subscribes(since="2026-03-16T09:00", until="2026-03-16T10:00", plan_id="q")
    known.subscribes(since="2026-03-16T10:00")
    used(known, usage("10", "2026-03-16T08:59"), usage("20", "2026-03-16T09:30"), usage("40", "2026-03-16T10:00"))
    assert billed(known) == [
        ("p", "subscription", "03-01..04-01", "31.00"),
        ("p", "usage", "03-01..04-01", "5.00"),
        ("q", "usage", "03-16..03-17", "20.00"),
    ]


def test_usage_within_a_pause_of_some_hours_is_not_billed() -> None:
    known = company()
    known.subscribes(until="2026-03-16T09:00")
    known.subscribes(since="2026-03-16T09:00", until="2026-03-16T15:00", status="paused")
    known.subscribes(since="2026-03-16T15:00")
    used(known, usage("10", "2026-03-16T08:59"), usage("20", "2026-03-16T09:30"), usage("40", "2026-03-16T15:00"))
    assert billed(known) == [("p", "usage", "03-01..04-01", "5.00")]


def test_usage_on_the_first_day_of_a_period_before_the_change_belongs_to_the_old_terms() -> None:
    """The change is at 10:00 on 1 April, the first day of April's period: an hour of p's April, then q's."""
    known = company(on="2026-05-03")
    known.subscribes(until="2026-04-01T10:00")
    known.subscribes(since="2026-04-01T10:00", plan_id="q")
    used(known, usage("70", "2026-03-31T23:59"), usage("30", "2026-04-01T09:00"), usage("5", "2026-04-01T10:00"))
    assert billed(known) == [("p", "usage", "04-01..04-02", "3.00"), ("q", "usage", "04-01..05-01", "5.00")]


def test_an_end_on_the_first_day_of_a_period_bills_the_usage_of_its_hours_and_no_fee() -> None:
    known = company(sold(base=BASE), on="2026-05-03")
    known.subscribes(until="2026-04-01T15:00")
    used(known, usage("30", "2026-04-01T09:00"))
    assert billed(known) == [("p", "usage", "04-01..04-02", "3.00")]


METERS = {
    "aggregation: count": ("0.20", "2.00"),
    "aggregation: max": ("0.70", "4.00"),
    "aggregation: latest": ("0.50", "3.00"),
    "aggregation: unique_count, unique: who": ("0.20", "1.00"),
    "free_units: 10": ("0.20", ""),
}


@pytest.mark.parametrize("meter", METERS)
def test_every_kind_of_meter_is_cut_at_the_instant(meter: str) -> None:
    """7 and then 5 before 15:00, 3 and then 4 and 3 after: each side is metered by itself."""
    old, new = METERS[meter]
    known = company(sold(f", {meter}"))
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    who = {"dimensions": '{"who": "ann"}'}
    used(
        known,
        usage("7", "2026-03-16T08:00", dimensions='{"who": "bob"}'), usage("5", "2026-03-16T09:00", **who),
        usage("4", "2026-03-16T15:00", **who), usage("3", "2026-03-16T16:00", **who),
    )  # fmt: skip
    expected = [("p", old)] + ([("q", new)] if new else [])
    assert [(plan, gross) for plan, _, _, gross in billed(known)] == expected


def test_a_value_that_is_weighted_by_time_holds_until_the_instant_of_the_change() -> None:
    """31 units from the 16th at 00:00 until 12:00 are 31 x 0.5 / 31 days; from noon the plan q has its own 31."""
    known = company(sold(", aggregation: time_weighted"))
    known.subscribes(until="2026-03-16T12:00")
    known.subscribes(since="2026-03-16T12:00", plan_id="q")
    used(known, usage("31", "2026-03-16T00:00"), usage("62", "2026-03-16T12:00"))
    assert billed(known) == [("p", "usage", "03-01..03-16", "0.05"), ("q", "usage", "03-16..04-01", "31.00")]


@pytest.mark.parametrize(
    ("zone", "change", "first", "second"),
    [
        ("Europe/Berlin", "2026-03-29T01:30:00+00:00", "2026-03-29T01:29:59+00:00", "2026-03-29T01:30:00+00:00"),
        ("America/New_York", "2026-03-08T06:30:00+00:00", "2026-03-08T06:29:59+00:00", "2026-03-08T06:30:00+00:00"),
        ("Europe/Berlin", "2026-10-25T00:30:00+00:00", "2026-10-25T00:29:59+00:00", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_days_on_which_clocks_change_are_cut_at_the_instant(zone: str, change: str, first: str, second: str) -> None:
    """The hour that Berlin's clocks repeat has two instants of one reading: the first is before the change, or at it."""
    instant = datetime.fromisoformat(change)
    month = instant.date().replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    known = company(on=f"{following + timedelta(days=2)}")
    known.subscribes(timezone=zone, since=f"{month}", billing_anchor=month, valid_to=instant, landed=month)
    known.subscribes(timezone=zone, valid_from=instant, plan_id="q", billing_anchor=month, landed=month)
    used(known, usage("10", datetime.fromisoformat(first)), usage("20", datetime.fromisoformat(second)))
    assert [(plan, gross) for plan, _, _, gross in billed(known)] == [("p", "1.00"), ("q", "20.00")]


def test_a_day_without_a_change_within_it_reads_no_single_events() -> None:
    """A change at midnight of the subscription's own zone cuts no day, whatever the company's zone."""
    known = company(timezone="UTC")
    known.subscribes(timezone="America/New_York", until="2026-03-16")
    known.subscribes(timezone="America/New_York", since="2026-03-16", plan_id="q")
    used(known, usage("10", "2026-03-16T03:59"), usage("20", "2026-03-16T04:00"))
    con = known.rated()
    assert rows(con, "SELECT * FROM single_events") == rows(con, "SELECT * FROM cut_days") == []
    assert [(plan, gross) for plan, _, _, gross in billed(known)] == [("p", "1.00"), ("q", "20.00")]


def test_a_correction_moves_usage_from_the_old_terms_to_the_new() -> None:
    """The event of 09:00 is corrected to 16:00: nothing is left at the old price."""
    known = company()
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    used(
        known,
        usage("300", "2026-03-16T09:00", "a"),
        usage("200", "2026-03-16T16:00", "b", corrects="a", arrived=date(2026, 3, 17)),
    )
    assert billed(known) == [("q", "usage", "03-16..04-01", "200.00")]


def test_late_usage_of_a_cut_day_is_adjusted_at_the_terms_of_its_instant() -> None:
    """300 calls of the 16th at 09:00 arrive on 10 April, when March is closed: 30.00 on April's invoice, not 300.00."""
    known = company(on="2026-05-03")
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    used(known, usage("300", "2026-03-16T09:00", arrived=date(2026, 4, 10)))
    assert billed(known) == [("p", "adjustment", "04-01..05-01", "30.00")]


def test_late_usage_of_the_day_of_a_cancellation_is_adjusted_in_a_later_period() -> None:
    known = company(on="2026-05-03")
    known.subscribes(until="2026-03-16T15:00")
    used(known, usage("300", "2026-03-16T09:00", arrived=date(2026, 4, 10)))
    assert billed(known) == [("p", "adjustment", "04-01..05-01", "30.00")]


def test_a_threshold_is_signalled_by_usage_of_a_cut_day_on_that_day() -> None:
    known = company(sold(", free_units: 100"), on="2026-03-16")
    known.subscribes(until="2026-03-16T15:00")
    known.subscribes(since="2026-03-16T15:00", plan_id="q")
    used(known, usage("60", "2026-03-16T09:00"), usage("95", "2026-03-16T16:00"))
    found = rows(known.rated(), "SELECT charge_id, percent, used FROM entitlement_signals ORDER BY used, percent")
    assert [(row["percent"], row["used"]) for row in found] == [(50, Decimal(60)), (50, Decimal(95)), (90, Decimal(95))]
