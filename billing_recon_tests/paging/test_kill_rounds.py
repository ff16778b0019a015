"""A pager that is killed again and again, at any moment, loses no page and invents none. BILLING_RECON_ROUNDS sets how often."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon_tests.paging.conftest import WEBHOOK
from billing_recon_tests.paging.receivers import receiver

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "2"))
DAYS = min(40 + 4 * ROUNDS, 300)
"""Enough that there is something to send in each round; else it ends after a minute in which nothing could be lost."""
PAGER = """
import sys, time
from datetime import UTC, datetime
from billing_recon.control import ControlStore
from billing_recon.core.operations import Paging
from billing_recon_tests.paging.conftest import WEBHOOK, Office, red
office = Office(ControlStore.open(sys.argv[1]), Paging(channels=(WEBHOOK,), group_above=1000), datetime.now(UTC))
green = int(sys.argv[2])
print("ticking", flush=True)
while True:
    office.now = datetime.now(UTC)
    office.tick(*(red(f"2026-{1 + n // 28:02}-{1 + n % 28:02}") for n in range(green, int(sys.argv[3]))))
    time.sleep(0.02)
"""


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_pager_that_is_killed_at_any_moment_tells_each_incident_once_and_its_end_once(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    chance = random.Random(20261130)
    make: Callable[[], str] | None = request.getfixturevalue("new_database") if backend == "postgresql" else None
    url = make() if make else f"sqlite:///{tmp_path / 'control.db'}"
    with receiver() as hook:
        environment = {**os.environ, WEBHOOK.env: hook.url}
        opened = ControlStore.open(url)
        with opened.pages.desk() as desk:
            desk.set_mark("switched on", "2026-01-01T00:00:00.000+00:00")
        for number in range(ROUNDS + 1):
            green = DAYS * number // (ROUNDS + 1)
            program = [sys.executable, "-c", PAGER, url, str(green), str(DAYS)]
            with subprocess.Popen(
                program, env=environment, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
            ) as pager:
                assert pager.stdout is not None
                pager.stdout.readline()
                asked, deadline = hook.asked + chance.randint(1, 8), time.monotonic() + 60
                while hook.asked < asked and time.monotonic() < deadline:
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.1))
                pager.kill()
        # What a killed sender had claimed is free again after a minute; here the claim ends at once.
        _end_claims(opened)
        program = [sys.executable, "-c", PAGER, url, str(DAYS), str(DAYS)]
        with subprocess.Popen(program, env=environment, cwd=Path(__file__).parents[2]) as pager:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and (opened.pages.unfinished() or opened.pages.open_incidents()):
                time.sleep(0.1)
            pager.kill()
        told: dict[str, set[tuple[str, str]]] = {}
        for page in hook.pages:
            told.setdefault(page["incident_key"], set()).add((page["action"], page["page_id"]))
        assert opened.pages.unfinished() == []
        assert opened.pages.open_incidents() == {}
        opened.close()
    assert told, "something was paged"
    for incident, pages in told.items():
        assert sorted(action for action, _ in pages) == ["resolve", "trigger"], (incident, pages)


def _end_claims(opened: ControlStore) -> None:
    from sqlalchemy import update

    from billing_recon.control.schema import pages

    with opened.pages.desk() as desk:
        desk._connection.execute(
            update(pages).where(pages.c.state == "sending").values(due_at="2026-01-01T00:00:00.000+00:00")
        )
