"""A process killed at any moment of a day, a close or a migration leaves what a rerun makes the undisturbed end state.

Moments are drawn with a seed, as shares of the processor time that an undisturbed process takes, so that the load of the machine
decides nothing. BILLING_RECON_ROUNDS: how many of each.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.signoff import Role
from billing_recon.day import Home
from billing_recon.day.month_evidence import month_evidence
from billing_recon_tests.day import killed
from billing_recon_tests.day.test_earlier_versions import HOMES

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "1"))
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([killed.__name__])


def run(operation: Callable[[Path], None], home: Path, seconds: float | None = None) -> float:
    """Run it in a process of its own, killed after `seconds` of processor time; return how much it took, or 0 if it was killed."""
    parent, child = FORKS.Pipe()
    process = FORKS.Process(target=killed.child, args=(operation, home, child, seconds))
    process.start()
    child.close()
    try:
        took = float(parent.recv())
    except EOFError:
        took = 0.0
    process.join()
    assert process.exitcode == (0 if took else -signal.SIGPROF)
    assert took or seconds, f"{operation.__name__} never ended"
    return took


def prepared(what: str, january: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """The home on which it is tried: a day never run, a month that is signed, a home of an earlier version."""
    folder = tmp_path / "prepared"
    if what == "migrate":
        with tarfile.open(sorted(HOMES.glob("*.tar.xz"))[0]) as archive:
            archive.extractall(folder, filter="data")
        return folder / "home"
    ignored = shutil.ignore_patterns(".state") if what == "run_the_day" else None
    shutil.copytree(january[0], folder, ignore=ignored)
    if what == "close_the_month":
        home = Home.open(folder)
        for approver in home.policy.approvers:
            home.control.sign_off(killed.MONTH, approver.name, Role(approver.role), month_evidence(home, killed.MONTH))
        home.control.close()
    return folder


@pytest.mark.parametrize("what", ["run_the_day", "close_the_month", "migrate"])
def test_a_process_killed_at_any_moment_leaves_what_a_rerun_puts_right(
    what: str, january: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    operation: Callable[[Path], None] = getattr(killed, what)
    template = prepared(what, january, tmp_path)
    undisturbed = Path(shutil.copytree(template, tmp_path / "undisturbed"))
    took = run(operation, undisturbed)
    expected = killed.state(undisturbed)
    assert expected["problems"] == []
    moments = random.Random(what)
    cut = 0
    for number in range(ROUNDS):
        home = Path(shutil.copytree(template, tmp_path / f"round{number}"))
        seconds = moments.random() * took
        cut += not run(operation, home, seconds)
        run(operation, home)
        assert killed.state(home) == expected, f"killed after {seconds:.3f} s of {took:.3f} on the processor"
        shutil.rmtree(home)
    print(f"{what}: {cut} of {ROUNDS} were killed before their end, within {took:.2f} s on the processor")
