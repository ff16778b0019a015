"""A shadow review of a large period: every line compared in all stages, beside the line compare of one day.

Each invoice has five lines: a base fee and four meters. One invoice in twenty is on a plan whose first meter gets dearer; one
line in 997 of the new engine is 0.10 off. The period is frozen as its tables in their own types, so landing counts for nothing;
nor does rating (`benchmarks.rating`): 2,000 contracts are rated, and all others have the same usage and the rated lines of these
under their own names.

"The day's line compare" is what a day spends on its pair expected_billed, of the same lines, from rated and billed lines to coded
findings and the population that its control totals count: the relations ENGINE_OUTPUT, BILLS, LINES, RERATING, CODES and EXPECTED_BILLED of
`compute`, timed in the review's own old corner. "The comparison" is every relation of the review after rating: both engines, what
the terms change, parts, scenarios, invoices and causes. "The review" adds reading, sentences and storing.

`python -m benchmarks.shadow 1000000` runs one size, `... 1000000 4` with every fourth invoice on the changed plan.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from benchmarks.measure import WORK, Measurement, measure
from billing_recon.compute import expect
from billing_recon.compute import shadow as relations
from billing_recon.compute.engine import Limits, build
from billing_recon.compute.relation import Relation
from billing_recon.core.schema import INVOICE_LINES, SUBSCRIPTIONS, USAGE_ROLLUP, TableSpec
from billing_recon.core.snapshot import Manifest, PinnedPartition
from billing_recon.day.shadow import corners
from billing_recon.day.shadow.candidate import Opened, Terms, open_candidate
from billing_recon.day.shadow.corners import Bench, Side
from billing_recon.day.shadow.snapshot import Snapshot
from billing_recon.explain.shadow import write_line_texts

INVOICES = 1_000_000
METERS = 4
FIRST, LAST, ISSUED = date(2026, 2, 1), date(2026, 2, 5), date(2026, 2, 3)
ONE_IN = 997
SAMPLE = 2_000
"""So many contracts are rated; the number of invoices is a multiple of it."""
RESULT = WORK / "shadow.json"

_USED = "CAST(100 + hash(i % {sample} * 7 + m) % 900 AS DECIMAL(28,10))"
_PLAN = "CASE WHEN i % {share} = 0 THEN 'changed' ELSE 'same' END"


def freeze(folder: Path, invoices: int, share: int) -> Snapshot:
    """The frozen period as files, and the new engine's lines as `new_lines.parquet`. Every `share`th invoice is on the changed plan."""
    shutil.rmtree(folder, ignore_errors=True)
    config, data = folder / "config", folder / "data"
    (config / "catalog").mkdir(parents=True)
    data.mkdir()
    (config / "catalog" / "plans.yaml").write_text(_catalog("0.01"), encoding="utf-8")
    (config / "company.yaml").write_text(
        "name: large\ncurrencies: [USD]\nfirst_day: 2026-02-01\nhistory_from: 2026-01-01\n", encoding="utf-8"
    )
    (config / "policy.yaml").write_text("{}\n", encoding="utf-8")
    candidate = folder / "home" / "shadow" / "dearer"
    (candidate / "catalog").mkdir(parents=True)
    (candidate / "catalog" / "plans.yaml").write_text(_catalog("0.011", only="changed"), encoding="utf-8")
    (candidate / "candidate.yaml").write_text(
        "purpose: dearer\nowner: pricing\nterms: {catalog: catalog/*.yaml}\nengine: {}\n", encoding="utf-8"
    )
    con = duckdb.connect()
    con.execute(
        f"SET memory_limit = '1GB'; SET threads = 2; SET temp_directory = '{folder / 'spill'}'; SET TimeZone = 'UTC'"
    )
    con.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    plan = _PLAN.format(share=share)
    con.execute(
        f"CREATE VIEW accounts AS SELECT i, lpad(CAST(i AS VARCHAR), 8, '0') AS n, {plan} AS plan_id FROM range({invoices}) AS r(i)"
    )
    con.execute(
        f"CREATE VIEW used AS SELECT *, {_USED.format(sample=SAMPLE)} AS quantity FROM accounts CROSS JOIN range(1, {METERS + 1}) AS m(m)"
    )
    lines = (
        "SELECT i, n, plan_id, 0 AS m, 'subscription' AS kind, NULL AS meter, CAST(1 AS DECIMAL(28,10)) AS quantity, "
        "NULL AS unit_price, CAST(10 AS DECIMAL(38,12)) AS gross FROM accounts UNION ALL "
        "SELECT i, n, plan_id, m, 'usage', 'm' || m, quantity, CAST({price} AS DECIMAL(24,12)), "
        "CAST(round(quantity * CAST({price} AS DECIMAL(8,3)), 2) AS DECIMAL(38,12)) FROM used"
    )
    off = f"CASE WHEN (i * 5 + m) % {ONE_IN} = 3 THEN CAST(0.10 AS DECIMAL(38,12)) ELSE 0 END"
    partitions = [
        _store(
            con, folder, SUBSCRIPTIONS, FIRST,
            "SELECT 'S' || n AS subscription_id, 'C' || n AS customer_id, plan_id, '1' AS plan_version, 'active' AS status, "
            "1 AS quantity, 'USD' AS currency, 'UTC' AS timezone, 'none' AS tax_region, 'all' AS segment, DATE '2026-01-01' AS "
            "billing_anchor, 'month' AS billing_interval, TIMESTAMPTZ '2026-01-01 00:00:00Z' AS valid_from, NULL AS valid_to, "
            "NULL AS contract, 'subscriptions' AS source_file, i AS source_row FROM accounts",
        ),
        _store(
            con, folder, USAGE_ROLLUP, FIRST,
            "SELECT 'S' || n AS subscription_id, 'C' || n AS customer_id, 'm' || m AS meter, quantity, DATE '2026-01-15' AS "
            "usage_day, 1 AS events FROM used",
        ),
        _store(con, folder, INVOICE_LINES, ISSUED, _lines(lines.format(price="0.01"), "0")),
    ]  # fmt: skip
    dearer = (
        "CASE WHEN plan_id = 'changed' AND m = 1 THEN CAST(0.011 AS DECIMAL(8,3)) ELSE CAST(0.01 AS DECIMAL(8,3)) END"
    )
    _copy(con, INVOICE_LINES, ISSUED, _lines(lines.format(price=dearer), off), folder / "new_lines.parquet")
    con.close()
    shutil.rmtree(folder / "spill", ignore_errors=True)
    manifest = Manifest(
        label=str(LAST), first=FIRST, last=LAST, usage_through=(), versions={}, partitions=tuple(partitions), files=(),
        policy_number=1, verdicts={}, closed=True,
    )  # fmt: skip
    return Snapshot(folder, manifest)


def _catalog(price: str, only: str = "") -> str:
    def plan(name: str, first: str) -> str:
        meters = "".join(
            f'      - {{charge_id: m{m}, kind: usage, model: per_unit, meter: m{m}, unit_price: "{first if m == 1 else "0.01"}"}}\n'
            for m in range(1, METERS + 1)
        )
        return (
            f'  - plan_id: {name}\n    plan_version: "1"\n    currency: USD\n    charges:\n'
            f'      - {{charge_id: base, kind: subscription, model: flat, amount: "10"}}\n{meters}'
        )

    return (
        "plans:\n"
        + "".join(plan(n, price) for n in ("same", "changed") if only in ("", n))
        + 'taxes:\n  - {tax_region: none, rate: "0"}\n'
    )


def _lines(source: str, off: str) -> str:
    return (
        "SELECT 'INV' || n AS invoice_id, 'INV' || n || '/' || m AS line_id, 'C' || n AS customer_id, 'S' || n AS subscription_id, "
        "plan_id, '1' AS plan_version, kind, meter, DATE '2026-01-01' AS period_start, DATE '2026-02-01' AS period_end, quantity, "
        f"unit_price, gross + {off} AS gross, 0 AS discount, 0 AS credit, gross + {off} AS taxable, 0 AS tax_rate, 0 AS tax, "
        f"gross + {off} AS total, 'USD' AS currency, DATE '{ISSUED}' AS issued_on, TIMESTAMPTZ '{ISSUED} 20:00:00Z' AS calculated_at, "
        "'invoice' AS invoice_kind, 'issued' AS status, 'control' AS variant, 'all' AS cohort, 'lines' AS source_file, "
        f"i * 5 + m AS source_row FROM ({source})"
    )


def _store(con: duckdb.DuckDBPyConnection, folder: Path, table: TableSpec, day: date, sql: str) -> PinnedPartition:
    inside = Path("data") / table.name / f"day={day}" / "part-0.parquet"
    (folder / inside).parent.mkdir(parents=True)
    rows = _copy(con, table, day, sql, folder / inside, partitioned=True)
    return PinnedPartition(table=table.name, day=day, rows=rows, digest="", files=(str(inside),))


def _copy(
    con: duckdb.DuckDBPyConnection, table: TableSpec, day: date, sql: str, path: Path, *, partitioned: bool = False
) -> int:
    """Write rows in the table's own types; what the SQL does not state is empty, and figures are 0."""
    given = {column[0] for column in con.execute(f"SELECT * FROM ({sql}) LIMIT 0").description or ()}
    states = {"observed_on": f"DATE '{day}'", "day": f"DATE '{day}'"}

    def cell(name: str, kind: str) -> str:
        value = (
            name if name in given else states.get(name, "NULL" if not kind.startswith(("DECIMAL", "BIGINT")) else "0")
        )
        return f"CAST({value} AS {kind}) AS {name}"

    columns = ", ".join(cell(c.name, c.sql_type) for c in table.registered if not (partitioned and c.name == "day"))
    con.execute(f"COPY (SELECT {columns} FROM ({sql})) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    ((rows,),) = con.execute(f"SELECT count(*) FROM '{path}'").fetchall()
    return int(rows)


Times = dict[str, tuple[float, float]]
"""Seconds by the clock and of CPU, by `step: relation` (steps: old, new, both) or by what was done."""


def review(folder: Path, snapshot: Snapshot, memory: str, invoices: int, share: int) -> Times:
    """Carry out a review as `day.shadow.review` does, without its second old corner, and time each relation and step."""
    import pyarrow  # noqa: F401  loaded once, and not part of what is measured

    sample = folder.with_name("shadow_sample")
    sampled, opened, sides = _sides(sample, freeze(sample, SAMPLE, share))
    for side in sides:
        sampled.corner(side)
    bench, opened, sides = _sides(folder, snapshot, memory)
    found: Times = {}
    step = ""

    def add(name: str, begin: tuple[float, float]) -> None:
        before = found.get(name, (0.0, 0.0))
        clock, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        found[name] = (before[0] + clock, before[1] + cpu)

    def timed(con: duckdb.DuckDBPyConnection, chosen: Iterable[Relation]) -> None:
        if chosen is expect.INTERVALS:
            con.execute("CREATE TABLE cut_days (subscription_id VARCHAR)")
            return
        if chosen is expect.RELATIONS:
            rated = sampled.folder / f"expected_{step}.parquet"
            con.execute(_STRETCHED.format(rated=rated, sample=SAMPLE, times=invoices // SAMPLE))
            con.execute(f"CREATE TABLE unrated AS FROM '{sampled.folder / f'unrated_{step}.parquet'}'")
            return
        for relation in chosen:
            begin = _now()
            build(con, [relation])
            add(f"{step}: {relation.name}", begin)
        if chosen is relations.CORNER and step == "old":
            begin = _now()
            con.execute(_POPULATION).fetchall()
            add(f"{step}: expected_billed_assessed", begin)

    def timed_words(*given: Any) -> None:
        begin = _now()
        write_line_texts(*given)
        add("words", begin)

    with patch.multiple(corners, build=timed, write_line_texts=timed_words):
        for side in sides:
            step, begin = side.name, _now()
            bench.corner(side, old=sides[0] if step == "new" else None)
            add(f"corner {side.name}", begin)
        step, begin = "both", _now()
        bench.compose(opened.both_catalogs(snapshot), sides[1].terms, opened.candidate)
        add("compose", begin)
    shutil.rmtree(sample)
    return found


def _sides(folder: Path, snapshot: Snapshot, memory: str = "1536MB") -> tuple[Bench, Opened, tuple[Side, Side]]:
    results = folder / "results"
    results.mkdir(exist_ok=True)
    opened = open_candidate(folder / "home", "dearer")
    old = Side("old", Terms(snapshot.catalog, snapshot.company))
    new = Side("new", opened.terms(snapshot), folder / "new_lines.parquet", None, opened.candidate)
    return Bench(snapshot, results, Limits(memory=memory, spill_dir=str(folder / "spill"))), opened, (old, new)


_STRETCHED = (
    "CREATE TABLE expected_lines AS SELECT * EXCLUDE (n) REPLACE (replace(expected_line_id, subscription_id, 'S' || n) AS expected_line_id, "
    "'S' || n AS subscription_id, 'C' || n AS customer_id) FROM (SELECT rated.*, "
    "lpad(CAST(CAST(substr(subscription_id, 2) AS BIGINT) + {sample} * copy AS VARCHAR), 8, '0') AS n "
    "FROM '{rated}' AS rated CROSS JOIN range({times}) AS r(copy))"
)
"""The rated lines of the sample under every contract's name."""

_POPULATION = (
    "SELECT currency, cohort, variant, status, sum(left_amount), sum(right_amount), sum(left_count), sum(right_count), count(*) "
    "FROM expected_billed_assessed GROUP BY ALL"
)
"""What a day's control totals read of the compared lines."""
NOT_OF_A_DAY = "old: corner"
"""What the old corner needs and a day's compare does not."""


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def summary(found: Times) -> Times:
    """The day's line compare, and the steps of a review that are held against it."""

    def of(*steps: str, without: str = "") -> tuple[float, float]:
        parts = [t for name, t in found.items() if name.split(": ")[0] in steps and name != without]
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    assessed = found["old: expected_billed_assessed"]
    whole = of("corner old", "corner new", "compose")
    return {
        "the day's line compare": of("old", without=NOT_OF_A_DAY),
        "the comparison": _less(of("old", "new", "both"), assessed),
        "of it the old engine": _less(of("old"), assessed),
        "of it the new engine": of("new"),
        "of it what follows from both": of("both"),
        "the sentences of what differs": found["words"],
        "the review": _less(whole, assessed),
    }


def _less(taken: tuple[float, float], part: tuple[float, float]) -> tuple[float, float]:
    return taken[0] - part[0], taken[1] - part[1]


def _main(invoices: int, share: int = 20, memory: str = "1536MB") -> None:
    folder = WORK / "shadow"
    snapshot = freeze(folder, invoices, share)
    found = review(folder, snapshot, memory, invoices, share)
    RESULT.write_text(json.dumps(found), encoding="utf-8")
    for name, (clock, cpu) in found.items():
        print(f"{clock:10.3f} {cpu:10.3f}  {name}")
    summed = summary(found)
    day = summed["the day's line compare"]
    print(f"{'seconds':>10} {'of CPU':>10}  times the day's, of CPU")
    for name, (clock, cpu) in summed.items():
        print(f"{clock:10.3f} {cpu:10.3f}  {clock / day[0]:.2f} {cpu / day[1]:.2f}  {name}")
    with duckdb.connect() as con:
        ((lines, differ),) = con.execute(
            f"SELECT sum(lines), count(*) FILTER (WHERE state <> 'equal') FROM '{folder}/results/shadow_invoices.parquet'"
        ).fetchall()
    print(f"{lines:,} lines, {differ:,} invoices differ")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f} MB at most")


def run(invoices: int = INVOICES) -> list[Measurement]:
    """The day's line compare, the comparison and the whole review of the same lines; on a busy machine, compare the CPU seconds."""
    whole = measure("review", [sys.executable, "-m", "benchmarks.shadow", str(invoices)])
    summed = summary({name: (taken[0], taken[1]) for name, taken in json.loads(RESULT.read_text("utf-8")).items()})
    shutil.rmtree(WORK / "shadow", ignore_errors=True)
    day = summed["the day's line compare"]
    return [
        Measurement(
            what,
            clock,
            whole.peak_mb,
            f"{invoices:,} invoices"
            if what == "the day's line compare"
            else f"{clock / day[0]:.2f} times the day's line compare, {cpu / day[1]:.2f} of CPU",
            cpu,
        )
        for what, (clock, cpu) in summed.items()
    ]


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
