"""`python -m billing_recon_tests.quality`: the table of faults injected, found, missed and invented, by code."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code
from billing_recon.simulate import SUPPORTED, simulate
from billing_recon_tests.quality.foreign import write_foreign
from billing_recon_tests.quality.measuring import DAYS, FIRST, Score, score
from billing_recon_tests.quality.other_hand import write_company

MIXED = tuple(code for code in SUPPORTED if code is not Code.UNEXPLAINED)
"""Every fault with a cause. What has none is UNEXPLAINED, and must not be found where every fault has one."""


Span = tuple[int, date]
"""How many days a company has, and the first of them."""

Make = Callable[[int, int, int, Path], Span]


def simulated(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company with `each` of every fault; fewer of those for which this one has no more room."""
    faults = {code: each for code in MIXED if each}
    while True:
        try:
            last = FIRST + timedelta(days=DAYS - 1)
            simulate(seed=seed, first=FIRST, last=last, customers=customers, faults=faults, out=out)
            return DAYS, FIRST
        except ConfigurationError as error:
            code = Code(error.problems[0].split(":")[0])
            faults[code] -= 1


def other(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company of another make, see other_hand."""
    span = simulated(seed, customers, 0, out)
    write_company(out, seed, each)
    return span


def by_outsider(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company that shares nothing with the simulator's, see foreign; three subscriptions a customer asked for."""
    span = write_foreign(seed, out, faulty=each > 0, subscriptions=3 * customers)
    return span.days, span.first


def measure(make: Make, customers: int, each: int, seed: int) -> Score:
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        out = Path(folder) / "home"
        return score(out, *make(seed, customers, each, out))


def table(result: Score, codes: tuple[str, ...]) -> str:
    """Markdown, one row a code."""
    rows = [
        "| code | injected | found | missed | invented | recall | precision |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for code in (*codes, "all"):
        chosen = codes if code == "all" else (code,)
        injected, missed, invented = (
            sum(counts[name] for name in chosen) for counts in (result.injected, result.missed, result.invented)
        )
        found = injected - missed
        rows.append(
            f"| {code} | {injected} | {found} | {missed} | {invented} | {_share(found, injected)} | "
            f"{_share(found, found + invented)} |"
        )
    return "\n".join(rows)


def _share(part: int, whole: int) -> str:
    return "-" if not whole else "100%" if part == whole else f"{1000 * part // whole / 10}%"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m billing_recon_tests.quality",
        description="Simulate companies with every fault mixed, reconcile them day by day, and hold the breaks against "
        "truth.csv by code, entity, day and exact delta.",
    )
    parser.add_argument("--seeds", type=int, default=30, help="companies with faults, seeds 1 to N (default 30)")
    parser.add_argument("--clean", type=int, default=3, help="companies without faults, seeds 1 to N (default 3)")
    parser.add_argument("--other", type=int, default=3, help="companies of another make, seeds 1 to N (default 3)")
    parser.add_argument("--foreign", type=int, default=3, help="companies of an outsider's, seeds 1 to N (default 3)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of the seeds (default 1)")
    parser.add_argument("--customers", type=int, default=40)
    parser.add_argument("--each", type=int, default=1, help="faults of each code in a company (default 1)")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 2))
    given = parser.parse_args(arguments)
    failed = False
    runs: tuple[tuple[str, Make, int, int], ...] = (
        ("every fault mixed", simulated, given.seeds, given.each),
        ("no fault", simulated, given.clean, 0),
        ("another make, its own faults", other, given.other, given.each),
        ("an outsider's company", by_outsider, given.foreign, given.each),
        ("an outsider's company, no fault", by_outsider, given.foreign, 0),
    )
    with ProcessPoolExecutor(given.workers) as pool:
        for name, make, count, each in runs:
            if not count:
                continue
            total = Score()
            seeds = range(given.first_seed, given.first_seed + count)
            for seed, result in zip(seeds, pool.map(partial(measure, make, given.customers, each), seeds), strict=True):
                total.add(result)
                print(
                    f"{name}: seed {seed}: {result.injected.total()} injected, {result.missed.total()} missed, "
                    f"{result.invented.total()} invented",
                    file=sys.stderr,
                )
                for line in result.details:
                    print(f"  {line}", file=sys.stderr)
            codes = tuple(
                code.value for code in Code if total.injected[code] or total.invented[code] or code is Code.UNEXPLAINED
            )
            print(
                f"\n{name}: {count} companies, {given.customers} customers; "
                f"{total.unsummed} breaks whose stages do not sum\n\n{table(total, codes)}"
            )
            failed = failed or bool(total.missed or total.invented or total.unsummed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
