"""Days, months and billing periods. Every boundary is a date in a named time zone; nothing here reads the clock."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from billing_recon.core.errors import ConfigurationError


class Interval(StrEnum):
    """How often a subscription is billed, counted from its anchor; COUNTED_INTERVAL is another way to say it."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"
    ONCE = "once"
    """One period: the validity of the subscription itself."""


COUNTED_INTERVAL = r"^([1-9][0-9]{0,2} days|[1-9][0-9]? (weeks|months)|[1-9] years)$"
"""A number of days, weeks, months or years, for example `2 weeks`."""
_MONTHS_IN = {"month": 1, "months": 1, "quarter": 3, "half_year": 6, "year": 12, "years": 12}
_DAYS_IN = {"day": 1, "days": 1, "week": 7, "weeks": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open range of days: `start` is included, `end` is not."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Days from start (included) to end (excluded)."""
        return (self.end - self.start).days


def add_months(day: date, months: int) -> date:
    """`day` moved by whole months, clamped to the month's last day.

    >>> add_months(date(2026, 1, 31), 1), add_months(date(2026, 1, 31), 2)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def billing_period(anchor: date, interval: str, number: int) -> Period:
    """The `number`-th billing period after `anchor` (0 is the first), always counted from the anchor itself.

    Counting from the anchor keeps a subscription of the 31st on month ends instead of drifting to the 28th.

    >>> billing_period(date(2026, 1, 31), Interval.MONTH, 1)
    Period(start=datetime.date(2026, 2, 28), end=datetime.date(2026, 3, 31))
    >>> billing_period(date(2026, 1, 31), "2 weeks", 1)
    Period(start=datetime.date(2026, 2, 14), end=datetime.date(2026, 2, 28))
    """
    count, _, unit = interval.rpartition(" ")
    step = int(count or 1)
    if unit in _MONTHS_IN:
        step *= _MONTHS_IN[unit]
        return Period(add_months(anchor, number * step), add_months(anchor, (number + 1) * step))
    if unit in _DAYS_IN:
        step *= _DAYS_IN[unit]
        return Period(anchor + timedelta(days=number * step), anchor + timedelta(days=(number + 1) * step))
    raise ValueError("a subscription billed once has no numbered periods; its period is its validity")


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """The instants (UTC) at which `day` begins and ends in `timezone`; 23 to 25 hours apart where clocks change."""
    zone = ZoneInfo(timezone)
    begin = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def days_of_month(month: str) -> list[date]:
    """Every day of a month written YYYY-MM.

    >>> len(days_of_month("2026-02"))
    28
    """
    first = parse_month(month)
    return [first + timedelta(days=n) for n in range(calendar.monthrange(first.year, first.month)[1])]


def parse_day(text: str) -> date:
    """A day written YYYY-MM-DD; ConfigurationError otherwise, naming what was given."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"'{text}' is not a day; write it as YYYY-MM-DD, for example 2026-03-02") from None


def parse_month(text: str) -> date:
    """The first day of a month written YYYY-MM; ConfigurationError otherwise."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ConfigurationError(f"'{text}' is not a month; write it as YYYY-MM, for example 2026-03") from None


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; ConfigurationError if `last` is earlier."""
    if last < first:
        raise ConfigurationError(f"the range ends ({last}) before it starts ({first}); swap --day and --to")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
