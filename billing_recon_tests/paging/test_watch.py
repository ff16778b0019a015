"""What is wrong with a home: red days with their money and owner, days that are late, feeds that are not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from billing_recon.control import ControlStore, VerdictRecord
from billing_recon.core.gate import Condition
from billing_recon.core.operations import Cause, Operations, Paging
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.paging.desk import settle
from billing_recon.paging.watch import WATCHED, watch
from billing_recon_tests.conftest import FIRST

OPERATIONS = Operations(paging=Paging(report_url="https://recon.example/reports"))
NEXT = FIRST + timedelta(days=1)
MORNING = datetime(NEXT.year, NEXT.month, NEXT.day, 3, 30, tzinfo=UTC)


def judge(home: Home, day: date, verdict: Verdict) -> None:
    sentence = "2 open breaks; none are allowed."
    condition = Condition("breaks", Verdict.PASS if verdict is Verdict.PASS else verdict, True, sentence, "2", "0")
    home.control.record_verdict(VerdictRecord("day", str(day), verdict, "e" * 64, 1, "1", (condition,), "run"))


def look(home: Home, now: datetime = MORNING) -> dict[str, str]:
    """What is new or changed; settled as a tick does."""
    seen = watch(home, OPERATIONS, now)
    settle(home.control.pages, "Acme", OPERATIONS.paging, now, WATCHED, seen.troubles, holding=seen.holding)
    return {trouble.key: trouble.title for trouble in seen.troubles}


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    return Home.open(company(days=4, customers=30))


def test_a_feed_is_late_from_its_due_time_on_and_the_day_once_it_should_have_run(home: Home) -> None:
    (home.path / "landing" / "ledger_entries" / f"{FIRST}.csv").unlink()
    assert look(home, MORNING - timedelta(hours=1)) == {}
    assert look(home) == {f"data/{FIRST}": f"{FIRST} waits for ledger_entries"}
    assert look(home) == {}, "nothing new"
    assert look(home, MORNING + timedelta(hours=3)) == {f"data/{FIRST}": f"{FIRST} waits for ledger_entries"}
    judge(home, FIRST, Verdict.INCONCLUSIVE)
    assert look(home, MORNING + timedelta(hours=3)) == {f"data/{FIRST}": f"{FIRST} is INCONCLUSIVE"}
    judge(home, FIRST, Verdict.PASS)
    look(home, MORNING + timedelta(hours=3))
    assert home.control.pages.open_incidents() == {}


def test_a_day_whose_files_are_there_and_that_did_not_run_is_late_three_hours_after_its_time(home: Home) -> None:
    assert look(home) == {}
    assert look(home, MORNING + timedelta(hours=3)) == {f"data/{FIRST}": f"{FIRST} did not run"}


def test_differences_are_not_over_because_the_day_can_no_longer_be_judged(home: Home) -> None:
    look(home)
    judge(home, FIRST, Verdict.FAIL)
    assert look(home) == {f"differences/{FIRST}": f"{FIRST} is FAIL"}
    judge(home, FIRST, Verdict.INCONCLUSIVE)
    look(home)
    assert list(home.control.pages.open_incidents()) == [f"differences/{FIRST}"]


def test_a_company_whose_data_has_ended_has_no_late_days_after_it(company: Callable[..., Path]) -> None:
    path = company(days=4, customers=30)
    with (path / "company.yaml").open("a", encoding="utf-8") as file:
        file.write(f"last_day: {FIRST + timedelta(days=3)}\n")
    home = Home.open(path)
    later = MORNING + timedelta(days=300)
    assert set(look(home, later)) == {f"data/{FIRST + timedelta(days=n)}" for n in range(4)}


def test_a_disk_and_a_database_that_fill_are_paged_until_there_is_room(home: Home, control: ControlStore) -> None:
    full = OPERATIONS.model_copy(update={"paging": OPERATIONS.paging.model_copy(update={"disk_free_percent": 99})})
    assert [one.key for one in watch(home, full, MORNING).troubles] == ["storage/disk"]
    held = control.pages.database_bytes()
    assert 50_000 < held < 2**30, "on either database"
    small = full.paging.model_copy(update={"disk_free_percent": 0, "database_gib": 0})
    tight = OPERATIONS.model_copy(update={"paging": small})
    (trouble,) = watch(home, tight, MORNING).troubles
    assert (trouble.key, trouble.cause) == ("storage/database", Cause.STORAGE)
    settle(home.control.pages, "Acme", small, MORNING, WATCHED, [trouble])
    assert set(home.control.pages.open_incidents()) == {"storage/database"}
    assert look(home) == {}
    assert home.control.pages.open_incidents() == {}


def test_a_thousand_days_of_history_cost_a_tick_nothing_when_nothing_changed(home: Home) -> None:
    days = [FIRST - timedelta(days=number) for number in range(1000)]
    with home.control.pages.desk() as desk:
        from sqlalchemy import insert

        from billing_recon.control.schema import verdicts

        row = {"evidence_hash": "e", "policy_version": 1, "code_version": "1", "conditions": "[]", "run_id": "r"}
        desk._connection.execute(
            insert(verdicts),
            [
                {"gate": "day", "partition": str(day), "verdict": "FAIL" if day.day == 3 else "PASS", "decided_at": "x"}
                | row
                for day in days
            ],
        )
    look(home)
    assert {one.cause for one in home.control.pages.open_incidents().values()} == {Cause.DIFFERENCES.value, "history"}
    started = time.monotonic()
    assert look(home) == {}
    assert time.monotonic() - started < 2
