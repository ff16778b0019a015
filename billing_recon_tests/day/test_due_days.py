"""Which days run by themselves: each once its feeds are due, missed ones in order, late files and late events again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from billing_recon.control import VerdictRecord
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.operations import Schedule
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.due_days import due_days, last_due
from billing_recon_tests.conftest import FIRST

DAYS = [FIRST + timedelta(days=n) for n in range(4)]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def judge(home: Home, day: date, verdict: Verdict = Verdict.PASS) -> None:
    home.control.record_verdict(VerdictRecord("day", str(day), verdict, "e" * 64, 1, "1", (), "run"))


def due(home: Home, now: datetime, **times: object) -> list[tuple[date, str]]:
    return [(one.day, one.why) for one in due_days(home, Schedule.model_validate(times), now)]


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    return Home.open(company(days=4, customers=30))


def test_a_day_is_due_on_the_next_when_the_last_of_its_feeds_is(home: Home) -> None:
    assert due(home, at(DAYS[1], 2, 59)) == []
    assert due(home, at(DAYS[1], 3)) == [(DAYS[0], "missed")]
    assert due(home, at(DAYS[1], 3), feeds_due={"ledger_entries": "05:30"}) == []
    assert due(home, at(DAYS[1], 5, 30), feeds_due={"ledger_entries": "05:30"}) == [(DAYS[0], "missed")]


def test_a_day_is_due_in_the_companys_time_zone(home: Home) -> None:
    tokyo = home.company.model_copy(update={"timezone": "Asia/Tokyo"})
    home.company = tokyo
    assert last_due(home, Schedule(), at(DAYS[0], 18)) == DAYS[0], "03:00 in Tokyo"
    assert last_due(home, Schedule(), at(DAYS[0], 17, 59)) == DAYS[0] - timedelta(days=1)


def test_missed_days_are_run_in_their_order_without_gaps(home: Home) -> None:
    judge(home, DAYS[0])
    judge(home, DAYS[2])
    assert due(home, at(DAYS[3], 12) + timedelta(days=1)) == [(DAYS[1], "missed"), (DAYS[3], "missed")]


def test_a_first_load_of_history_is_started_by_a_person(home: Home) -> None:
    assert due(home, at(DAYS[3], 12) + timedelta(days=1), catch_up_days=3) == [(DAYS[3], "missed")]
    judge(home, DAYS[3], Verdict.INCONCLUSIVE)
    assert due(home, at(DAYS[3], 12) + timedelta(days=1), catch_up_days=2) == [], (
        "not the day before it, and so on back"
    )


def test_a_day_whose_late_file_has_arrived_runs_again(home: Home) -> None:
    judge(home, DAYS[0], Verdict.INCONCLUSIVE)
    home.control.record_landing(LandingReport("ledger_entries", DAYS[0], LandingStatus.MISSING), "run")
    assert due(home, at(DAYS[1], 12)) == [(DAYS[0], "delivered since: ledger_entries")]
    (home.path / "landing" / "ledger_entries" / f"{DAYS[0]}.csv").unlink()
    assert due(home, at(DAYS[1], 12)) == []


def test_a_closed_month_is_left_alone(home: Home) -> None:
    home.control.lock_month("2026-01", "e" * 64)
    home.control.close_month("2026-01", "e" * 64)
    assert due(home, at(DAYS[3], 12) + timedelta(days=1)) == []
