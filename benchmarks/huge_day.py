"""A hundred million usage events and five million invoice lines in one day: every step of the day, and where its time goes.

Not among the benchmarks that `python -m benchmarks` runs by default, since it takes long and needs some 30 GB of disk:
`python -m benchmarks.huge_day [INVOICE_LINES] [EVENTS]`, for example 200000 4000000 for a small one.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks.big_day import DAY, build_home
from benchmarks.measure import WORK, Measurement, measure, table

LINES, EVENTS = 5_000_000, 100_000_000
RESULT = WORK / "huge_day.json"


def run_steps(home: Path) -> dict[str, float]:
    """Seconds of each step of the day, in this process."""
    from billing_recon import day as steps
    from billing_recon.day import Home

    opened, day = Home.open(home), date.fromisoformat(DAY)
    found: dict[str, float] = {}

    def timed(what: str, begin: float) -> None:
        found[what] = time.perf_counter() - begin
        print(f"{found[what]:9.1f}  {what}", flush=True)

    for name in steps.LANDED:
        begin = time.perf_counter()
        steps.land(opened, name, day, "bench")
        timed(f"land {name}", begin)
    for what, step in (
        ("roll up", steps.roll_up),
        ("expect", steps.expect),
        ("reconcile", steps.reconcile),
        ("judge", steps.judge_day),
    ):
        begin = time.perf_counter()
        step(opened, day, "bench")
        timed(what, begin)
    return found


def run(lines: int = LINES, events: int = EVENTS) -> list[Measurement]:
    """The day in a separate process, and its steps."""
    home = WORK / "huge"
    build_home(home, lines // 2, events * 2 // lines)
    whole = measure(
        "the day",
        [sys.executable, "-m", "benchmarks.huge_day", "steps", str(home)],
        f"{events:,} events, {lines:,} lines",
    )
    found = json.loads(RESULT.read_text("utf-8"))
    shutil.rmtree(home, ignore_errors=True)
    slowest = sorted(found.items(), key=lambda step: -step[1])
    return [whole, *(Measurement(f"  {what}", seconds, whole.peak_mb) for what, seconds in slowest if seconds > 0.5)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["steps"]:
        RESULT.write_text(json.dumps(run_steps(Path(sys.argv[2]))), encoding="utf-8")
    else:
        print(table(run(*map(int, sys.argv[1:]))))
