"""A rollout's page: where it stands, what the next stage waits for, and the days plotted without a script."""

from __future__ import annotations

from datetime import timedelta

from billing_recon.core.verdict import Verdict
from billing_recon.report.rollout_page import write_rollout_page
from billing_recon_tests.browser import objections
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

NEXT = DAY + timedelta(days=1)


def test_the_page_says_what_the_stage_waits_for_and_plots_cohort_against_control(launch: Launch) -> None:
    launch.promote()
    clause = {
        "name": "breaks",
        "kind": "financial",
        "verdict": "FAIL",
        "says": "breaks: 2 <b>of</b> 4",
        "decides": True,
    }
    days = [{"day": str(NEXT), "cohort": 2, "cohort_invoices": 4, "control": 0, "control_invoices": 90}]
    launch.judged(
        NEXT,
        Verdict.INCONCLUSIVE,
        waiting_for=("month_end: next due on 2026-01-31",),
        figures={"clauses": [clause], "plotted": days, "days": {}},
    )
    page = write_rollout_page(launch.home, NAME)
    text = page.read_text(encoding="utf-8")
    assert "month_end: next due on 2026-01-31" in text
    assert "cohort 2 of 4" in text
    assert "control 0 of 90" in text
    assert "breaks: 2 &lt;b&gt;of&lt;/b&gt; 4" in text
    assert "<svg" in text
    assert '<th scope="row">internal</th><td>from ' in text
    assert '<th scope="row">small</th><td class="soft" colspan="6">not yet</td>' in text
    assert "mismatch_rate</th><td>at most 0.001</td><td>not known yet</td>" in text
    assert f"<td>promote</td><td>internal</td><td>{launch.people[1]}</td>" in text
    assert "<script" not in text
    assert write_rollout_page(launch.home, NAME).read_text(encoding="utf-8") == text
    assert objections(page, "rollout") == []
