"""`python -m quality`: a table of faults injected, found, missed and invented, by code."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code
from billing_recon.simulate import SUPPORTED, known_faults, simulate
from quality import learnt_late
from quality.foreign import write_foreign
from quality.mutations import MUTATIONS, judge, write_mutated
from quality.other_engine import write_company
from quality.scores import DAYS, FIRST, Score, score

MIXED = tuple(code for code in SUPPORTED if code is not Code.UNEXPLAINED)
"""Every fault with a cause. UNEXPLAINED has none, and must not be found if every fault has one."""

KNOWN = Counter(fault.code for fault in known_faults())
WIDE = tuple(fault.name for fault in known_faults() if fault.several)
WIDE_TURNS = 6
"""This many companies have every form for an account or a batch once among them, if there is room."""

Span = tuple[int, date]
"""How many days a company has, and the first of them."""

Make = Callable[[int, int, int, Path], Span]


def simulated(
    seed: int, customers: int, each: int, out: Path, *, by_event: bool = True, in_advance: bool = False
) -> Span:
    """A company with `each` of every fault, its forms in turn, and one in WIDE_TURNS of the forms for an account or a batch;
    fewer of those for which this company has no room."""
    faults: dict[str, int] = {code: each for code in MIXED if each}
    faults |= {form: 1 for form in WIDE[seed % WIDE_TURNS :: WIDE_TURNS] if each}
    while True:
        try:
            last = FIRST + timedelta(days=DAYS - 1)
            simulate(
                seed=seed,
                first=FIRST,
                last=last,
                customers=customers,
                faults=faults,
                out=out,
                by_event=by_event,
                in_advance=in_advance,
            )
            return DAYS, FIRST
        except ConfigurationError as error:
            name = error.problems[0].split(": ")[0]
            faults[name if name in faults else name.split(":")[0]] -= 1


def in_advance(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company that bills base fees and seats in advance, and some contracts learnt late or cut within a day."""
    span = simulated(seed, customers, each, out, in_advance=True)
    learnt_late.add(out, FIRST, DAYS, each=each)
    return span


def other(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company with another engine, see other_engine."""
    span = simulated(seed, customers, 0, out, by_event=False)
    write_company(out, seed, each)
    return span


def by_outsider(seed: int, customers: int, each: int, out: Path) -> Span:
    """A company that shares nothing with the simulator's, see foreign; three subscriptions per customer asked for."""
    span = write_foreign(seed, out, faulty=each > 0, subscriptions=3 * customers)
    return span.days, span.first


def measure(make: Make, customers: int, each: int, seed: int) -> Score:
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        out = Path(folder) / "home"
        return score(out, *make(seed, customers, each, out))


def measure_mutated(customers: int, seed: int) -> Score:
    """A clean company with edited files, see mutations."""
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        out = Path(folder) / "home"
        write_mutated(seed, out, FIRST, FIRST + timedelta(days=DAYS - 1), customers=customers)
        return judge(out, DAYS, FIRST)


def table(result: Score, codes: tuple[str, ...]) -> str:
    """A Markdown table, one row per code."""
    rows = [
        "| code | forms | injected | found | missed | invented | recall | precision |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for code in (*codes, "all"):
        chosen = codes if code == "all" else (code,)
        injected, missed, invented = (
            sum(counts[name] for name in chosen) for counts in (result.injected, result.missed, result.invented)
        )
        found = injected - missed
        rows.append(
            f"| {code} | {_forms(result, code)} | {injected} | {found} | {missed} | {invented} | {_share(found, injected)} | "
            f"{_share(found, found + invented)} |"
        )
    return "\n".join(rows)


def _forms(result: Score, code: str) -> str:
    """How many of a code's forms were injected, of how many there are; `-` for companies without forms."""
    met = len(result.forms) if code == "all" else sum(one == code for one, _ in result.forms)
    known = KNOWN.total() if code == "all" else KNOWN[Code(code)]
    return f"{met} of {known}" if result.forms else "-"


def _share(part: int, whole: int) -> str:
    return "-" if not whole else "100%" if part == whole else f"{1000 * part // whole / 10}%"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m quality",
        description="Simulate companies with every fault mixed, reconcile them day by day, and compare the breaks with "
        "truth.csv by code, entity, day and exact delta.",
    )
    parser.add_argument("--seeds", type=int, default=30, help="companies with faults, seeds 1 to N (default 30)")
    parser.add_argument("--clean", type=int, default=3, help="companies without faults, seeds 1 to N (default 3)")
    parser.add_argument("--other", type=int, default=3, help="companies with another engine, seeds 1 to N (default 3)")
    parser.add_argument("--ahead", type=int, default=3, help="companies that bill in advance, seeds 1 to N (default 3)")
    parser.add_argument(
        "--foreign", type=int, default=3, help="companies written by an outsider, seeds 1 to N (default 3)"
    )
    parser.add_argument("--mutate", type=int, default=3, help="companies with edited files, seeds 1 to N (default 3)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of the seeds (default 1)")
    parser.add_argument("--customers", type=int, default=40)
    parser.add_argument("--each", type=int, default=1, help="faults of each code in a company (default 1)")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 2))
    given = parser.parse_args(arguments)
    failed = False
    runs: tuple[tuple[str, Make, int, int], ...] = (
        ("every fault mixed", simulated, given.seeds, given.each),
        ("no fault", simulated, given.clean, 0),
        ("another engine, its own faults", other, given.other, given.each),
        ("in advance, every fault mixed", in_advance, given.ahead, given.each),
        ("in advance, no fault", in_advance, min(given.ahead, given.clean), 0),
        ("an outsider's company", by_outsider, given.foreign, given.each),
        ("an outsider's company, no fault", by_outsider, given.foreign, 0),
    )
    measured: list[tuple[str, int, Callable[[int], Score]]] = [
        (name, count, partial(measure, make, given.customers, each)) for name, make, count, each in runs
    ]
    measured.append(
        (f"mutated files, {len(MUTATIONS)} mutations", given.mutate, partial(measure_mutated, given.customers))
    )
    with ProcessPoolExecutor(given.workers) as pool:
        for name, count, of_seed in measured:
            if not count:
                continue
            total = Score()
            seeds = range(given.first_seed, given.first_seed + count)
            for seed, result in zip(seeds, pool.map(of_seed, seeds), strict=True):
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
                f"{total.unsummed} breaks with stages that do not sum to the delta\n\n{table(total, codes)}"
            )
            failed = failed or bool(total.missed or total.invented or total.unsummed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
