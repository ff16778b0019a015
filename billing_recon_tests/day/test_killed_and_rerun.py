"""A process killed at any step leaves nothing that a rerun does not put right."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon_tests.conftest import FIRST

COMMAND = [sys.executable, "-m", "billing_recon.cli", "--home"]
FAULTS = {"PRICE_VERSION": 1, "RENDER_VALUE": 1, "LEDGER_AMOUNT": 1}


def run(home: Path) -> None:
    done = subprocess.run([*COMMAND, str(home), "run", "--day", str(FIRST)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr


def exports(home: Path) -> dict[str, bytes]:
    """What a day hands out: the breaks as the command prints them, and the files of its report."""
    printed = subprocess.run(
        [*COMMAND, str(home), "breaks", "--day", str(FIRST), "--format", "json"], capture_output=True, check=True
    )
    report = home / ".state" / "reports" / str(FIRST)
    return {"breaks": printed.stdout, **{p.name: p.read_bytes() for p in sorted(report.iterdir())}}


def wait_until_written(home: Path, table: str, process: subprocess.Popen[bytes]) -> None:
    """Until the run has begun to write a table (its registry row exists)."""
    database = home / ".state" / "control.db"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if database.is_file():
            try:
                with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as con:
                    seen = con.execute(
                        "SELECT count(*) FROM partition_states WHERE table_name = ? AND day = ?", (table, str(FIRST))
                    ).fetchone()
                if seen and seen[0]:
                    return
            except sqlite3.OperationalError:
                pass  # the schema is not there yet
        time.sleep(0.002)
    pytest.fail(f"the run ended before it wrote {table}")


@pytest.mark.parametrize("step", ["invoice_lines", "usage_rollup", "expected_lines", "breaks", "metrics"])
def test_a_run_killed_at_any_step_and_rerun_gives_what_an_undisturbed_run_gives(
    company: Callable[..., Path], step: str
) -> None:
    undisturbed, killed = company(), company()
    run(undisturbed)
    process = subprocess.Popen(
        [*COMMAND, str(killed), "run", "--day", str(FIRST)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until_written(killed, step, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run(killed)
    assert exports(killed) == exports(undisturbed)
