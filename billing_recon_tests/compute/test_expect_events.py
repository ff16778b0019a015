"""Charges that need single events, from the events to the line: what counts, what it is metered to, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.profile import Profile
from billing_recon_tests.compute.small_company import Events, SmallCompany, at, catalog, day, event, rows

Event = dict[str, Any]


def company(charge: str, *events: Event, on: str = "2026-04-03", **more: Any) -> SmallCompany:
    """S1 from 1 March, monthly and in UTC; the bill of March is due on 3 April, and usage counts until then."""
    known = {name: more.pop(name) for name in ("since", "until", "timezone", "contract") if name in more}
    small = SmallCompany(catalog(f"{{charge_id: c, kind: usage, meter: events, {charge}}}"), day(on), **more)
    small.subscribes(**known)
    return used(small, *events)


def used(small: SmallCompany, *events: Event) -> SmallCompany:
    """The events land, and each day's arrivals are rolled up."""
    small.events += list(events)
    rolled = Events(list(events), small.subscriptions, small.timezone, small.first_day)
    for arrived in sorted({one["observed_on"] for one in events}):
        small.usage += [row | {"day": arrived} for row in rolled.roll_up(arrived)]
    return small


def seen(event_id: str, who: str, when: str, **given: Any) -> Event:
    return event(event_id, "1", at(when), dimensions=f'{{"user": "{who}"}}', **given)


def paid(event_id: str, amount: str, when: str, **given: Any) -> Event:
    return event(event_id, amount, at(when), **given)


def line(small: SmallCompany, kind: str = "usage") -> dict[str, Any]:
    (found,) = [row for row in small.expected() if row["kind"] == kind]
    return found


USERS = 'model: per_unit, unit_price: "10", aggregation: unique_count, unique: user'


def test_each_user_is_billed_once_however_often_seen() -> None:
    billed = line(
        company(
            USERS,
            seen("a", "ann", "2026-03-02T10:00"),
            seen("b", "bob", "2026-03-02T11:00"),
            seen("c", "ann", "2026-03-30T10:00"),
            event("d", "1", at("2026-03-30T10:00")),
            seen("e", "eve", "2026-04-01T00:00"),
        )
    )
    assert (billed["quantity"], billed["unit_price"], billed["gross"]) == (2, 10, 20)
    assert billed["sentence"] == "2 events at USD 10.00 = USD 20.00; total USD 20.00."


def test_users_are_told_apart_within_each_run_and_each_plan_version_has_its_own() -> None:
    small = company(
        USERS, seen("a", "ann", "2026-03-02T10:00"), seen("b", "ann", "2026-03-20T10:00"), until="2026-03-11"
    )
    small.subscribes(since="2026-03-11", tax_region="none", plan_version="1", status="paused", until="2026-03-12")
    small.subscribes(since="2026-03-12")
    found = [(str(row["period_start"]), row["quantity"]) for row in small.expected()]
    assert found == [("2026-03-01", 1), ("2026-03-12", 1)]


def test_free_units_tiers_and_conversion_apply_to_metered_users() -> None:
    tiers = 'model: graduated, tiers: [{up_to: 1, unit: "5"}, {unit: "2"}], aggregation: unique_count, unique: user'
    events = [seen(name, name, "2026-03-02T10:00") for name in "abc"]
    assert line(company(tiers, *events))["gross"] == Decimal(9)
    free = company(USERS + ", free_units: 2", *events, contract={"allowances": [{"meter": "events", "units": "1"}]})
    assert (line(free)["gross"], line(free)["quantity"]) == (0, 3)


PEAK = 'model: per_unit, unit_price: "2", aggregation: max'


def test_the_peak_the_latest_value_and_the_mean_over_time() -> None:
    """10 seats from 1 March, 4 more from midnight of 16 March with half the period (16 of 31 days) to go."""
    events = (paid("a", "10", "2026-03-01T00:00"), paid("b", "4", "2026-03-16T00:00"))
    assert line(company(PEAK, *events))["quantity"] == 10
    latest = PEAK.replace("max", "latest")
    assert line(company(latest, *events))["quantity"] == 4
    weighted = line(company(PEAK.replace("max", "time_weighted"), *events))
    assert weighted["quantity"] == Decimal("12.0645161290")
    assert weighted["gross"] == Decimal("24.13")


def test_of_a_run_that_ends_early_a_value_holds_to_the_end_of_the_run_and_the_period_divides_it() -> None:
    """31 units for 10 of 31 days are 10 units of the period."""
    short = company(PEAK.replace("max", "time_weighted"), paid("a", "31", "2026-03-01T00:00"), until="2026-03-11")
    assert line(short)["quantity"] == 10


def test_seconds_are_real_ones_where_the_clock_is_changed() -> None:
    """March in Berlin has 743 hours; a value of 743 set at 02:00 on the day of the change (22 hours left of that day, and two
    days) holds for 24 - 3 + 48 = 69 hours from 03:00 summer time."""
    small = company(
        PEAK.replace("max", "time_weighted"),
        event("a", "743", at("2026-03-29T03:00", "Europe/Berlin")),
        timezone="Europe/Berlin",
    )
    assert line(small)["quantity"] == 69


def test_local_days_are_those_of_the_subscription() -> None:
    """23:30 in New York on 31 March is 1 April in UTC, and still March's."""
    small = company(USERS, timezone="America/New_York")
    used(small, seen("a", "ann", "2026-04-01T03:30"), seen("b", "bob", "2026-04-01T04:30"))
    assert line(small)["quantity"] == 1


BUCKETS = 'model: graduated, tiers: [{up_to: 3, unit: "0"}, {unit: "1"}], aggregation: max, bucket: day'


def test_each_day_is_metered_and_priced_by_itself_and_the_line_is_their_sum() -> None:
    """Peaks of 5 and 4 above 3 free ones a day: 2 + 1."""
    billed = line(
        company(
            BUCKETS,
            paid("a", "5", "2026-03-02T10:00"),
            paid("b", "2", "2026-03-02T12:00"),
            paid("c", "4", "2026-03-09T12:00"),
        )
    )
    assert (billed["quantity"], billed["gross"]) == (9, 3)
    assert "3 events included + 2 above the first 3 at USD 1.00" in billed["sentence"]


def test_an_hour_that_the_clock_repeats_is_two_buckets() -> None:
    """25 October: 02:30 comes twice in Berlin. Peaks of 4 and 5 are priced apart: 1 + 2."""
    hours = BUCKETS.replace("bucket: day", "bucket: hour")
    small = SmallCompany(catalog(f"{{charge_id: c, kind: usage, meter: events, {hours}}}"), day("2026-11-03"))
    small.subscribes(timezone="Europe/Berlin", billing_anchor=day("2026-10-01"), since="2026-10-01")
    used(small, paid("a", "4", "2026-10-25T00:30"), paid("b", "5", "2026-10-25T01:30"))
    assert line(small)["gross"] == 3


MATRIX = (
    'model: matrix, unit_price: "1", dimensions: [region, size], '
    'prices: [{values: [eu, l], unit_price: "3"}, {values: [us, l], unit_price: "2"}]'
)


def test_each_combination_of_dimensions_has_its_price() -> None:
    """2 x 3 + 4 x 2, and 5 of a combination without a price of its own at 1."""
    events = (
        event("a", "2", at("2026-03-02T10:00"), dimensions='{"region": "eu", "size": "l"}'),
        event("b", "4", at("2026-03-03T10:00"), dimensions='{"size": "l", "region": "us"}'),
        event("c", "5", at("2026-03-04T10:00"), dimensions='{"region": "eu"}'),
    )
    billed = line(company(MATRIX, *events))
    assert (billed["quantity"], billed["unit_price"], billed["gross"]) == (11, None, 19)
    assert billed["sentence"] == (
        "5 events (eu, none) at USD 1.00 + 2 events (eu, l) at USD 3.00 + 4 events (us, l) at USD 2.00 = USD 19.00; "
        "total USD 19.00."
    )


PAYMENTS = 'model: percentage, rate: "0.02", event_fee: "0.30"'


@pytest.mark.parametrize(
    ("charge", "gross", "said"),
    [
        (PAYMENTS, "5.10", "2% of 210 events plus 3 events at USD 0.30"),
        (PAYMENTS + ', event_minimum: "1"', "5.60", "each at least USD 1.00"),
        (PAYMENTS + ', event_maximum: "2"', "3.80", "each at most USD 2.00"),
        (PAYMENTS + ", free_events: 2", "3.30", "2% of 150 above the 60 free events plus 1 event at USD 0.30"),
        (PAYMENTS + ", free_units: 100", "2.50", "2% of 110 above the 100 free events plus 1 event at USD 0.30"),
    ],
)
def test_payments_pay_a_share_and_a_fee_each(charge: str, gross: str, said: str) -> None:
    """Payments of 10, 50 and 150."""
    billed = line(
        company(
            charge,
            paid("c", "150", "2026-03-20T10:00"),
            paid("a", "10", "2026-03-02T10:00"),
            paid("b", "50", "2026-03-03T10:00"),
        )
    )
    assert said in billed["sentence"]
    assert (billed["quantity"], billed["gross"]) == (210, Decimal(gross))


PRORATED = 'model: graduated, prorated: true, tiers: [{up_to: 10, unit: "31"}, {unit: "3.1"}]'


def test_prorated_events_cost_the_share_of_the_period_that_they_were_there() -> None:
    """10 units all March are 310; 5 more from 22 March (10 of 31 days) lie in the second tier: 5 x 3.1 x 10 / 31 = 5."""
    events = (paid("a", "10", "2026-03-01T08:00"), paid("b", "5", "2026-03-22T20:00"))
    billed = line(company(PRORATED, *events))
    assert (billed["quantity"], billed["gross"]) == (15, 315)
    half = company(PRORATED, paid("a", "10", "2026-03-16T12:00"), profile=Profile(proration="by_second"))
    assert line(half)["gross"] == 155
    volume = PRORATED.replace("graduated", "volume")
    assert line(company(volume, *events))["gross"] == Decimal("36.00")


def test_the_last_correction_wins_and_an_event_that_comes_twice_counts_once() -> None:
    events = (
        paid("a", "10", "2026-03-02T10:00"),
        paid(
            "a2", "30", "2026-03-02T10:00", corrects="a", received_at=at("2026-03-04T10:00"), arrived=day("2026-03-04")
        ),
        paid(
            "a3", "20", "2026-03-02T10:00", corrects="a2", received_at=at("2026-03-05T10:00"), arrived=day("2026-03-05")
        ),
        paid("b", "7", "2026-03-03T10:00"),
        paid("b", "7", "2026-03-03T10:00", arrived=day("2026-03-04")),
    )
    billed = line(company(PEAK, *events))
    assert (billed["quantity"], billed["superseded_quantity"]) == (20, -10)
    assert line(company(PEAK.replace("max", "latest"), *events))["quantity"] == 7
    assert line(company(PAYMENTS, *events))["gross"] == Decimal("1.14")


def test_a_correction_that_names_another_subscription_takes_the_event_away() -> None:
    moved = seen("a2", "ann", "2026-03-02T10:00", corrects="a", subscription_id="S2", arrived=day("2026-03-03"))
    assert line(company(USERS, seen("a", "ann", "2026-03-02T10:00"), moved))["quantity"] == 0


def test_a_correction_that_comes_after_the_cutoff_changes_nothing_in_its_own_period() -> None:
    later = paid(
        "a2", "90", "2026-03-02T10:00", corrects="a", arrived=day("2026-04-04"), received_at=at("2026-04-04T10:00")
    )
    known = company(PEAK, paid("a", "10", "2026-03-02T10:00"), later, on="2026-04-04", issue_grace_days=3)
    assert line(known)["quantity"] == 10


def test_late_events_are_adjusted_as_the_own_period_rated_with_them_less_without() -> None:
    """Ann is known already, Cid is not: one user more in March, in April's bill."""
    small = company(
        USERS,
        seen("a", "ann", "2026-03-02T10:00"),
        seen("b", "ann", "2026-03-20T10:00", arrived=day("2026-04-10")),
        seen("c", "cid", "2026-03-20T10:00", arrived=day("2026-04-11")),
        on="2026-05-03",
    )
    adjusted = line(small, "adjustment")
    assert (adjusted["quantity"], adjusted["gross"], str(adjusted["period_start"])) == (1, 10, "2026-04-01")
    assert adjusted["sentence"].startswith("1 events of 2026-03-01 to 2026-04-01 arrived late: 2 events cost USD 20.00")


def test_a_late_correction_without_a_unit_more_or_less_can_still_change_the_price() -> None:
    """The same two units, of another region: 2 x 3 instead of 2 x 1."""
    region = '{{"region": "{}", "size": "l"}}'
    small = company(
        MATRIX,
        event("a", "2", at("2026-03-02T10:00"), dimensions=region.format("xx")),
        event("b", "2", at("2026-03-02T10:00"), dimensions=region.format("eu"), corrects="a", arrived=day("2026-04-10"),
              received_at=at("2026-04-10T10:00")),
        on="2026-05-03",
    )  # fmt: skip
    assert (line(small, "adjustment")["gross"], line(small, "adjustment")["quantity"]) == (4, 0)


def test_usage_of_an_open_period_is_unbilled_at_what_it_would_cost_today() -> None:
    small = company(USERS, seen("a", "ann", "2026-03-02T10:00"), seen("b", "bob", "2026-03-12T10:00"), on="2026-03-10")
    (open_,) = rows(small.rated(), "SELECT quantity, amount FROM unbilled_usage")
    assert open_ == {"quantity": Decimal(1), "amount": Decimal(10)}


def test_discount_tax_and_minimum_follow_as_for_any_line() -> None:
    small = company(
        USERS, seen("a", "ann", "2026-03-02T10:00"), contract={"discount": {"rate": "0.1"}, "minimum": "50"}
    )
    found = {row["kind"]: (row["gross"], row["discount"]) for row in small.expected()}
    assert found == {"usage": (10, 1), "minimum": (41, 0)}


def test_a_charge_without_events_bills_nothing() -> None:
    for charge in (USERS, PEAK, MATRIX, PAYMENTS, PAYMENTS + ', event_minimum: "1"', BUCKETS):
        assert line(company(charge))["total"] == 0


def test_the_same_arrivals_give_the_same_line_whatever_their_order_in_the_files() -> None:
    events = [seen(name, name[0], f"2026-03-0{n}T10:00") for n, name in enumerate(("a1", "b1", "a2", "c1"), start=1)]
    lines = [line(company(USERS, *order)) for order in (events, events[::-1])]
    assert lines[0] == lines[1]


def test_rolled_over_units_of_a_meter_by_event_are_withheld_with_the_reason() -> None:
    allowance = {"meter": "events", "units": "5", "rollover": "next_period", "since": "2026-01-01"}
    small = company(USERS, seen("a", "ann", "2026-03-02T10:00"), contract={"allowances": [allowance]})
    ((reason,),) = small.rated().execute("SELECT reason FROM unrated").fetchall()
    assert reason == "rollover_by_event"


def test_events_of_the_day_after_the_bill_count_while_the_window_is_open() -> None:
    """Issued on the period's last day; what comes within two days re-opens it."""
    early = company(
        USERS,
        seen("a", "ann", "2026-03-02T10:00"),
        seen("b", "bob", "2026-03-31T10:00", arrived=day("2026-04-03")),
        seen("c", "cid", "2026-03-31T10:00", arrived=day("2026-04-04")),
        on="2026-04-01",
        profile=Profile(issue_after_days=0),
    )
    assert line(early)["quantity"] == 2
    assert early.on + timedelta(days=2) == day("2026-04-03")
