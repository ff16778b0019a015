"""SIGKILL at any point of a promotion or a rollback: afterwards flag files and record agree, and there was one switch or none.

The child process kills itself before or after the n-th thing that it makes durable: a record, a file, a link.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing_recon.control.rollout_records import RolloutStore, Verb
from billing_recon.day import Home
from billing_recon.day.rollout import flags, switch
from billing_recon_tests.day.rollout.launch import NAME, Launch

POINTS = 80
"""More than there are; the child of a point that does not exist ends by itself."""
ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "4"))
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["billing_recon.day.rollout.switch", "billing_recon_tests.day.rollout.launch"])


def _act(home: Path, secrets: dict[str, str], now: datetime, verb: str, point: int) -> None:
    """In the child: open the home and do it, and die at this point."""
    launch = Launch(Home.open(home), secrets, now=now)
    seen = 0

    def passed() -> None:
        nonlocal seen
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **more: Any) -> Any:
            passed()
            result = real(*args, **more)
            passed()
            return result

        return step

    RolloutStore.append = counted(RolloutStore.append)  # type: ignore[method-assign]
    for name in ("replace", "symlink_to"):
        setattr(Path, name, counted(getattr(Path, name)))
    os.fsync = counted(os.fsync)
    if verb == "promotion":
        launch.promote()
    else:
        launch.rollback()


def _killed_at(point: int, launch: Launch, verb: str) -> bool:
    """Do it in a child that is killed at this point; whether it was."""
    child = FORKS.Process(target=_act, args=(launch.home.path, launch.secrets, launch.now, verb, point))
    child.start()
    child.join(120)
    launch.now += timedelta(minutes=5)
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def _made(launch: Launch, before: int, stages_before: tuple[str, ...], stages_after: tuple[str, ...]) -> bool:
    """Complete what was begun; check that record and files agree, and return whether the switch was made."""
    state = switch.opened(launch.home, NAME)
    made = sum(event.verb is Verb.SWITCHED for event in state.events) - before
    assert state.intent is None
    assert made in (0, 1)
    assert state.exposed == (stages_after if made else stages_before)
    if state.spans:
        shown = flags.shown_digest(launch.home, NAME)
        assert shown == flags.digest(flags.contents(launch.home, state, state.exposed))
    assert launch.home.control.verify_audit() == []
    assert switch.opened(launch.home, NAME).last_id == state.last_id
    return bool(made)


@pytest.mark.parametrize("verb", ["promotion", "rollback"])
def test_a_kill_at_any_point_leaves_one_switch_or_none_and_files_that_agree(launch: Launch, verb: str) -> None:
    """Points are spread over the whole switch; BILLING_RECON_ROUNDS=32 takes every one of them."""
    outcomes = set()
    for point in range(1, POINTS, max(1, 32 // ROUNDS)):
        if verb == "rollback" and not launch.state.exposed:
            launch.promote()
        state = launch.state
        before = sum(event.verb is Verb.SWITCHED for event in state.events)
        killed = _killed_at(point, launch, verb)
        made = _made(launch, before, state.exposed, ("internal",) if verb == "promotion" else ())
        outcomes.add(made)
        assert made or killed
        if launch.state.exposed and verb == "promotion":
            launch.rollback()
        if made:
            launch.resume()
        if not killed:
            break
    assert outcomes == {True, False}
