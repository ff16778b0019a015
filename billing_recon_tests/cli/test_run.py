"""`run` on simulated companies: what it exits with, what it shows, and that a second run changes nothing that is seen."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.core.reason import Code
from billing_recon_tests.conftest import FIRST

Typed = Callable[..., Result]
LAST = FIRST + timedelta(days=3)


@pytest.fixture(scope="module")
def clean(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of a company without a fault, run once through the command."""
    import shutil

    return Path(shutil.copytree(simulated(), tmp_path_factory.mktemp("clean") / "home"))


@pytest.mark.long
def test_days_without_a_difference_exit_0(clean: Path, typed: Typed) -> None:
    result = typed("run", "--home", clean, "--day", FIRST, "--to", LAST)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    days = [line for line in lines if line[1:2] == ["PASS"]]
    assert [line[0] for line in days] == [str(FIRST + timedelta(days=n)) for n in range(4)]
    assert all(line[3:6] == ["0", "-", "-"] for line in days), "no breaks, no money in breaks"
    assert "every gate is PASS" in result.stdout
    assert result.stderr.count(" PASS (") == 4, "a pipe gets one line of progress a day"
    assert typed("status", "--home", clean, "--day", LAST).exit_code == 0
    assert "0 breaks" in typed("breaks", "--home", clean, "--day", LAST).stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("sent", "shell"),
    [(signal.SIGTERM, []), (signal.SIGINT, ["sh", "-c", 'trap "" INT; exec "$@"', "sh"])],
    ids=["terminated", "interrupted in the background"],
)
def test_a_run_stops_on_a_signal(company: Callable[..., Path], sent: signal.Signals, shell: list[str]) -> None:
    home = company(days=4, customers=30)
    words = ["run", "--home", str(home), "--day", str(FIRST), "--to", str(LAST)]
    process = subprocess.Popen(
        [*shell, sys.executable, "-m", "billing_recon.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    while "PASS" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(sent)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"{LAST} PASS" not in said


@pytest.mark.long
def test_a_fault_exits_1_and_each_break_can_be_explained(company: Callable[..., Path], typed: Typed) -> None:
    home = company(days=5, customers=60, faults={Code.TAX_RATE_JURISDICTION: 1})
    truth = (home / "truth.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    day, delta = truth[5], truth[6]
    result = typed("run", "--home", home, "--day", FIRST, "--to", FIRST + timedelta(days=4))
    assert result.exit_code == 1, result.output
    assert f"breaks --home {home} --day {day}" in result.stdout
    import json

    found = [
        json.loads(line)
        for line in typed("breaks", "--home", home, "--day", day, "--format", "json").stdout.splitlines()
    ]
    assert [(row["code"], row["invoice_id"]) for row in found] == [("TAX_RATE_JURISDICTION", truth[2])]
    again = typed("run", "--home", home, "--day", day)
    assert again.exit_code == 1
    explained = typed("explain", "--home", home, found[0]["break_id"])
    assert explained.exit_code == 0
    assert delta.lstrip("-") in explained.stdout.replace(",", "")
    assert "tax rate" in explained.stdout


@pytest.mark.long
def test_a_missing_layer_exits_1_and_is_inconclusive(company: Callable[..., Path], typed: Typed) -> None:
    home = company()
    (home / "landing" / "ledger_entries" / f"{FIRST}.csv").unlink()
    result = typed("run", "--home", home, "--day", FIRST)
    assert result.exit_code == 1, result.output
    assert f"{FIRST}  INCONCLUSIVE" in result.stdout
    assert "ledger_entries" in typed("status", "--home", home, "--day", FIRST).stdout


def test_a_day_before_the_first_is_a_usage_error(company: Callable[..., Path], typed: Typed) -> None:
    result = typed("run", "--home", company(), "--day", FIRST - timedelta(days=1))
    assert result.exit_code == 2
    assert "has no partition" in result.stderr


def test_a_catalog_that_is_wrong_is_a_configuration_error_without_a_traceback(
    company: Callable[..., Path], typed: Typed
) -> None:
    home = company()
    plans = home / "catalog" / "plans.yaml"
    plans.write_text(plans.read_text(encoding="utf-8") + "\nplanz: []\n", encoding="utf-8")
    result = typed("run", "--home", home, "--day", FIRST)
    assert result.exit_code == 2
    assert "planz" in result.stderr
    assert "Traceback" not in result.output
