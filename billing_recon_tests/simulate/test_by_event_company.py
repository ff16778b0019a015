"""A simulated company with charges by single events, through the days: what the engine bills is what our rating expects."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon import day as steps
from billing_recon.core.schema import EXPECTED_LINES
from billing_recon.day import Home
from billing_recon.simulate import simulate
from billing_recon_tests.day.run import breaks, rows

pytestmark = pytest.mark.long

FIRST = date(2026, 1, 1)
DAYS = 15


def test_users_peaks_payments_and_regions_reconcile_with_their_late_events(tmp_path: Path) -> None:
    out = tmp_path / "home"
    simulate(seed=1, first=FIRST, last=FIRST + timedelta(days=DAYS - 1), customers=1, faults={}, out=out, by_event=True)
    home = Home.open(out)
    last = FIRST + timedelta(days=DAYS - 1)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        steps.land_all(home, steps.LANDED, day, "test")
        steps.roll_up(home, day, "test")
        if number >= DAYS - 5:
            steps.expect(home, day, "test")
            steps.reconcile(home, day, "test")
    begin = last - timedelta(days=4)
    assert breaks(home, begin, last) == []
    own = [
        r for r in rows(home, EXPECTED_LINES, begin, last) if r["subscription_id"].startswith("SUB-9") and r["total"]
    ]
    assert len({r["meter"] for r in own if r["kind"] == "usage"}) >= 4
    assert [r for r in own if r["kind"] == "adjustment"]
    assert not home.warehouse.days("unrated")
