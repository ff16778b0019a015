"""Late usage through the steps of a day: it re-opens what it changes, is billed once, and can be looked up."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon import day as steps
from billing_recon.core.errors import GateRefused
from billing_recon.core.operations import Schedule
from billing_recon.core.reason import Code
from billing_recon.core.schema import EXPECTED_LINES, LATE_USAGE, USAGE_DUPLICATES
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.due_days import due_days
from billing_recon.day.gate import stale_reason
from billing_recon.day.month_tasks import days_not_green
from billing_recon.day.usage import duplicates_report, late_usage, reopened_days, usage_freshness
from billing_recon.simulate import simulate
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, rows, run_day

pytestmark = pytest.mark.long

Company = Callable[..., Path]
NEXT = FIRST + timedelta(days=1)


def usage_file(home: Path, day: date) -> Path:
    return home / "landing" / "usage_events" / f"{day}.csv"


def billed_usage(home: Path) -> dict[str, str]:
    """A usage line that was issued on the first day."""
    with (home / "landing" / "invoice_lines" / f"{FIRST}.csv").open(newline="", encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["kind"] == "usage")


def deliver(home: Path, day: date, line: dict[str, str], event_id: str, quantity: str, received: str) -> str:
    """Append an event of the line's last days to a day's file, like another of its subscription and meter."""
    with usage_file(home, FIRST).open(newline="", encoding="utf-8") as file:
        alike = [
            row
            for row in csv.DictReader(file)
            if row["subscription_id"] == line["subscription_id"]
            and row["meter"] == line["meter"]
            and line["period_start"] < row["event_time"][:10] < line["period_end"]
        ]
    row = max(alike, key=lambda row: row["event_time"]) | {
        "event_id": event_id, "quantity": quantity, "received_at": received, "corrects": "",
    }  # fmt: skip
    with usage_file(home, day).open("a", encoding="utf-8") as file:
        file.write(",".join(row.values()) + "\n")
    return row["event_time"][:10]


@pytest.fixture
def waiting(company: Company) -> Home:
    """A home whose bills are issued two days before their late window of four days is over, with two days run."""
    path = company()
    policy = path / "policies" / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    assert "late_window_days: 2" in text
    policy.write_text(text.replace("late_window_days: 2", "late_window_days: 4"), encoding="utf-8")
    home = Home.open(path)
    for day in (FIRST, NEXT):
        assert run_day(home, day).verdict is Verdict.PASS
    return home


def test_late_usage_inside_the_window_reopens_the_day_that_billed_without_it(waiting: Home) -> None:
    line = billed_usage(waiting.path)
    deliver(waiting.path, NEXT, line, "late-1", "1000", f"{NEXT}T12:00:00Z")
    steps.land(waiting, "usage_events", NEXT, "test")
    steps.roll_up(waiting, NEXT, "test")
    verdict = waiting.control.latest_verdict("day", str(FIRST))
    assert verdict is not None
    assert "usage of 1 subscription arrived late (1 change, the last on 2026-01-29), which re-opens it" in str(
        stale_reason(waiting, verdict)
    )
    morning = datetime(NEXT.year, NEXT.month, NEXT.day, 12, tzinfo=UTC) + timedelta(days=1)
    (due,) = [one for one in due_days(waiting, Schedule(), morning) if one.day == FIRST]
    assert due.why.startswith("re-opened: "), "it is run again by itself"
    with pytest.raises(GateRefused, match="re-opens it"):
        steps.release(waiting, FIRST, "test")
    assert any("evidence that has changed" in reason for reason in days_not_green(waiting, f"{FIRST:%Y-%m}")[1])

    assert run_day(waiting, FIRST).verdict is Verdict.FAIL
    ((code, line_id, delta),) = [(b["code"], b["line_id"], b["delta"]) for b in breaks(waiting, FIRST)]
    assert (code, line_id) == (Code.USAGE_LATE, line["line_id"])
    assert delta < 0
    latest = waiting.control.latest_verdict("day", str(FIRST))
    assert latest is not None
    assert stale_reason(waiting, latest) is None


def test_usage_that_no_decided_bill_waits_for_leaves_the_day_current(waiting: Home) -> None:
    line = billed_usage(waiting.path)
    with usage_file(waiting.path, NEXT).open("a", encoding="utf-8") as file:
        file.write(f"other-1,gateway,CUS-00001,NOBODY,api_calls,5,{FIRST}T08:00:00Z,{NEXT}T12:00:00Z,\n")
    steps.land(waiting, "usage_events", NEXT, "test")
    steps.roll_up(waiting, NEXT, "test")
    verdict = waiting.control.latest_verdict("day", str(FIRST))
    assert verdict is not None
    assert stale_reason(waiting, verdict) is None
    assert line


def test_the_days_that_late_usage_reopened_are_listed_with_how_final_they_are(company: Company) -> None:
    home = Home.open(company())
    line = billed_usage(home.path)
    own = deliver(home.path, NEXT, line, "late-1", "1000", f"{NEXT}T12:00:00Z")
    for day in (FIRST, NEXT):
        for table in ("subscriptions", "usage_events"):
            steps.land(home, table, day, "test")
        steps.roll_up(home, day, "test")
    listed = reopened_days(home, NEXT, NEXT)
    assert {row["late_window"] for row in listed} <= {"open", "closed"}
    assert all(row["usage_day"] < row["arrived_on"] and row["usage_day"] >= FIRST for row in listed)
    (day,) = [
        row for row in usage_freshness(home, NEXT) if (str(row["usage_day"]), row["meter"]) == (own, line["meter"])
    ]
    assert day["after_window"] + day["within_window"] + day["on_the_day"] == day["quantity"]
    assert day["final"] == (day["window_ends"] <= NEXT)


def test_an_event_sent_again_and_one_that_contradicts_itself_are_in_the_duplicates_report(company: Company) -> None:
    home = Home.open(company())
    line = billed_usage(home.path)
    deliver(home.path, FIRST, line, "twin", "7", f"{FIRST}T12:00:00Z")
    deliver(home.path, NEXT, line, "twin", "7", f"{NEXT}T12:00:00Z")
    deliver(home.path, NEXT, line, "twin", "8", f"{NEXT}T13:00:00Z")
    for day in (FIRST, NEXT):
        steps.land(home, "usage_events", day, "test")
    mine = [row for row in duplicates_report(home, NEXT, NEXT) if row["customer_id"] == line["customer_id"]]
    (row,) = [row for row in mine if row["conflict_rows"]]
    assert (row["conflict_rows"], row["first_conflict"]) == (1, "twin")
    assert row["collapsed_rows"] >= 1
    assert row["kept_on"] <= NEXT
    assert row["kept_file"].startswith("landing/usage_events/")
    kept = [row for row in rows_of_duplicates(home) if row["event_id"] == "twin"]
    assert [(r["quantity"], r["kept_on"], r["source_file"]) for r in kept] == [
        (Decimal(7), FIRST, f"landing/usage_events/{NEXT}.csv")
    ]


def rows_of_duplicates(home: Home) -> list[dict[str, object]]:
    return rows(home, USAGE_DUPLICATES, NEXT)


def test_an_engine_that_bills_late_usage_in_the_next_period_has_no_break_and_one_that_does_not_has_just_that(
    tmp_path: Path,
) -> None:
    first, last = date(2026, 1, 1), date(2026, 2, 12)
    path = tmp_path / "home"
    simulate(seed=5, first=first, last=last, customers=1, faults={Code.USAGE_LATE: 2}, out=path, late_events=12)
    home = Home.open(path)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for day in days:
        for table in ("subscriptions", "usage_events", "invoice_lines"):
            steps.land(home, table, day, "test")
        steps.roll_up(home, day, "test")
    with (path / "truth.csv").open(newline="", encoding="utf-8") as file:
        missed = list(csv.DictReader(file))
    truth = {(row["code"], row["invoice_id"], row["day"], Decimal(row["delta"]).normalize()) for row in missed}
    asked = {day for day in days if ",adjustment," in (path / "landing/invoice_lines" / f"{day}.csv").read_text()}
    asked |= {date.fromisoformat(row["day"]) for row in missed}
    for day in sorted(asked):
        steps.expect(home, day, "test")
        steps.reconcile(home, day, "test")
    adjusted = {
        row["expected_line_id"] for row in rows(home, EXPECTED_LINES, first, last) if row["kind"] == "adjustment"
    }
    assert len(adjusted) >= 5
    found = {
        (b["code"], b["invoice_id"], str(b["day"]), b["delta"].normalize())
        for b in breaks(home, first, last)
        if b["pair"] == "expected_billed" and b["day"] in asked
    }
    assert found == truth
    arrived = max(row["arrived_on"] for row in rows(home, LATE_USAGE, first, last))
    steps.expect(home, arrived, "test")
    assert {row["fate"] for row in late_usage(home, arrived, arrived)} == {"adjusted"}
