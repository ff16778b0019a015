"""`python -m benchmarks [NAME ...]`: run the benchmarks named, or all, and print one table."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import batches, big_day, close, daily_loop, history, rating, reconcile, shadow, start_up, usage_day
from benchmarks.measure import Measurement, table

BENCHMARKS: dict[str, Callable[[], list[Measurement]]] = {
    "start_up": start_up.run,
    "daily_loop": daily_loop.run,
    "big_day": big_day.run,
    "usage_day": usage_day.run,
    "rating": rating.run,
    "reconcile": reconcile.run,
    "batches": batches.run,
    "shadow": shadow.run,
    "history": history.run,
    "close": close.run,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    for name in chosen:
        print(f"\n{name}", flush=True)
        print(table(BENCHMARKS[name]()), flush=True)
