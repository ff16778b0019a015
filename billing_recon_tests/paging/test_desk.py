"""One page per cause and day: opened once, sent again when it got worse or nobody took it, resolved once, silent else."""

from __future__ import annotations

from dataclasses import replace

from billing_recon.core.operations import Cause, Channel, Paging
from billing_recon.core.severity import Severity
from billing_recon_tests.paging.conftest import WEBHOOK, Office, red
from billing_recon_tests.paging.receivers import Receiver

DAY = "2026-03-09"
KEY = f"differences/{DAY}"


def test_a_breach_is_one_page_and_its_recovery_one_resolve(office: Office, hook: Receiver) -> None:
    office.tick(red(DAY))
    assert hook.take() == [("trigger", KEY)]
    for number in range(2, 5):  # judged again, as red as before
        office.tick(red(DAY, version=f"verdict {number}"))
    assert hook.take() == []
    office.tick()
    assert hook.take() == [("resolve", KEY)]
    office.tick()
    assert hook.take() == []
    office.tick(red(DAY, version="verdict 9"))
    assert hook.take() == [("trigger", KEY)]


def test_money_that_passes_a_step_of_the_policy_updates_the_page_once(office: Office, hook: Receiver) -> None:
    office.tick(red(DAY, 999))
    office.tick(red(DAY, 1000, "verdict 2"))
    office.tick(red(DAY, 1200, "verdict 3"))
    office.tick(red(DAY, 20, "verdict 4"))
    office.tick(red(DAY, 1100, "verdict 5"))
    office.tick(red(DAY, 10_000, "verdict 6"))
    severities = [page["severity"] for page in hook.pages]
    assert hook.take() == [("trigger", KEY)] * 3
    assert severities == ["warning", "error", "critical"]


def test_history_is_one_summary_and_not_a_page_per_day(office: Office, hook: Receiver) -> None:
    fresh = Office(office.control)
    with fresh.control.pages.desk() as desk:
        desk.set_mark("switched on", "")
    days = [f"2026-01-{day:02}" for day in range(1, 17)]
    fresh.tick(*(red(day, 100) for day in days))
    (page,) = hook.pages
    assert "16 days need attention before paging was switched on" in page["summary"]
    assert page["money"] == {"EUR": "1,600.00 EUR"}
    assert page["why"][0] == f"{days[0]} is FAIL", "the day is said once"
    hook.pages.clear()
    fresh.tick(*(red(day, 100, "verdict 2") for day in days))
    fresh.tick(*(red(day, 100, "verdict 2") for day in days[:1]))
    assert hook.take() == []
    fresh.tick(red(days[0], 5_000, "verdict 3"))
    assert hook.take() == [("trigger", f"differences/{days[0]}"), ("resolve", f"history/{days[0]}..{days[-1]}")]
    fresh.tick()
    assert hook.take() == [("resolve", f"differences/{days[0]}")]


def test_many_days_at_once_are_one_page_also_if_they_break_one_after_another(office: Office, hook: Receiver) -> None:
    days = [f"2026-02-{day:02}" for day in range(1, 14)]
    for number in range(1, len(days) + 1):
        office.tick(*(red(day) for day in days[:number]))
        office.later(seconds=30)
    actions = hook.take()
    assert [key for _, key in actions[:5]] == [f"differences/{day}" for day in days[:5]]
    assert len({key for _, key in actions[5:]}) == 1, "one incident for all others"
    assert len(actions) <= 9
    office.tick()
    assert [action for action, _ in hook.take()] == ["resolve"] * 6


def test_what_nobody_takes_is_escalated_once_and_what_stays_open_is_paged_again(office: Office, hook: Receiver) -> None:
    office.paging = Paging(
        channels=(WEBHOOK, Channel(name="boss", kind="webhook", env=WEBHOOK.env, only_escalated=True))
    )
    serious = red(DAY, 2000)
    office.tick(serious)
    office.later(minutes=59)
    office.tick(serious)
    assert hook.take() == [("trigger", KEY)]
    office.later(minutes=1)
    office.tick(serious)
    office.tick(serious)
    assert [page["severity"] for page in hook.pages] == ["critical", "critical"]
    assert hook.take() == [("trigger", KEY)] * 2, "to the first channel again, and to the one for escalations"
    office.later(days=3)
    office.tick(serious)
    office.tick(serious)
    assert hook.take() == [("trigger", KEY)] * 2
    office.tick()
    assert hook.take() == [("resolve", KEY)] * 2


def test_what_somebody_has_taken_is_not_escalated(office: Office, hook: Receiver) -> None:
    office.tick(red(DAY, 2000))
    assert office.control.pages.take(KEY, "bo", office.now)
    office.later(hours=5)
    office.tick(red(DAY, 2000))
    assert hook.take() == [("trigger", KEY)]
    office.tick(red(DAY, 20_000, "verdict 2"))
    assert hook.pages[0]["taken_by"] == "bo"
    assert not office.control.pages.take("differences/2026-03-08", "bo", office.now)


def test_a_channel_hears_only_of_what_is_urgent_enough_and_of_nothing_else_that_it_is_resolved(
    office: Office, hook: Receiver
) -> None:
    office.paging = Paging(channels=(WEBHOOK.model_copy(update={"at_least": Severity.ERROR}),))
    office.tick(red(DAY, 10))
    office.tick()
    assert hook.take() == []
    office.tick(red(DAY, 5000, "verdict 2"))
    office.tick()
    assert hook.take() == [("trigger", KEY), ("resolve", KEY)]


def test_a_late_day_that_is_judged_at_last_changes_its_incident_and_not_its_page(
    office: Office, hook: Receiver
) -> None:
    late = replace(red(DAY), cause=Cause.DATA, money={}, version="late ledger_entries False", severity=Severity.WARNING)
    office.tick(late)
    office.tick(replace(late, version="late ledger_entries True", severity=None))
    office.tick(replace(late, version="verdict 7", severity=None))
    assert [page["severity"] for page in hook.pages] == ["warning", "error"]
    office.tick()
    assert hook.take() == [("trigger", f"data/{DAY}")] * 2 + [("resolve", f"data/{DAY}")]
