"""Days of the demo's company in one warm process: what a nightly run and a backfill cost, next to an empty Dagster job.

The empty job is the floor: as many assets and checks as a day has, with nothing in them, on Dagster's default SQLite
storage. `python -m benchmarks.daily_loop OTHER` compares the checkout OTHER (with an environment in OTHER/.venv) with this
one in alternating runs: the first day in a fresh state from process start, a warm day, and both as ratios.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.measure import WORK, Measurement, measure, recon

ROUNDS = 3
DAYS = 10
WARM_FROM = 5
COMPANY = ["--seed", "11", "--from", "2026-01-01", "--to", "2026-03-01", "--customers", "200"]

_CLOCK = """
import json, resource, sys, time
from datetime import date, timedelta
def clock():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), used.ru_utime + used.ru_stime
marks = [(float(sys.argv[1]), 0.0)]
days = [date(2026, 1, 1) + timedelta(days=n) for n in range(int(sys.argv[2]))]
"""
_OURS = (
    _CLOCK
    + """
from pathlib import Path
from billing_recon.defs.runner import run_days
run_days(Path(sys.argv[3]), days, lambda _: marks.append(clock()))
print(json.dumps(marks))
"""
)
_EMPTY = (
    _CLOCK
    + """
import dagster as dg
from pathlib import Path
Path(sys.argv[3], "dagster.yaml").write_text("telemetry: {enabled: false}")
daily = dg.DailyPartitionsDefinition("2026-01-01")
def made(n):
    checks = [dg.AssetCheckSpec(f"check_{k}", asset=f"asset_{n}", partitions_def=daily) for k in range(2 if n < 5 else 1)]
    @dg.asset(name=f"asset_{n}", deps=[f"asset_{n - 1}"] if n else [], partitions_def=daily, check_specs=checks)
    def empty():
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name=c.name) for c in checks])
    return empty
assets = [made(n) for n in range(16)]
job = dg.Definitions(
    assets=assets, jobs=[dg.define_asset_job("empty", "*")], executor=dg.in_process_executor
).resolve_job_def("empty")
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with dg.DagsterInstance.from_config(sys.argv[3]) as instance:
    for day in days:
        assert job.execute_in_process(instance=instance, partition_key=str(day), run_config=quiet).success
        marks.append(clock())
print(json.dumps(marks))
"""
)


@dataclass(frozen=True, slots=True)
class Days:
    """Seconds of one process: its first day from process start, and its median warm day; each by clock and of CPU."""

    first: tuple[float, float]
    warm: tuple[float, float]


def days(python: str, code: str, folder: Path, *, checkout: Path | None = None, home: Path | None = None) -> Days:
    """Run DAYS days in a process of their own, with a fresh state in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    env = os.environ | {"BILLING_RECON_STATE": str(folder)} | ({"PYTHONPATH": str(checkout)} if checkout else {})
    begin = subprocess.run(
        [sys.executable, "-c", "import time; print(time.monotonic())"], check=True, capture_output=True, text=True
    ).stdout.strip()
    done = subprocess.run(
        [python, "-c", code, begin, str(DAYS), str(home or folder)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    marks = json.loads(done.stdout.splitlines()[-1])
    each = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]
    warm = each[WARM_FROM:]
    return Days(first=each[0], warm=(median(w[0] for w in warm), median(w[1] for w in warm)))


def empty() -> Days:
    """The floor: the empty job."""
    return days(sys.executable, _EMPTY, WORK / "empty")


def run() -> list[Measurement]:
    home = WORK / "loop"
    shutil.rmtree(home, ignore_errors=True)
    rows = [measure("simulate 60 days, 200 customers", recon("simulate", *COMPANY, "--out", str(home)))]
    floor = empty()
    one = measure("run 1 day (with process start)", recon("--home", str(home), "run", "--day", "2026-01-01"))
    sixty = measure("run 60 days", recon("--home", str(home), "run", "--day", "2026-01-01", "--to", "2026-03-01"))
    warm = (sixty.seconds - one.seconds) / 59
    note = f"one warm day: {warm:.2f} s, {warm / floor.warm[0]:.2f} of the empty job's"
    nothing = Measurement("an empty job's warm day (16 assets, 21 checks)", floor.warm[0], 0, cpu_seconds=floor.warm[1])
    return [*rows, nothing, one, replace(sixty, note=note)]


def compare(other: Path, home: Path) -> None:
    """Print the days of `other` and of this checkout in alternating runs, and their ratios."""
    here = Path(__file__).parents[1]
    theirs = str(other / ".venv" / "bin" / "python")
    results: dict[str, list[Days]] = {"empty job": [], "other": [], "this": []}
    for number in range(ROUNDS):
        results["empty job"].append(empty())
        results["other"].append(days(theirs, _OURS, WORK / "other", checkout=other, home=home))
        results["this"].append(days(sys.executable, _OURS, WORK / "this", checkout=here, home=home))
        print(f"round {number + 1} of {ROUNDS}", {name: found[-1] for name, found in results.items()}, flush=True)
    for part, unit in ((0, "s by the clock"), (1, "s of CPU")):
        first = {name: median(d.first[part] for d in found) for name, found in results.items()}
        warm = {name: median(d.warm[part] for d in found) for name, found in results.items()}
        print(f"first day, {unit}: " + ", ".join(f"{name} {value:.2f}" for name, value in first.items()))
        print(f"warm day, {unit}: " + ", ".join(f"{name} {value:.2f}" for name, value in warm.items()))
        print(
            f"first: this / other {first['this'] / first['other']:.2f}; warm: this / other {warm['this'] / warm['other']:.2f}, "
            f"this / empty job {warm['this'] / warm['empty job']:.2f}, other / empty job "
            f"{warm['other'] / warm['empty job']:.2f}"
        )


if __name__ == "__main__":
    company = WORK / "compared"
    if not company.exists():
        measure("simulate", recon("simulate", *COMPANY, "--out", str(company)))
    compare(Path(sys.argv[1]).absolute(), company)
