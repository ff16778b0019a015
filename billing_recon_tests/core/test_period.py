"""Billing periods: anchored, clamped to month ends, never drifting."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import Interval, billing_period, day_bounds, days_between, days_of_month, parse_month

ANCHORS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
STEPS = st.sampled_from(
    [*(i.value for i in Interval if i is not Interval.ONCE), "30 days", "2 weeks", "18 months", "2 years"]
)


@given(ANCHORS, STEPS, st.integers(-24, 60))
def test_periods_follow_each_other_without_gap_or_overlap(anchor: date, interval: str, number: int) -> None:
    period, after = billing_period(anchor, interval, number), billing_period(anchor, interval, number + 1)
    assert period.end == after.start
    assert period.days > 0


@given(ANCHORS)
def test_a_period_zero_starts_on_its_anchor(anchor: date) -> None:
    assert billing_period(anchor, Interval.MONTH, 0).start == anchor


def test_an_anchor_on_the_31st_bills_on_month_ends_and_returns_to_the_31st() -> None:
    starts = [billing_period(date(2026, 1, 31), Interval.MONTH, n).start for n in range(5)]
    assert starts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


def test_an_annual_anchor_on_leap_day_bills_on_the_28th_in_other_years() -> None:
    assert billing_period(date(2024, 2, 29), Interval.YEAR, 1).start == date(2025, 2, 28)
    assert billing_period(date(2024, 2, 29), Interval.YEAR, 4).start == date(2028, 2, 29)


def test_a_subscription_billed_once_has_no_numbered_periods() -> None:
    with pytest.raises(ValueError, match="validity"):
        billing_period(date(2026, 1, 1), Interval.ONCE, 0)


@pytest.mark.parametrize(
    ("day", "timezone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 3, 29), "UTC", 24),
        (date(2026, 3, 8), "America/Los_Angeles", 23),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(day: date, timezone: str, hours: int) -> None:
    begin, end = day_bounds(day, timezone)
    assert end - begin == timedelta(hours=hours)


def test_a_day_in_tokyo_begins_on_the_day_before_in_utc() -> None:
    assert day_bounds(date(2026, 3, 2), "Asia/Tokyo")[0] == datetime(2026, 3, 1, 15, tzinfo=UTC)


def test_a_month_has_all_its_days() -> None:
    assert len(days_of_month("2024-02")) == 29
    assert days_of_month("2026-12")[-1] == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["2026-13", "March", "2026-3-1", ""])
def test_a_month_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="YYYY-MM"):
        parse_month(text)


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="before it starts"):
        days_between(date(2026, 3, 2), date(2026, 3, 1))
