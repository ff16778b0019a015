"""Days run from the command line: what came of each, and what counts as a failure of the run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.defs.build import build_definitions
from billing_recon.defs.instance import open_instance
from billing_recon.defs.runner import DayOutcome, _stoppable, run_days
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.paging.receivers import receiver

pytestmark = pytest.mark.long

DAYS = [FIRST, FIRST + timedelta(days=1)]


def test_days_run_one_after_another_each_as_a_run_of_its_own(company: Callable[..., Path]) -> None:
    home, told = company(days=4, customers=30), []
    outcomes = run_days(home, DAYS, told.append)
    assert told == outcomes
    assert [(o.day, o.verdict, o.success, o.error) for o in outcomes] == [(day, "PASS", True, "") for day in DAYS]
    with open_instance(home / ".state") as instance:
        runs = {run.run_id: run for run in instance.get_runs()}
    assert set(runs) == {o.run_id for o in outcomes}
    assert all(run.status is dg.DagsterRunStatus.SUCCESS for run in runs.values())


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_whatever_a_library_makes_of_it(sent: signal.Signals) -> None:
    handler = signal.signal(sent, lambda *_: None)
    try:
        with _stoppable() as stopped:
            assert not stopped()
            os.kill(os.getpid(), sent)
            assert stopped()
            assert not stopped(), "it is told once"
    finally:
        signal.signal(sent, handler)


def test_days_landed_ahead_give_what_each_day_in_its_own_run_gives(company: Callable[..., Path]) -> None:
    faults = {Code.PRICE_VERSION: 2, Code.USAGE_DUPLICATE: 1}
    together, apart = (company(days=6, customers=60, seed=5, faults=faults) for _ in range(2))
    days = [FIRST + timedelta(days=n) for n in range(6)]
    verdicts = [(o.day, o.verdict, o.success) for o in run_days(together, days)]
    assert verdicts == [(o.day, o.verdict, o.success) for day in days for o in run_days(apart, [day])]
    assert {verdict for _, verdict, _ in verdicts} == {"PASS", "FAIL"}
    evidence = []
    for home in (together, apart):
        opened = Home.open(home)
        records = [opened.control.latest_verdict(DAY_GATE, str(day)) for day in days]
        evidence.append([record.evidence_hash for record in records if record is not None])
        opened.control.close()
    assert evidence[0] == evidence[1]
    assert len(evidence[0]) == len(days)


def test_a_day_that_cannot_be_landed_ahead_fails_in_its_own_run(company: Callable[..., Path]) -> None:
    home = company(days=4, customers=30)
    (home / "landing" / "payments" / f"{DAYS[1]}.parquet").write_bytes(b"a second file for one day")
    first, second = run_days(home, DAYS)
    assert (first.verdict, first.success) == ("PASS", True)
    assert second.verdict == "INCONCLUSIVE"


def test_a_gate_that_says_no_is_a_verdict_and_not_a_failure_of_the_run(company: Callable[..., Path]) -> None:
    home = company(days=4, customers=30)
    (home / "landing" / "ledger_entries" / f"{FIRST}.csv").unlink()
    outcomes = run_days(home, DAYS)
    assert [(o.verdict, o.success) for o in outcomes] == [("INCONCLUSIVE", True), ("PASS", True)]


def test_a_run_that_cannot_do_its_work_says_why_and_the_next_day_goes_on(company: Callable[..., Path]) -> None:
    home = company(days=4, customers=30)
    blocked = home / ".state" / "reports" / str(FIRST)
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the day pack's folder should be")
    first, second = run_days(home, DAYS)
    assert (first.success, second.success) == (False, True)
    assert "judge" in first.error


def test_a_verdict_of_an_earlier_run_is_not_taken_for_this_ones(company: Callable[..., Path]) -> None:
    home = company(days=4, customers=30)
    run_days(home, DAYS[:1])
    (home / "catalog" / "broken.yaml").write_text("plans: 7")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        run_days(home, DAYS[:1])


def test_a_day_of_which_too_much_is_quarantined_is_judged_inconclusive_and_says_which_table(
    company: Callable[..., Path],
) -> None:
    home = company(days=4, customers=30)
    path = home / "landing" / "invoice_lines" / f"{FIRST}.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    currency = header.split(",").index("currency")
    broken = [",".join("XYZ" if n == currency else cell for n, cell in enumerate(row.split(","))) for row in rows]
    path.write_text("\n".join([header, *broken]) + "\n", encoding="utf-8")
    (outcome,) = run_days(home, DAYS[:1])
    assert (outcome.verdict, outcome.success) == ("INCONCLUSIVE", True)
    opened = Home.open(home)
    verdict = opened.control.latest_verdict(DAY_GATE, str(FIRST))
    assert verdict is not None
    assert "quarantine:invoice_lines" in {c.name for c in verdict.held_back_by}
    assert opened.control.latest_release(str(FIRST)) is None
    opened.control.close()
    assert "INCONCLUSIVE" in (home / ".state" / "reports" / str(FIRST) / "day_pack.html").read_text(encoding="utf-8")


def test_a_day_that_the_company_does_not_have_is_refused_before_anything_runs(company: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError, match=rf"has no partition 2020-01-01: its days run from {FIRST}"):
        run_days(company(days=4, customers=30), [date(2020, 1, 1)])


def test_a_breach_is_shown_paged_once_and_resolved_when_the_day_recovers(
    company: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = company(days=4, customers=30, faults={Code.LEDGER_MISSING: 1})
    ledger = home / "landing" / "ledger_entries" / f"{FIRST}.csv"
    kept = ledger.read_bytes()
    ledger.unlink()
    definitions = build_definitions(home)
    sensor = definitions.get_repository_def().get_sensor_def("page_on_breach")
    with open_instance(home / ".state") as instance, receiver() as pager:

        def tick() -> str:
            return str(sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message)

        assert "BILLING_RECON_PAGE_URL is not set" in tick()
        monkeypatch.setenv("BILLING_RECON_PAGE_URL", pager.url)
        tick()
        assert [key.partition("/")[0] for _, key in pager.take()] == ["history"], "no day has run before"
        (outcome,) = run_days(home, DAYS[:1])
        assert outcome.verdict == "INCONCLUSIVE"
        tick()
        assert pager.take() == [("trigger", f"data/{FIRST}")]
        assert (tick(), pager.take()) == ("Nothing changed.", [])
        ledger.write_bytes(kept)
        (outcome,) = run_days(home, DAYS[:1])
        assert outcome.verdict == "PASS"
        tick()
        assert pager.take() == [("resolve", f"data/{FIRST}")]


def test_the_checks_of_a_day_show_tables_that_a_finance_person_can_read(company: Callable[..., Path]) -> None:
    home = company(days=4, customers=40, faults={Code.RENDER_VALUE: 2})
    days = [FIRST + timedelta(days=n) for n in range(4)]
    outcomes: list[DayOutcome] = run_days(home, days)
    assert "FAIL" in {o.verdict for o in outcomes}
    failed = next(o for o in outcomes if o.verdict == "FAIL")
    with open_instance(home / ".state") as instance:
        evaluations = {
            e.dagster_event.asset_check_evaluation_data.check_name: e.dagster_event.asset_check_evaluation_data
            for e in instance.all_logs(failed.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
            if e.dagster_event is not None
        }
    tie_out = evaluations["ties_out_billed_rendered"]
    assert not tie_out.passed
    assert "RENDER_VALUE" in tie_out.description
    records = tie_out.metadata["breaks"].records
    assert len(records) == tie_out.metadata["open breaks"].value
    for record in records:
        assert record.data["code"] == "RENDER_VALUE"
        assert set(record.data) == {"code", "difference", "why"}
        assert all(isinstance(value, str) for value in record.data.values())
    gate = evaluations["gate"]
    assert gate.description.startswith("FAIL: ")
    assert "RENDER_VALUE" in gate.description
    assert evaluations["totals_foot"].passed
    assert evaluations["stage_deltas_sum"].passed
