"""Sixty days of the demo's company in one warm process: what a nightly run and a backfill cost."""

from __future__ import annotations

import shutil
from dataclasses import replace

from benchmarks.measure import WORK, Measurement, measure, recon


def run() -> list[Measurement]:
    home = WORK / "loop"
    shutil.rmtree(home, ignore_errors=True)
    company = ["--seed", "11", "--from", "2026-01-01", "--to", "2026-03-01", "--customers", "200"]
    rows = [measure("simulate 60 days, 200 customers", recon("simulate", *company, "--out", str(home)))]
    one = measure("run 1 day (with process start)", recon("--home", str(home), "run", "--day", "2026-01-01"))
    sixty = measure("run 60 days", recon("--home", str(home), "run", "--day", "2026-01-01", "--to", "2026-03-01"))
    warm = (sixty.seconds - one.seconds) / 59
    return [*rows, one, replace(sixty, note=f"one warm day: {warm:.2f} s")]
