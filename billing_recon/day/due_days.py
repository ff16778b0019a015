"""Which days have to be run now, in their order: missed, delivered since they were judged, or re-opened by late events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing_recon.core.landing import LandingStatus
from billing_recon.core.operations import Schedule
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE, evidence_now
from billing_recon.day.history import delivered_on, opening_day
from billing_recon.day.home import Home
from billing_recon.day.usage import usage_since

DELIVERED_WITHIN = 3
"""A file that arrives up to so many days after its day makes the day run again by itself; later ones take a person."""


@dataclass(frozen=True, slots=True)
class DueDay:
    """A day to run. `why` is the same for as long as the reason is, so that a reason starts one run."""

    day: date
    why: str


def run_at(home: Home, schedule: Schedule) -> str:
    """The time of day at which a day is run, on the next: when the last of its feeds is due, and not before `daily_at`."""
    return max([schedule.daily_at, *(schedule.due_at(table) for table in home.policy.gate.required_layers)])


def instant(home: Home, day: date, at: str) -> datetime:
    """A time of the day after `day`, in the company's time zone."""
    return datetime.combine(day + timedelta(days=1), time.fromisoformat(at), ZoneInfo(home.company.timezone))


def last_due(home: Home, schedule: Schedule, now: datetime) -> date:
    """The newest day whose time has come."""
    today = now.astimezone(ZoneInfo(home.company.timezone)).date()
    yesterday = today - timedelta(days=1)
    day = yesterday if now >= instant(home, yesterday, run_at(home, schedule)) else yesterday - timedelta(days=1)
    return min(day, parse_day(home.company.last_day)) if home.company.last_day else day


def due_days(home: Home, schedule: Schedule, now: datetime) -> list[DueDay]:
    """Every day that has to be run, the earliest first. Days of closed months are not among them.

    Missed days are run by themselves while there are at most `catch_up_days` of them. A first load of history, or what
    was missed in a month, is started by a person; until then only the last day that is due is run.
    """
    answers = {parse_day(day): verdict for day, verdict in home.control.answers(DAY_GATE).items()}
    last = last_due(home, schedule, now)
    missed = [day for day in _expected(home, last) if day not in answers and not home.control.is_closed(day)]
    few = len(missed) <= schedule.catch_up_days
    found = {day: "missed" for day in missed if few or day == last}
    found |= dict(_again(home, answers, last))
    return [DueDay(day, why) for day, why in sorted(found.items())]


def _expected(home: Home, last: date) -> list[date]:
    first = opening_day(home)
    return days_between(first, last) if first is not None and first <= last else []


def _again(home: Home, answers: Mapping[date, Verdict], last: date) -> Iterator[tuple[date, str]]:
    """Judged days of the last few whose data has changed since in a way that is expected to happen."""
    back = max(DELIVERED_WITHIN, home.policy.windows.late_window_days)
    for day in days_between(last - timedelta(days=back), last):
        if day not in answers or home.control.is_closed(day):
            continue
        if answers[day] is Verdict.INCONCLUSIVE:
            statuses = home.control.landing_statuses(day, day)
            here = [
                table
                for table in home.policy.gate.required_layers
                if statuses.get((table, day)) is LandingStatus.MISSING and delivered_on(home, table, day)
            ]
            if here:
                yield day, f"delivered since: {', '.join(here)}"
        elif since := _reopened(home, day):
            yield day, f"re-opened: {since}"


def _reopened(home: Home, day: date) -> str:
    """The digest of usage that arrived after the day was judged and is not in its verdict; empty if there is none."""
    since = usage_since(home, day)
    verdict = home.control.latest_verdict(DAY_GATE, str(day))
    if since is None or verdict is None:
        return ""
    return since.digest[:16] if evidence_now(home, day) != verdict.evidence_hash else ""
