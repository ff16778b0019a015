"""Which days rest on something else than what is there now, and why: the days that a run of what is stale runs again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from billing_recon.control import MonthState
from billing_recon.control.months import month_of
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.figures import listed
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE, compared_now, stale_reason
from billing_recon.day.history import LANDED, delivered_on, not_known, opening_day
from billing_recon.day.home import Home
from billing_recon.day.releases import why_shut
from billing_recon.feeds.landing.delivered_files import delivered_otherwise


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A day to run again, with one reason."""

    day: date
    why: str


def days_asked_about(home: Home, first: date | None, last: date | None) -> list[date]:
    """The days from `first` to `last`; by default from the first open day to the newest that was landed or judged.

    Days of locked and closed months are left out; CloseRefused if `first` or `last` is one of them. ConfigurationError if `last`
    is before `first`.
    """
    if first and last and last < first:
        raise ConfigurationError(f"the last day, {last}, is before the first, {first}; give the earlier one first")
    for named in (first, last):
        if named is not None and home.control.is_closed(named):
            month = month_of(named)
            raise CloseRefused(
                [
                    f"{month} is {home.control.month_state(month).value}, so no day of it is run again; reopen it first: "
                    f"{reopen_command(month)}"
                ]
            )
    known = [*home.control.landed_days(), *map(parse_day, home.control.answers(DAY_GATE))]
    begin, end = first or opening_day(home), last or max(known, default=None)
    days = days_between(begin, end) if begin and end and begin <= end else []
    shut = {month for month in map(month_of, days) if home.control.month_state(month) is not MonthState.OPEN}
    return [day for day in days if month_of(day) not in shut]


def stale_days(home: Home, days: Sequence[date]) -> Iterator[StaleDay]:
    """Those of `days` that have to be run again, in their order."""
    for day in days:
        why = why_stale(home, day)
        if why:
            yield StaleDay(day, why)


def why_stale(home: Home, day: date) -> str:
    """Why a day has to be run again; empty if its verdict, and its release if it is a PASS, rest on what is there now.

    A day that was never judged is one if anything was delivered for it. Files are read and compared with those that were
    landed; what a database would answer now is not asked.
    """
    verdict = home.control.latest_verdict(DAY_GATE, str(day))
    if verdict is None:
        delivered = [table for table in LANDED if delivered_on(home, table, day)]
        return f"never judged; delivered: {listed(delivered, 3)}" if delivered else ""
    again = [
        one.table for one in home.control.landing_reports(day) if delivered_otherwise(home.path, home.company, one)
    ]
    if again:
        return f"delivered again since it was landed: {listed(again, 3)}"
    stale = stale_reason(home, verdict)
    if stale:
        return stale
    if not compared_now(home, day, not_known(home, day)):
        return "its layers were compared before the data or settings became what they are now"
    return why_shut(home, day) if verdict.verdict is Verdict.PASS else ""
