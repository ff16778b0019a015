"""What people are shown of a rollout: one page per trigger, the day pack's table, the workbook, and how long switching back took."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from billing_recon.core.operations import Operations
from billing_recon.core.severity import Severity
from billing_recon.core.verdict import Verdict
from billing_recon.day.rollout import switch
from billing_recon.day.rollout.progress import Progress, progress
from billing_recon.paging.desk import settle
from billing_recon.paging.watch import WATCHED, watch
from billing_recon.report.rollout_gate import day_table
from billing_recon.report.rollout_workbook import write_rollout_workbook
from billing_recon_tests.day.rollout.launch import NAME, Launch
from billing_recon_tests.day.rollout.test_switch import NEXT


def paged(launch: Launch) -> list[tuple[str, str]]:
    """What a tick of the watch finds new about rollouts, settled."""
    operations, now = Operations(), datetime(2026, 3, 1, tzinfo=UTC)
    seen = watch(launch.home, operations, now)
    settle(launch.home.control.pages, "Acme", operations.paging, now, WATCHED, seen.troubles, holding=seen.holding)
    return [(one.title, one.why[0]) for one in seen.troubles if one.key == f"rollout/{NAME}"]


def test_a_trigger_is_paged_once_until_somebody_resumes(launch: Launch) -> None:
    launch.promote()
    assert paged(launch) == []
    verdict = launch.judged(NEXT, triggered=("rollback: duplicate_invoices 2, at most 0",))
    switch.act_on(launch.home, verdict)
    (told,) = paged(launch)
    assert told[0].startswith("rollout proration was rolled back: the old path bills from ")
    assert told[1] == "rollback: duplicate_invoices 2, at most 0"
    incident = launch.home.control.pages.open_incidents()[f"rollout/{NAME}"]
    assert incident.severity == Severity.CRITICAL
    assert paged(launch) == [], "the same again is no page"
    launch.resume()
    paged(launch)
    assert f"rollout/{NAME}" not in launch.home.control.pages.open_incidents()


def test_what_a_person_did_pages_nobody_and_what_the_gate_holds_pages(launch: Launch) -> None:
    launch.promote()
    launch.rollback()
    assert paged(launch) == []
    launch.resume()
    launch.promote()
    verdict = launch.judged(NEXT + timedelta(days=9), Verdict.FAIL, figures={"because": ["breaks: 2, at most 0"]})
    switch.act_on(launch.home, verdict)
    assert paged(launch) == [("rollout proration is held", "breaks: 2, at most 0")]


def test_the_time_from_a_switch_back_to_the_last_line_of_the_new_path_is_measured(launch: Launch) -> None:
    launch.promote()
    state = launch.rollback()
    back = state.last(switch.Verb.SWITCHED)
    assert back is not None
    decided = datetime.fromisoformat(back.decided_at)

    def minutes(last: datetime | None) -> int | None:
        answer = switch.current_verdict(launch.home, NAME, state)
        return Progress(state, answer, {}, 0, {}, last.date() if last else None, last, 0, True).minutes_to_last_bill

    assert minutes(decided + timedelta(minutes=12, seconds=1)) == 13
    assert minutes(decided - timedelta(hours=3)) == 0
    assert minutes(None) is None
    assert progress(launch.home, state).minutes_to_last_bill is None, "nothing was billed by the new path"


def test_the_day_pack_has_a_row_per_rollout_and_the_workbook_says_all_of_it(launch: Launch, tmp_path: Path) -> None:
    launch.promote()
    days = [{"day": str(NEXT), "cohort": 2, "cohort_invoices": 4, "control": 0, "control_invoices": 90}]
    clause = {"name": "breaks", "kind": "financial", "verdict": "FAIL", "says": "=2 of 4", "decides": True}
    launch.judged(
        NEXT, Verdict.FAIL, figures={"clauses": [clause], "plotted": days, "because": ["breaks: 2"], "state": "FAIL"}
    )
    assert day_table(launch.home, NEXT).rows == [(NAME, "internal", "FAIL", "4", "2", "90", "0", "breaks: 2")]
    assert day_table(launch.home, NEXT - timedelta(days=1)).rows == []
    with zipfile.ZipFile(write_rollout_workbook(launch.home, NAME, tmp_path / "r.xlsx")) as file:
        names = re.findall(r'<sheet name="([^"]+)"', file.read("xl/workbook.xml").decode())
        text = file.read("xl/sharedStrings.xml").decode()
        assert "<f>" not in file.read("xl/worksheets/sheet2.xml").decode()
    assert names == ["Status", "Clauses", "Days", "Attempts", "Recovery", "Corrections", "Log"]
    assert "=2 of 4" in text
    assert "rehearsed" in text
