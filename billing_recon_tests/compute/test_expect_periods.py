"""Billing periods computed in SQL equal core.period.billing_period, and intervals become the right local dates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.compute.engine import session
from billing_recon.core.company import Profile
from billing_recon.core.period import Interval, Period, billing_period
from billing_recon_tests.compute.small_company import SmallCompany, catalog, day, rows

FLAT = '{charge_id: base, kind: subscription, model: flat, meter: base, amount: "310"}'
COUNTED = [*(i.value for i in Interval if i is not Interval.ONCE), "30 days", "2 weeks", "18 months", "2 years"]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return session()


def periods_in_sql(con: duckdb.DuckDBPyConnection, asked: list[tuple[date, str, date]]) -> list[Period]:
    con.execute("CREATE OR REPLACE TABLE asked (n INTEGER, billing_anchor DATE, billing_interval VARCHAR, probe DATE)")
    con.executemany("INSERT INTO asked VALUES (?, ?, ?, ?)", [(n, a, i, p) for n, (a, i, p) in enumerate(asked)])
    period = "period_of(billing_anchor, billing_interval, NULL::DATE, NULL::DATE, probe)"
    found = con.execute(f"SELECT {period}.starts, {period}.ends FROM asked ORDER BY n").fetchall()
    return [Period(*row) for row in found]


def period_holding(anchor: date, interval: str, probe: date) -> Period:
    """The same by walking the numbered periods of core.period."""
    spread = 0 if "day" in interval or "week" in interval else 4
    days = billing_period(anchor, interval, 0).days + (spread if probe > anchor else -spread)
    number = (probe - anchor).days // days - 2
    while not (found := billing_period(anchor, interval, number)).start <= probe < found.end:
        number += 1
    return found


@given(
    st.lists(
        st.tuples(
            st.dates(date(2019, 1, 1), date(2026, 12, 31)),
            st.sampled_from(COUNTED),
            st.dates(date(2018, 6, 1), date(2029, 1, 1)),
        ),
        min_size=20,
        max_size=60,
    )
)
@settings(max_examples=15, deadline=None)
def test_the_period_that_holds_a_day_is_the_one_counted_from_the_anchor(
    con: duckdb.DuckDBPyConnection, asked: list[tuple[date, str, date]]
) -> None:
    assert periods_in_sql(con, asked) == [period_holding(*one) for one in asked]


@pytest.mark.parametrize("anchor", ["2023-12-31", "2024-02-29", "2025-10-30", "2026-01-29"])
@pytest.mark.parametrize("interval", COUNTED)
def test_month_ends_and_leap_days_clamp_and_come_back(
    con: duckdb.DuckDBPyConnection, anchor: str, interval: str
) -> None:
    days = [date(2024, 1, 15) + timedelta(days=n) for n in range(0, 1500, 3)]
    asked = [(day(anchor), interval, probe) for probe in days]
    assert periods_in_sql(con, asked) == [period_holding(*one) for one in asked]


def due(company: SmallCompany) -> list[tuple[str, str, str]]:
    return [tuple(str(row[c]) for c in ("period_start", "period_end", "due_on")) for row in company.expected()]  # type: ignore[misc]


def test_an_anniversary_on_the_31st_is_billed_on_each_months_last_day() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-03-02"))
    company.subscribes(billing_anchor=day("2026-01-31"), since="2026-01-31")
    assert due(company) == [("2026-01-31", "2026-02-28", "2026-03-02")]
    company.on = day("2026-04-02")
    assert due(company) == [("2026-02-28", "2026-03-31", "2026-04-02")]


@pytest.mark.parametrize(("on", "lines"), [("2026-04-02", 0), ("2026-04-03", 1), ("2026-04-04", 1), ("2026-04-05", 0)])
def test_a_line_is_expected_from_its_due_day_until_the_grace_for_issuing_ends(on: str, lines: int) -> None:
    company = SmallCompany(catalog(FLAT), day(on), issue_grace_days=1)
    company.subscribes()
    assert len(company.expected()) == lines


def test_nothing_is_expected_that_was_due_before_the_first_partition() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-04"), first_day=day("2026-04-04"))
    company.subscribes()
    assert due(company) == []


def test_a_billed_line_gets_its_counterpart_on_the_day_it_is_observed_whenever_it_was_due() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-20"), first_day=day("2026-04-04"))
    company.subscribes(until="2026-03-21")
    company.billed("2026-03-01", observed="2026-04-20", period_end="2026-03-21")
    assert due(company) == [("2026-03-01", "2026-03-21", "2026-04-03")]
    company.on = day("2026-04-21")
    assert due(company) == []


def test_a_line_billed_ahead_of_its_due_day_gets_its_counterpart_too() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-03-05"))
    company.subscribes()
    company.billed("2026-03-01", observed="2026-03-05")
    assert due(company) == [("2026-03-01", "2026-04-01", "2026-04-03")]


def test_a_change_of_anchor_starts_periods_of_its_own() -> None:
    """Monthly from the 1st until the 15th, then monthly from the 15th: the first period ends short, the next is whole."""
    company = SmallCompany(catalog(FLAT), day("2026-04-17"), issue_grace_days=30)
    company.subscribes(until="2026-03-15")
    company.subscribes(since="2026-03-15", billing_anchor=day("2026-03-15"))
    assert due(company) == [("2026-03-01", "2026-03-15", "2026-04-03"), ("2026-03-15", "2026-04-15", "2026-04-17")]


def test_every_second_week_and_every_thirty_days_are_billed_as_counted_from_the_anchor() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-03"))
    company.subscribes(subscription_id="A", billing_interval="2 weeks", billing_anchor=day("2026-01-07"))
    company.subscribes(
        subscription_id="B", billing_interval="30 days", billing_anchor=day("2026-03-02"), since="2026-03-02"
    )
    assert due(company) == [("2026-03-18", "2026-04-01", "2026-04-03"), ("2026-03-02", "2026-04-01", "2026-04-03")]


def test_a_price_for_two_years_that_ends_after_one_is_owed_for_its_days() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-03-03"), lookback_days=400)
    company.subscribes(
        billing_interval="2 years", billing_anchor=day("2024-03-01"), since="2024-03-01", until="2025-03-01"
    )
    assert [(str(line["period_end"]), line["gross"]) for line in company.expected()] == [
        ("2025-03-01", Decimal("155.00"))
    ]


def test_thirty_days_are_no_month_of_thirty_days() -> None:
    """Where the profile gives each month 30 days, a change within 30 days that are no month is withheld by name."""
    company = SmallCompany(catalog(FLAT), day("2026-04-02"), profile=Profile(fixed_days=30))
    terms = {"billing_interval": "30 days", "billing_anchor": day("2026-03-03"), "since": "2026-03-03"}
    company.subscribes(**terms, until="2026-03-20")
    company.on = day("2026-04-04")
    assert [row["reason"] for row in rows(company.rated(), "SELECT reason FROM unrated")] == ["no_fixed_days"]


def test_a_contract_billed_once_has_its_validity_as_its_period() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-03-20"))
    company.subscribes(billing_interval="once", since="2026-02-10", until="2026-03-18")
    assert due(company) == [("2026-02-10", "2026-03-18", "2026-03-20")]


def test_the_dates_of_an_interval_are_local_to_its_time_zone() -> None:
    """Cancelled at 2026-03-10 23:30 in New York, which is already the 11th in UTC: the 10th is no longer charged."""
    company = SmallCompany(catalog(FLAT), day("2026-04-03"))
    company.subscribes(timezone="America/New_York", since="2026-03-01T10:00", until="2026-03-10T23:30")
    company.subscribes(timezone="America/New_York", since="2026-03-10T23:30", status="cancelled")
    assert due(company) == [("2026-03-01", "2026-03-10", "2026-04-03")]


def test_the_latest_landed_row_of_an_interval_holds_and_is_cut_where_the_next_begins() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-03"))
    company.subscribes(status="paused")
    company.subscribes(landed=day("2026-03-05"))
    company.subscribes(since="2026-03-21", status="cancelled", landed=day("2026-03-21"))
    assert due(company) == [("2026-03-01", "2026-03-21", "2026-04-03")]


def test_of_several_changes_within_one_day_the_last_is_what_counts() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-03"))
    company.subscribes()
    company.subscribes(since="2026-03-11T09:00", status="paused")
    company.subscribes(since="2026-03-11T15:00")
    assert due(company) == [("2026-03-01", "2026-04-01", "2026-04-03")]


@pytest.mark.parametrize("status", ["trialing", "paused", "cancelled"])
def test_only_active_subscriptions_are_charged(status: str) -> None:
    company = SmallCompany(catalog(FLAT), day("2026-04-03"))
    company.subscribes(status=status)
    assert due(company) == []


def test_periods_open_on_the_day_are_known_without_being_due() -> None:
    company = SmallCompany(catalog(FLAT), day("2026-03-31"))
    company.subscribes()
    found: list[dict[str, Any]] = rows(company.rated(), "SELECT * FROM contract_periods")
    assert [(str(p["period_start"]), p["wanted"], p["is_open"]) for p in found] == [("2026-03-01", False, True)]
