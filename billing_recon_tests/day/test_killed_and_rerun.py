"""A process killed at any step leaves nothing that a rerun does not put right."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing_recon.cli.app import app
from billing_recon.core.reason import Code
from billing_recon_tests.conftest import FIRST

pytestmark = pytest.mark.long

COMPANY = {"days": 1, "customers": 120, "faults": {Code.PRICE_VERSION: 1, Code.RENDER_VALUE: 1, Code.LEDGER_AMOUNT: 1}}


def typed(home: Path, *words: str) -> str:
    """What the command prints; its modules are loaded once for all of these runs, only the killed one is a process."""
    result = CliRunner().invoke(app, ["--home", str(home), *words], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return result.stdout


def exports(home: Path) -> dict[str, str | bytes]:
    """What a day hands out: the breaks as the command prints them, and the files of its report."""
    report = home / ".state" / "reports" / str(FIRST)
    printed = typed(home, "breaks", "--day", str(FIRST), "--format", "json")
    return {"breaks": printed, **{p.name: p.read_bytes() for p in sorted(report.iterdir())}}


def wait_until_written(home: Path, table: str, process: subprocess.Popen[bytes]) -> None:
    """Until the run has begun to write a table (its registry row exists)."""
    database = home / ".state" / "control.db"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if database.is_file():
            try:
                with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as con:
                    seen = con.execute(
                        "SELECT count(*) FROM partition_states WHERE table_name = ? AND day = ?", (table, str(FIRST))
                    ).fetchone()
                if seen and seen[0]:
                    return
            except sqlite3.OperationalError:
                pass  # the schema is not there yet
        time.sleep(0.002)
    pytest.fail(f"the run ended before it wrote {table}")


@pytest.fixture(scope="module")
def undisturbed(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    """What a run that nobody stops hands out."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(simulated(**COMPANY), home)
    typed(home, "run", "--day", str(FIRST))
    handed_out = exports(home)
    assert len(handed_out["breaks"].splitlines()) > 1, "a day without breaks would prove little"
    return handed_out


@pytest.mark.parametrize("step", ["invoice_lines", "expected_lines", "breaks"])
def test_a_run_killed_at_any_step_and_rerun_gives_what_an_undisturbed_run_gives(
    company: Callable[..., Path], undisturbed: dict[str, str | bytes], step: str
) -> None:
    home = company(**COMPANY)
    process = subprocess.Popen(
        [sys.executable, "-m", "billing_recon.cli", "--home", str(home), "run", "--day", str(FIRST)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_written(home, step, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    typed(home, "run", "--day", str(FIRST))
    assert exports(home) == undisturbed
