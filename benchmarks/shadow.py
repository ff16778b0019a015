"""A shadow review of a large period: every line compared in all stages, beside the line compare of one day.

Each invoice has five lines: a base fee and four meters. One invoice in twenty is on a plan whose first meter gets dearer; one
line in 997 of the new engine is 0.10 off. The period is frozen as its tables, so rating is timed and counts apart, as
does landing. "The day's line compare" is what a day takes from rated and billed lines to coded findings, of the same lines. "The
review" is that of both engines, of what the terms change, and everything up to causes and sentences.

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
from billing_recon.day.shadow.candidate import Terms, open_candidate
from billing_recon.day.shadow.corners import Bench, Side
from billing_recon.day.shadow.snapshot import Snapshot
from billing_recon.explain.shadow import write_line_texts

INVOICES = 1_000_000
METERS = 4
FIRST, LAST, ISSUED = date(2026, 2, 1), date(2026, 2, 5), date(2026, 2, 3)
ONE_IN = 997
RESULT = WORK / "shadow.json"

_USED = "CAST(100 + hash(i * 7 + m) % 900 AS DECIMAL(28,10))"
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
        f"CREATE VIEW used AS SELECT *, {_USED} AS quantity FROM accounts CROSS JOIN range(1, {METERS + 1}) AS m(m)"
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


def review(folder: Path, snapshot: Snapshot, memory: str) -> dict[str, tuple[float, float]]:
    """Seconds by the clock and of CPU of each part: rating, each corner's compare, what follows from both, and wording."""
    import pyarrow  # noqa: F401  loaded once, and not part of what is measured

    opened = open_candidate(folder / "home", "dearer")
    old, new = Terms(snapshot.catalog, snapshot.company), opened.terms(snapshot)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    bench = Bench(snapshot, results, Limits(memory=memory, spill_dir=str(folder / "spill")))
    found: dict[str, tuple[float, float]] = {}
    built = build

    def timed(con: duckdb.DuckDBPyConnection, chosen: Iterable[Relation]) -> None:
        begin = time.perf_counter(), time.process_time()
        built(con, chosen)
        kind = (
            "compare"
            if chosen is relations.CORNER
            else "rate"
            if chosen in (expect.RELATIONS, expect.INTERVALS)
            else "contracts"
            if chosen is relations.CONTRACTS
            else "put together"
        )
        before = found.get(kind, (0.0, 0.0))
        found[kind] = (before[0] + time.perf_counter() - begin[0], before[1] + time.process_time() - begin[1])

    def timed_words(*given: Any) -> None:
        begin = time.perf_counter(), time.process_time()
        write_line_texts(*given)
        found["words"] = (time.perf_counter() - begin[0], time.process_time() - begin[1])

    timing = patch.multiple(corners, build=timed, write_line_texts=timed_words)
    timing.start()
    empty = results / "none.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * FROM '{folder / 'new_lines.parquet'}' LIMIT 0) TO '{empty}' (FORMAT parquet)")
    for side in (Side("old", old), Side("new", new, folder / "new_lines.parquet", None, opened.candidate)):
        begin = time.perf_counter(), time.process_time()
        rated = found.get("rate", (0.0, 0.0))
        bench.corner(side)
        after = found["rate"]
        found[f"corner {side.name}"] = (
            time.perf_counter() - begin[0] - (after[0] - rated[0]),
            time.process_time() - begin[1] - (after[1] - rated[1]),
        )
        found[f"compare {side.name}"] = found.pop("compare")
    begin = time.perf_counter(), time.process_time()
    bench.compose(opened.both_catalogs(snapshot), new, opened.candidate)
    found["compose"] = (time.perf_counter() - begin[0], time.process_time() - begin[1])
    timing.stop()
    return found


def _main(invoices: int, share: int = 20, memory: str = "1536MB") -> None:
    folder = WORK / "shadow"
    snapshot = freeze(folder, invoices, share)
    found = review(folder, snapshot, memory)
    RESULT.write_text(json.dumps(found), encoding="utf-8")
    for name, (clock, cpu) in found.items():
        print(f"{clock:10.3f} {cpu:10.3f}  {name}")
    with duckdb.connect() as con:
        ((lines, differ),) = con.execute(
            f"SELECT sum(lines), count(*) FILTER (WHERE state <> 'equal') FROM '{folder}/results/shadow_invoices.parquet'"
        ).fetchall()
    print(f"{lines:,} lines, {differ:,} invoices differ")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f} MB at most")


def run(invoices: int = INVOICES) -> list[Measurement]:
    """The day's line compare, the comparison and the whole review of the same lines; on a busy machine, compare the CPU seconds."""
    whole = measure("review", [sys.executable, "-m", "benchmarks.shadow", str(invoices)])
    found: dict[str, Any] = json.loads(RESULT.read_text("utf-8"))
    day = found["compare old"]
    shutil.rmtree(WORK / "shadow", ignore_errors=True)
    rows = [Measurement("the day's line compare", day[0], whole.peak_mb, f"{invoices:,} invoices", day[1])]
    for what, parts in (
        ("the comparison", ("compare old", "compare new", "put together")),
        ("the words of what differs", ("words",)),
        ("the review", ("corner old", "corner new", "compose")),
    ):
        clock, cpu = (sum(found[name][at] for name in parts) for at in (0, 1))
        ratio = f"{clock / day[0]:.2f} times the day's line compare, {cpu / day[1]:.2f} of CPU"
        rows.append(Measurement(what, clock, whole.peak_mb, ratio, cpu))
    return rows


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
