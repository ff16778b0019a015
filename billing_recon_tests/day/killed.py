"""What is killed in test_killed_at_any_moment: functions that a process of its own runs, and the state that they leave."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from billing_recon import day as steps
from billing_recon.core.errors import GateRefused
from billing_recon.core.schema import BREAKS
from billing_recon.day import Home
from billing_recon.day.audit_chain import audit_problems
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.month_close import close_month
from billing_recon.day.releases import verify_release
from billing_recon.day.stored import TABLES
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import rows, run_day

MONTH = "2026-01"
PROCESSOR_SECONDS = 120
"""More than any of it takes: a process that never ends is killed too."""


def run_the_day(path: Path) -> None:
    home = Home.open(path)
    run_day(home, FIRST)
    with suppress(GateRefused):
        steps.release(home, FIRST, "test")


def close_the_month(path: Path) -> None:
    close_month(Home.open(path), MONTH, "test")


def migrate(path: Path) -> None:
    Home.open(path)


def state(path: Path) -> dict[str, Any]:
    """What the home holds and says, apart from times and ids of runs."""
    home = Home.open(path)
    try:
        released = verify_release(home, FIRST)["verdict"]
    except GateRefused:
        released = "refused"
    judged = home.control.latest_verdict(DAY_GATE, str(FIRST))
    return {
        "partitions": {
            (s.table, s.day): (s.rows, s.digest, s.complete)
            for s in home.control.partition_states(TABLES, FIRST, FIRST)
        },
        "breaks": rows(home, BREAKS, FIRST),
        "verdict": judged and (judged.verdict, judged.evidence_hash, judged.conditions),
        "released": released,
        "month": home.control.month_state(MONTH),
        "closes": [(one.round, one.evidence_hash, one.figures) for one in home.control.month_closes(MONTH)],
        "problems": audit_problems(home)[0],
    }


def child(operation: Callable[[Path], None], path: Path, parent: Connection, seconds: float | None) -> None:
    """Do it and say how much processor time it took, or be killed after `seconds` of it.

    Nothing handles SIGPROF here, so the kernel ends the process in the middle of whatever it does, as SIGKILL would.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds or PROCESSOR_SECONDS)
    begun = time.process_time()
    operation(path)
    signal.setitimer(signal.ITIMER_PROF, 0)
    parent.send(time.process_time() - begun)
