"""After a fix only what is stale runs again, from the command and from the UI; it shows what changed and who signs again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from billing_recon.cli.app import app
from billing_recon.control import VerdictRecord
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.month_evidence import month_evidence
from billing_recon.defs.jobs import rerun
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.plant import QUIET, Plant, failures

pytestmark = pytest.mark.long

SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def backend() -> str:
    """What is stale is found by the same functions on both."""
    return "sqlite"


def typed(works: Plant, *words: str) -> Result:
    return CliRunner().invoke(app, ["run", "--home", str(works.path), *words], catch_exceptions=False)


def judged(works: Plant) -> list[VerdictRecord]:
    return list(works.home.control.verdicts(DAY_GATE, [str(FIRST), str(SECOND)]).values())


def test_after_a_fix_only_what_it_made_stale_runs_again_and_the_changes_are_shown(green: Plant) -> None:
    assert "Nothing is stale" in typed(green, "--stale", "--dry-run").stdout
    right = green.file("invoice_lines", SECOND).read_bytes()
    green.shorten("invoice_lines", SECOND)
    first = judged(green)[0]
    listed = typed(green, "--stale", "--dry-run")
    assert listed.exit_code == 1
    assert "delivered again since it was landed: invoice_lines" in listed.stdout
    assert str(FIRST) not in listed.stdout

    broken = typed(green, "--stale")
    assert broken.exit_code == 1, broken.output
    assert judged(green)[0] == first, "the day before it was left alone"
    assert judged(green)[1].verdict is Verdict.FAIL
    assert "opened" in broken.stdout

    signed = month_evidence(green.home, "2026-01")
    green.home.control.sign_off("2026-01", "Mei Tanaka", Role.ENGINEERING, signed)
    green.file("invoice_lines", SECOND).write_bytes(right)
    mended = typed(green, "--stale")
    assert mended.exit_code == 0, mended.output
    (days, money) = mended.stdout.split("\n\n")[:2]
    assert days.splitlines()[1].split()[:3] == [str(SECOND), "FAIL", "PASS"]
    assert {line.split()[0] for line in money.splitlines()[1:]} == {"closed"}
    assert f"lapsed: 2026-01: Mei Tanaka signed for engineering at evidence {signed[:12]}" in mended.stdout
    assert "Nothing is stale" in typed(green, "--stale").stdout

    green.home.control.lock_month("2026-01", "e" * 64)
    refused = typed(green, "--stale", "--day", str(FIRST))
    assert refused.exit_code == 1
    assert "2026-01 is Locked, so no day of it is run again; reopen it first" in refused.stderr
    assert typed(green, "--stale").exit_code == 0, "what is not named is left alone"


def test_the_job_of_the_ui_runs_a_day_and_after_it_the_day_that_its_fix_makes_stale(green: Plant) -> None:
    """The first day's payments are read by the second, whose verdict no longer holds once the first has run."""
    green.shorten("payments", FIRST)
    assert str(SECOND) not in typed(green, "--stale", "--dry-run").stdout, "nothing of it is other than it was, yet"

    def launch(**config: object) -> dg.ExecuteInProcessResult:
        return green.definitions.resolve_job_def("run_stale").execute_in_process(
            instance=green.instance,
            run_config={**QUIET, "ops": {rerun.name: {"config": config}}},
            raise_on_error=False,
        )

    assert failures(launch(dry_run=True)) == []
    before = green.instance.get_runs_count()
    launched = launch()
    days = [record.partition for record in judged(green) if record.verdict is not Verdict.PASS]
    assert (failures(launched) == []) is (not days)
    runs = [run for run in green.instance.get_runs(limit=3) if run.job_name == "daily"]
    assert green.instance.get_runs_count() == before + 3
    assert [run.tags.get("dagster/partition") for run in reversed(runs)] == [str(FIRST), str(SECOND)]


def test_a_file_counts_as_delivered_again_if_a_byte_differs_or_one_is_added_or_removed(
    company: Callable[..., Path],
) -> None:
    from billing_recon import day as steps
    from billing_recon.day import Home
    from billing_recon.feeds.landing.delivered_files import delivered_otherwise

    home = Home.open(company(days=1, customers=4))
    folder = home.path / "landing" / "invoice_lines"
    file = folder / f"{FIRST}.csv"
    archive = Path(shutil.make_archive(str(folder / str(FIRST)), "zip", folder, file.name))
    file.unlink()
    report = steps.land(home, "invoice_lines", FIRST, "test")
    assert report.accepted
    assert not delivered_otherwise(home.path, home.company, report)
    packed = archive.read_bytes()
    archive.unlink()
    assert delivered_otherwise(home.path, home.company, report)
    archive.write_bytes(packed)
    file.write_text("id\n", encoding="utf-8")
    assert delivered_otherwise(home.path, home.company, report)
    file.unlink()
    (missing,) = [steps.land(home, "metered_usage", FIRST + timedelta(days=9), "test")]
    assert not delivered_otherwise(home.path, home.company, missing)
