"""Usage that arrives when its own period is over: billed once, in the next, at its own period's terms."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.compute import late_usage, rollup
from billing_recon.compute.engine import build
from billing_recon.compute.late_usage import FATES
from billing_recon.compute.registration import register
from billing_recon.core.company import Profile
from billing_recon.core.money import Rounding
from billing_recon.core.period import Interval, Period, billing_period
from billing_recon.core.schema import USAGE_DUPLICATES, USAGE_EVENTS
from billing_recon.simulate.engine import bill_period
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Late, LateUsage
from billing_recon_tests.compute.small_company import (
    Events,
    SmallCompany,
    at,
    catalog,
    day,
    event,
    land,
    rows,
)
from billing_recon_tests.compute.test_expect_differential import (
    ON,
    engine_line,
    our_line,
    random_catalog,
    random_spans,
)

TIERED = '{charge_id: c, kind: usage, model: graduated, meter: events, tiers: [{up_to: 100, unit: "1"}, {unit: "0.5"}]}'
FLAT = '{charge_id: f, kind: subscription, model: flat, amount: "20"}'


def company(*charges: str, on: str = "2026-05-03", minimum: str | None = None, **more: Any) -> SmallCompany:
    """S1 uses 90 events in March, which is billed on April 3 with the usage known by then; April is due on May 3."""
    terms = catalog(*(charges or (TIERED,)), minimum=minimum, taxes='  - {tax_region: DE, rate: "0.19"}')
    small = SmallCompany(terms, day(on), **more)
    small.subscribes(since="2026-03-01", tax_region="DE")
    small.uses("90", "2026-03-10")
    return small


def adjustments(small: SmallCompany) -> list[dict[str, Any]]:
    return [row for row in small.expected() if row["kind"] == "adjustment"]


def figures(small: SmallCompany) -> list[tuple[Any, ...]]:
    return [
        (row["meter"], str(row["period_start"]), int(row["quantity"]), row["gross"], row["total"])
        for row in adjustments(small)
    ]


def test_usage_after_the_window_is_an_adjustment_of_the_next_period_rated_on_top_of_its_own() -> None:
    """90 events were billed; 30 more make 120: 10 at 1 and 20 at 0.50 are 20, whatever April used."""
    late = company()
    late.uses("30", "2026-03-31", arrived="2026-04-04")
    late.uses("7", "2026-04-15")
    assert figures(late) == [("events", "2026-04-01", 30, Decimal(20), Decimal("23.80"))]
    (line,) = adjustments(late)
    assert str(line["due_on"]) == "2026-05-03"
    assert (line["plan_version"], line["late_quantity"], line["tax_rate"]) == ("1", Decimal(30), Decimal("0.19"))
    assert line["sentence"].startswith("30 events of 2026-03-01 to 2026-04-01 arrived late: ")


def test_usage_on_the_last_day_of_the_window_still_counts_in_its_own_period() -> None:
    late = company(on="2026-04-03")
    late.uses("30", "2026-03-31", arrived="2026-04-03")
    assert [(row["kind"], int(row["quantity"])) for row in late.expected()] == [("usage", 120)]


def test_late_usage_of_two_periods_is_adjusted_line_by_line() -> None:
    late = company(on="2026-06-03", lookback_days=62)
    late.uses("30", "2026-03-31", arrived="2026-05-10")
    late.uses("40", "2026-04-30", arrived="2026-05-10")
    assert figures(late) == [
        ("events", "2026-05-01", 30, Decimal(20), Decimal("23.80")),
        ("events", "2026-05-01", 40, Decimal(40), Decimal("47.60")),
    ]
    ids = [row["expected_line_id"] for row in adjustments(late)]
    assert len(set(ids)) == 2


def test_what_was_adjusted_once_is_not_adjusted_again_and_the_sum_is_the_price_of_all() -> None:
    late = company(on="2026-06-03")
    late.uses("30", "2026-03-31", arrived="2026-04-04")
    late.uses("100", "2026-03-20", arrived="2026-05-20")
    assert figures(late) == [("events", "2026-05-01", 100, Decimal(50), Decimal("59.50"))]


def test_a_correction_after_the_window_takes_money_back() -> None:
    late = company()
    late.uses("-50", "2026-03-10", arrived="2026-04-20")
    assert figures(late) == [("events", "2026-04-01", -50, Decimal(-50), Decimal("-59.50"))]


def test_late_usage_fills_up_a_minimum_before_it_costs_more() -> None:
    """March: 90 of a minimum of 100 were used, so 10 were topped up. 30 more cost 20, and the top-up of 10 goes."""
    late = company(minimum="100")
    late.uses("30", "2026-03-31", arrived="2026-04-04")
    assert figures(late) == [
        ("events", "2026-04-01", 30, Decimal(20), Decimal("23.80")),
        ("minimum", "2026-04-01", 1, Decimal(-10), Decimal("-11.90")),
    ]
    within = company(minimum="200")
    within.uses("30", "2026-03-31", arrived="2026-04-04")
    assert sum(row["total"] for row in adjustments(within)) == 0


def test_the_discount_of_the_own_period_holds() -> None:
    late = company()
    late.subscriptions.clear()
    ended = {"discount": {"rate": "0.10", "valid_from": "2026-01-01", "valid_to": "2026-04-01"}}
    late.subscribes(since="2026-03-01", contract=ended)
    late.uses("30", "2026-03-31", arrived="2026-04-04")
    (line,) = adjustments(late)
    assert (line["gross"], line["discount"], line["total"]) == (Decimal(20), Decimal(2), Decimal(18))


def test_the_prices_of_the_own_period_hold_although_the_plan_has_changed() -> None:
    late = company()
    dearer = catalog(TIERED.replace('"1"', '"9"')).plans[0].model_copy(update={"plan_version": "2"})
    late.catalog = late.catalog.model_copy(update={"plans": (*late.catalog.plans, dearer)})
    late.subscriptions.clear()
    late.subscribes(since="2026-03-01", until="2026-04-01")
    late.subscribes(since="2026-04-01", plan_version="2")
    late.uses("30", "2026-03-31", arrived="2026-04-04")
    assert figures(late) == [("events", "2026-04-01", 30, Decimal(20), Decimal(20))]


def test_a_subscription_that_has_ended_gets_one_more_bill() -> None:
    late = company()
    late.subscriptions.clear()
    late.subscribes(since="2026-03-01", until="2026-04-01")
    late.uses("30", "2026-03-31", arrived="2026-04-20")
    assert [(row["kind"], row["gross"], str(row["due_on"])) for row in late.expected()] == [
        ("adjustment", Decimal(20), "2026-05-03")
    ]


def test_late_usage_waits_as_unbilled_until_the_open_period_ends() -> None:
    late = company(on="2026-04-20")
    late.uses("30", "2026-03-31", arrived="2026-04-05")
    late.uses("4", "2026-04-06")
    found = rows(late.rated(), "SELECT meter, quantity, amount FROM unbilled_usage")
    assert found == [{"meter": "events", "quantity": Decimal(34), "amount": Decimal(24)}]
    assert adjustments(late) == []


def test_nothing_is_adjusted_that_was_billed_before_the_first_day_or_came_with_the_opening_load() -> None:
    before = company(first_day=day("2026-04-10"))
    before.uses("30", "2026-03-31", arrived="2026-04-20")
    opening = company(on="2026-04-10", first_day=day("2026-04-10"), issue_grace_days=20)
    opening.usage[0]["day"] = day("2026-04-10")
    assert adjustments(before) == adjustments(opening) == []
    (fate,) = rows(before.rated(), "SELECT fate FROM late_arrivals")
    assert fate == {"fate": "before_first_day"}


def test_usage_billed_once_for_the_whole_validity_has_no_next_period_and_says_so() -> None:
    late = company()
    late.subscriptions.clear()
    late.subscribes(since="2026-03-01", until="2026-04-01", billing_interval="once")
    late.uses("30", "2026-03-31", arrived="2026-04-20")
    assert rows(late.rated(), "SELECT fate, quantity FROM late_arrivals") == [
        {"fate": "no_period", "quantity": Decimal(30)}
    ]


def test_usage_within_the_window_after_a_bill_reopens_the_day_of_the_bill() -> None:
    """Issued on the period's last day: what comes on the two days after belongs to it all the same."""
    early = company(on="2026-04-01", profile=Profile(issue_after_days=0))
    early.uses("5", "2026-03-31", arrived="2026-04-02")
    early.uses("6", "2026-03-31", arrived="2026-04-03")
    early.uses("7", "2026-03-31", arrived="2026-04-04")
    early.uses("8", "2026-04-02")
    (line,) = [row for row in early.expected() if row["kind"] == "usage"]
    assert line["quantity"] == Decimal(101)


def test_a_credit_note_of_late_usage_never_uses_a_coupon() -> None:
    late = company()
    late.subscriptions.clear()
    coupon = {"coupon_id": "K", "amount": "5", "valid_from": "2026-01-01", "valid_to": "2027-01-01"}
    late.subscribes(since="2026-03-01", contract={"coupons": [coupon]})
    late.uses("-50", "2026-03-10", arrived="2026-04-20")
    assert [(row["kind"], row["gross"]) for row in late.expected() if row["total"]] == [("adjustment", Decimal(-50))]


def in_figures(line: tuple[Any, ...]) -> list[str]:
    """An order that does not depend on how many zeros a figure ends in."""
    return [str(cell.normalize() + 0) if isinstance(cell, Decimal) else str(cell) for cell in line]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_EVEN])
def test_both_computations_bill_late_usage_alike(seed: int, rounding: Rounding) -> None:
    """Late arrivals and corrections of random sizes on random days, over histories with changes of plan and pauses."""
    random = Random(f"late/{seed}/{rounding}")
    terms = random_catalog(random)
    profile = Profile.model_validate(
        {
            "rounding": rounding,
            "credit": random.choice(("after_tax", "before_tax")),
            "proration": random.choice(("by_day", "none")),
        }
    )
    company = SmallCompany(terms, ON, profile=profile, issue_grace_days=20)
    book = PriceBook(terms.plans, terms.taxes)
    expected: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number in range(90):
        name = f"S{number}"
        anchor = date(2026, 1, 1) + timedelta(days=random.randrange(0, 45))
        interval = random.choice((Interval.MONTH, Interval.WEEK))
        spans = random_spans(
            random, date(2026, 2, 1) + timedelta(days=random.randrange(30)), random.choice(("USD", "JPY")), 300
        )
        periods = [billing_period(anchor, interval, index) for index in range(-20, 40)]

        def period_of(when: date, periods: list[Period] = periods) -> Period:
            return next(period for period in periods if period.start <= when < period.end)

        usage: dict[str, dict[date, Decimal]] = {"events": {}, "calls": {}}
        arrivals = []
        for _ in range(30):
            when = date(2026, 2, 10) + timedelta(days=random.randrange(66))
            meter = random.choice(("events", "calls"))
            units = Decimal(random.choice((1, 20, 50, 70, 100)))
            arrived = when + timedelta(days=random.choice((0, 0, 1, 2, 4, 9, 16, 30)))
            if arrived > ON:
                continue
            company.uses(str(units), when.isoformat(), meter=meter, subscription=name, arrived=arrived.isoformat())
            if arrived <= period_of(when).end + timedelta(days=2):
                usage[meter][when] = usage[meter].get(when, Decimal(0)) + units
            else:
                arrivals.append(LateUsage(meter, when, arrived, units))
        for span in spans:
            company.subscribes(
                subscription_id=name, customer_id=span.customer_id, plan_id=span.plan_id, plan_version=span.plan_version,
                currency=span.currency, tax_region=span.tax_region, quantity=span.quantity, status=span.status,
                billing_anchor=anchor, billing_interval=interval.value,
                contract=json.dumps(span.contract.model_dump(mode="json", exclude_none=True)),
                since=span.start.isoformat(), until=span.end.isoformat(),
            )  # fmt: skip
        late = Late(arrivals, 2, period_of)
        for period in periods:
            if not ON - timedelta(days=20) <= period.end + timedelta(days=profile.issue_after_days) <= ON:
                continue
            if period.end <= spans[0].start:
                continue
            lines = bill_period(period, spans, usage, book, profile, late)
            expected[name] += [engine_line(line) for line in lines]
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in company.expected():
        if row["kind"] != "usage" or row["quantity"]:
            found[row["subscription_id"]].append(our_line(row))
    adjusted = [line for lines in expected.values() for line in lines if line[0] == "adjustment"]
    assert len(adjusted) > 25
    for name in sorted(expected.keys() | found.keys()):
        assert sorted(found[name], key=in_figures) == sorted(expected[name], key=in_figures), name


HOURS = st.integers(0, 40 * 24)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of March and April that arrive when they like, some of them corrections of each other."""
    start = at("2026-03-02T12:00")
    ids = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True))
    found = []
    for name in ids:
        when = start + timedelta(hours=draw(HOURS))
        arrived = when.date() + timedelta(days=draw(st.integers(0, 30)))
        corrects = draw(st.one_of(st.none(), st.sampled_from("abcdef")))
        found.append(
            event(name, str(draw(st.integers(1, 9))), when, arrived=min(arrived, day("2026-05-03")), corrects=corrects)
        )
    return found


@pytest.mark.long
@given(histories())
@settings(max_examples=15, deadline=None)
def test_every_landed_event_is_counted_superseded_or_adjusted_and_no_unit_is_lost(events: list[dict[str, Any]]) -> None:
    small = company()
    small.usage.clear()
    rolled = Events(events, subscriptions=small.subscriptions)
    for arrived in sorted({e["observed_on"] for e in events}):
        small.usage += [row | {"day": arrived} for row in rolled.roll_up(arrived)]
    con = small.rated()
    land(con, USAGE_EVENTS, events, "new_events")
    land(con, USAGE_EVENTS, [], "known_events")
    register(con, USAGE_DUPLICATES, name="landing_duplicates")
    build(con, (*rollup.RELATIONS, FATES))
    fates = {row["event_id"]: row["fate"] for row in rows(con, "SELECT event_id, fate FROM event_fates")}
    assert len(fates) == len(events)
    assert set(fates.values()) <= {"counted", "superseded", "adjusted"}
    used = sum((e["quantity"] for e in events if fates[e["event_id"]] != "superseded"), Decimal(0))
    assert rows(con, "SELECT coalesce(sum(quantity), 0) AS units FROM usage_rollup") == [{"units": used}]


def test_a_day_is_awaited_only_while_usage_of_its_bills_can_still_come_in_time() -> None:
    def awaited(**more: Any) -> list[dict[str, Any]]:
        con = company(on="2026-04-01", **more).rated()
        build(con, late_usage.RELATIONS)
        return rows(con, "SELECT subscription_id, until FROM usage_awaited")

    assert awaited(profile=Profile(issue_after_days=0)) == [{"subscription_id": "S1", "until": day("2026-04-03")}]
    assert awaited(profile=Profile(issue_after_days=0), late_window_days=0) == []
