"""A large day reconciled: its lines and invoices, compared with bare comparisons written by hand and with datacompy.

5M engine lines, 5M document lines, 1M invoices with a document and a journal of three entries each, one in 997 off. Both
sides read the same Parquet files in the warehouse's types. The line compare is what it takes from landed lines to coded and
worded differences; the three-way compare what it takes from landed rows to the state and code of every invoice in documents
and ledger, of those too that tie. By hand, both say only which keys differ and by how much; "details" looks at as much of an
invoice as we do. Everything that is reconciled runs in one session, since the relations follow from each other, and each
relation's time counts once. The pass over the engine's lines also hashes their content for the line compare, and counts here.

`python -m benchmarks.reconcile ours 500000 1536MB` profiles one size, relation by relation.
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

import duckdb

from benchmarks.measure import WORK, Measurement, measure
from billing_recon.compute import reconcile
from billing_recon.compute.engine import Limits, build, session
from billing_recon.compute.registration import register
from billing_recon.compute.relation import Relation
from billing_recon.core.reason import Pair
from billing_recon.core.schema import EXPECTED_LINES, KEY_MAP, PAYMENTS, QUARANTINE
from billing_recon.core.schema.parameters import PAIRS_COMPARED, RUN_PARAMS, RunParams

DAY = "2026-03-03"
LINES = 5_000_000
LINES_AN_INVOICE = 5
ONE_IN = 997
RESULT = WORK / "reconcile.json"

_AMOUNT = "DECIMAL(38,12)"
_PLACE = (
    f"DATE '{DAY}' AS observed_on, 'landing/{{0}}/{DAY}.parquet' AS source_file, n AS source_row, DATE '{DAY}' AS day"
)
_CENTS = "CAST(100 + hash(n) % 90000 AS DECIMAL(38,2)) * CAST(0.01 AS DECIMAL(3,2))"
_GROSS, _TAX = f"CAST({_CENTS} AS {_AMOUNT})", f"CAST(round({_CENTS} * CAST(0.19 AS DECIMAL(3,2)), 2) AS {_AMOUNT})"


def write_tables(folder: Path, lines: int) -> None:
    """The day's landed tables as Parquet files in the warehouse's types; `sums` are the invoices' true totals."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    con = duckdb.connect()
    con.execute(f"SET memory_limit = '1GB'; SET threads = 2; SET temp_directory = '{folder / 'spill'}'")
    con.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    per = LINES_AN_INVOICE
    con.execute(
        f"""CREATE TABLE lines AS SELECT n, n // {per} AS i, 'INV-' || lpad(CAST(n // {per} AS VARCHAR), 8, '0') AS invoice_id,
            {_GROSS} AS gross, {_TAX} AS tax FROM range({lines}) AS r(n)"""
    )
    con.execute(
        """CREATE TABLE sums AS SELECT i AS n, invoice_id, CAST(sum(gross) AS DECIMAL(38,12)) AS net,
            CAST(sum(tax) AS DECIMAL(38,12)) AS tax, CAST(sum(gross + tax) AS DECIMAL(38,12)) AS total FROM lines GROUP BY ALL"""
    )
    customer, period = (
        "'C' || right(invoice_id, 8)",
        "DATE '2026-02-01' AS period_start, DATE '2026-03-01' AS period_end",
    )
    off = f"CASE WHEN n % {ONE_IN} = 3 THEN CAST(0.10 AS {_AMOUNT}) ELSE 0 END"
    tables = {
        "invoice_lines": f"""invoice_id, invoice_id || '/' || CAST(n % {per} AS VARCHAR) AS line_id, {customer} AS customer_id,
            'S' || right(invoice_id, 8) AS subscription_id, 'metered' AS plan_id, '1' AS plan_version, 'usage' AS kind,
            'calls' AS meter, {period}, CAST(1 AS DECIMAL(28,10)) AS quantity, CAST(gross AS DECIMAL(24,12)) AS unit_price, gross,
            CAST(0 AS {_AMOUNT}) AS discount, CAST(0 AS {_AMOUNT}) AS credit, gross AS taxable, CAST(0.19 AS DECIMAL(12,8)) AS tax_rate,
            tax, CAST(gross + tax AS {_AMOUNT}) AS total, 'USD' AS currency, DATE '{DAY}' AS issued_on,
            TIMESTAMPTZ '{DAY} 20:00:00Z' AS calculated_at, CAST(NULL AS VARCHAR) AS batch_id, 'invoice' AS invoice_kind,
            'issued' AS status, 'control' AS variant, 'all' AS cohort FROM lines""",
        "rendered_lines": f"""'D-' || invoice_id AS document_id, n % {per} + 1 AS line_no, invoice_id || '/' || CAST(n % {per} AS VARCHAR) AS line_id,
            'calls' AS description, CAST(1 AS DECIMAL(28,10)) AS quantity, CAST(gross AS DECIMAL(24,12)) AS unit_price,
            CAST(gross + {off} AS {_AMOUNT}) AS amount, CAST(0.19 AS DECIMAL(12,8)) AS tax_rate, tax FROM lines""",
        "rendered_invoices": f"""'D-' || invoice_id AS document_id, invoice_id, 'pdf' AS format, DATE '{DAY}' AS issued_on,
            'USD' AS currency, {customer} AS customer_id, net AS subtotal, CAST(0 AS {_AMOUNT}) AS discount, tax, total,
            CAST(total + {off} AS {_AMOUNT}) AS payable, sha256(invoice_id) AS sha256, CAST(NULL AS TIMESTAMPTZ) AS sent_at,
            CAST(NULL AS VARCHAR) AS delivery_status FROM sums""",
        "ledger_entries": f"""invoice_id || '-' || role AS entry_id, 'J-' || invoice_id AS journal_id, DATE '{DAY}' AS posted_on,
            '1200' AS account, role, CASE role WHEN 'ar' THEN CAST(total + {off} AS {_AMOUNT}) ELSE 0 END AS debit,
            CASE role WHEN 'ar' THEN 0 WHEN 'revenue' THEN net ELSE tax END AS credit, 'USD' AS currency, invoice_id,
            {customer} AS customer_id, CAST(NULL AS VARCHAR) AS payment_id, CAST(NULL AS VARCHAR) AS memo
            FROM (SELECT n, invoice_id, net, tax, total, unnest(['ar', 'revenue', 'tax_payable']) AS role FROM sums) AS entries""",
    }
    for name, query in tables.items():
        what, source = query.rsplit(" FROM ", 1) if name != "ledger_entries" else query.split(" FROM ", 1)
        source = source if name != "ledger_entries" else query[query.index("FROM (SELECT") + 5 :]
        what = what if name != "ledger_entries" else query[: query.index("FROM (SELECT")]
        con.execute(
            f"COPY (SELECT {what}, {_PLACE.format(name)} FROM {source}) TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
    con.close()
    shutil.rmtree(folder / "spill", ignore_errors=True)


TABLES = ("invoice_lines", "rendered_invoices", "rendered_lines", "ledger_entries")

EMPTY = (EXPECTED_LINES, KEY_MAP, QUARANTINE, PAYMENTS)

LINE_COMPARE = ("engine_superseded", "rendered_differences", "billed_rendered_findings")
"""Relations that only the line compare needs; the header's findings are worded with them."""

THREE_WAY = (
    "mapped_keys",
    "engine_lines",
    "engine_invoices",
    "set_aside",
    "documents",
    "rendered_ties",
    "rendered_placed",
    "billed_rendered_assessed",
    "nameless_journals",
    "journal_references",
    "journal_matches",
    "journal_shares",
    "booked_ties",
    "booked_tied",
    "invoice_journals",
    "booked_invoices",
    "booked_placed",
    "rendered_booked_placed",
    "booked_findings",
    "booked_assessed",
)
"""Relations that match every invoice with the documents and the ledger."""


Found = dict[str, tuple[float, float]]
"""Seconds by the clock and of CPU, by what was done."""


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(begin: tuple[float, float]) -> tuple[float, float]:
    now = _now()
    return now[0] - begin[0], now[1] - begin[1]


def chosen() -> Iterable[Relation]:
    """The relations of both comparisons and their inputs, in the order of a day's run."""
    names = {*LINE_COMPARE, *THREE_WAY}
    needed = {r.name: r for r in reconcile.RELATIONS}
    waiting = list(names)
    while waiting:
        for name in needed[waiting.pop()].waits_for & set(needed):
            if name not in names:
                names.add(name)
                waiting.append(name)
    return [relation for relation in reconcile.RELATIONS if relation.name in names]


def opened(folder: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """A session as a large day has it: views over the files, two threads, spilling into the folder."""
    con = session(Limits(memory=memory, spill_dir=str(folder / "spill")))
    for name in TABLES:
        con.execute(f"CREATE VIEW {name} AS FROM read_parquet('{folder / name}.parquet')")
    for table in EMPTY:
        register(con, table)
    register(con, RUN_PARAMS, [RunParams(day=date.fromisoformat(DAY), first_day=date(2026, 3, 1)).row()])
    con.execute("CREATE TABLE currencies AS SELECT 'USD' AS currency, 2 AS decimals")
    register(con, PAIRS_COMPARED, [(Pair.BILLED_RENDERED,), (Pair.BILLED_BOOKED,)])
    return con


def ours(folder: Path, memory: str) -> Found:
    """Seconds of each relation, by the clock and of CPU; views are read to their end."""
    con = opened(folder, memory)
    found: Found = {}
    for relation in chosen():
        begin = _now()
        build(con, [relation])
        if not relation.kept and relation.name.endswith("_assessed"):
            con.execute(f"CREATE TABLE read_{relation.name} AS FROM {relation.name}")
        found[relation.name] = _since(begin)
    for name in ("billed_rendered_findings", "booked_findings"):
        (row,) = con.execute(f"SELECT count(*) FROM {name}").fetchall()
        found[f"rows of {name}"] = (row[0], 0)
    return found


LINES_BY_HAND = """
CREATE TABLE by_hand AS
SELECT coalesce(e.invoice_id, n.invoice_id) AS invoice_id, coalesce(e.line_id, n.line_id) AS line_id,
    e.amount AS billed, n.amount AS rendered, coalesce(n.amount, 0) - coalesce(e.amount, 0) AS off
FROM (SELECT invoice_id, line_id, gross - discount AS amount, tax FROM invoice_lines WHERE status = 'issued') AS e
FULL JOIN (
    SELECT d.invoice_id, l.line_id, l.amount, l.tax
    FROM rendered_lines AS l JOIN rendered_invoices AS d ON d.document_id = l.document_id
) AS n ON n.invoice_id = e.invoice_id AND n.line_id = e.line_id
WHERE e.amount IS DISTINCT FROM n.amount OR e.tax IS DISTINCT FROM n.tax"""
TOTALS_BY_HAND = """
CREATE TABLE by_hand AS
SELECT coalesce(e.invoice_id, d.invoice_id, b.invoice_id) AS invoice_id, e.total AS billed, d.payable AS rendered, b.ar AS booked
FROM (SELECT invoice_id, currency, sum(total) AS total FROM invoice_lines WHERE status = 'issued' GROUP BY invoice_id, currency) AS e
FULL JOIN (SELECT invoice_id, currency, sum(payable) AS payable FROM rendered_invoices GROUP BY invoice_id, currency) AS d
    ON d.invoice_id = e.invoice_id AND d.currency = e.currency
FULL JOIN (
    SELECT invoice_id, currency, sum(debit - credit) AS ar FROM ledger_entries WHERE role = 'ar' GROUP BY invoice_id, currency
) AS b ON b.invoice_id = coalesce(e.invoice_id, d.invoice_id) AND b.currency = coalesce(e.currency, d.currency)
WHERE e.total IS DISTINCT FROM d.payable OR e.total IS DISTINCT FROM b.ar"""
DETAILS_BY_HAND = """
CREATE TABLE by_hand AS
SELECT coalesce(e.invoice_id, d.invoice_id, b.invoice_id) AS invoice_id, e.total AS billed, d.payable AS rendered, b.ar AS booked
FROM (
    SELECT invoice_id, currency, min(customer_id) AS customer_id, min(issued_on) AS issued_on, sum(total) AS total,
        sum(gross) AS gross, sum(discount) AS discount, sum(credit) AS credit, sum(tax) AS tax
    FROM invoice_lines WHERE status = 'issued' GROUP BY invoice_id, currency
) AS e
FULL JOIN (
    SELECT invoice_id, currency, min(customer_id) AS customer_id, count(*) AS documents, sum(payable) AS payable,
        sum(subtotal) AS subtotal, sum(discount) AS discount, sum(tax) AS tax
    FROM rendered_invoices GROUP BY invoice_id, currency
) AS d ON d.invoice_id = e.invoice_id AND d.currency = e.currency
FULL JOIN (
    SELECT invoice_id, currency, sum(debit - credit) FILTER (WHERE role = 'ar') AS ar,
        sum(credit - debit) FILTER (WHERE role = 'revenue') AS revenue, sum(credit - debit) FILTER (WHERE role = 'tax_payable') AS tax,
        sum(debit - credit) FILTER (WHERE role = 'customer_credit') AS credits, sum(debit - credit) AS unbalanced,
        min(customer_id) AS customer_id, min(posted_on) AS posted_on, min(journal_id) AS first, max(journal_id) AS last
    FROM ledger_entries GROUP BY invoice_id, currency
) AS b ON b.invoice_id = coalesce(e.invoice_id, d.invoice_id) AND b.currency = coalesce(e.currency, d.currency)
WHERE e.total IS DISTINCT FROM d.payable OR e.total IS DISTINCT FROM b.ar OR d.documents <> 1 OR b.first <> b.last
    OR b.unbalanced <> 0 OR b.revenue <> e.gross - e.discount OR b.tax <> e.tax OR b.credits <> e.credit OR d.subtotal <> e.gross
    OR d.discount <> e.discount OR d.tax <> e.tax OR d.customer_id <> e.customer_id OR b.customer_id <> e.customer_id
    OR date_trunc('month', b.posted_on) <> date_trunc('month', e.issued_on)"""
"""What the three-way comparison covers in addition to totals: tax, net, credits, customers, months, second documents and journals."""

BY_HAND = {"lines by hand": LINES_BY_HAND, "totals by hand": TOTALS_BY_HAND, "details by hand": DETAILS_BY_HAND}


def by_hand(folder: Path, memory: str, which: str) -> Found:
    """Seconds of a bare comparison."""
    con = opened(folder, memory)
    begin = _now()
    con.execute(BY_HAND[which])
    taken = _since(begin)
    (row,) = con.execute("SELECT count(*) FROM by_hand").fetchall()
    return {which: taken, "rows": (row[0], 0)}


DATACOMPY = """
import resource, sys, time, duckdb, polars as pl, datacompy
folder = sys.argv[1]
con = duckdb.connect()
con.execute("SET threads = 2")
billed = con.sql(f"SELECT invoice_id, line_id, gross - discount AS amount, tax FROM '{folder}/invoice_lines.parquet'").pl()
shown = con.sql(f"SELECT d.invoice_id, l.line_id, l.amount, l.tax FROM '{folder}/rendered_lines.parquet' AS l "
    f"JOIN '{folder}/rendered_invoices.parquet' AS d ON d.document_id = l.document_id").pl()
begin, cpu = time.perf_counter(), time.process_time()
found = datacompy.PolarsCompare(billed, shown, join_columns=["invoice_id", "line_id"])
print(found.all_mismatch().height, round(time.perf_counter() - begin, 2), round(time.process_time() - cpu, 2),
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
"""The same frames in datacompy for polars, which compares amounts as floats: differences, wall and CPU seconds, MB.

It is not a dependency: `pip install datacompy polars duckdb pyarrow` into a separate environment, and run this there
with the folder of tables (`write_tables`) as argument.
"""


def run(lines: int = LINES) -> list[Measurement]:
    """Run each in a separate process; seconds are those of the comparison, memory is the whole process's.

    On a busy machine, compare the CPU seconds.
    """
    folder = WORK / "reconcile"
    write_tables(folder, lines)
    rows = [_measured(what, folder, memory) for memory in LIMITS for what in BY_HAND]
    bare = dict(zip(((memory, what) for memory in LIMITS for what in BY_HAND), rows, strict=True))
    for memory in LIMITS:
        whole = measure(f"reconciled ({memory})", _argv("ours", folder, memory))
        found: Found = {name: tuple(taken) for name, taken in json.loads(RESULT.read_text("utf-8")).items()}
        taken = {name: seconds for name, seconds in found.items() if not name.startswith("rows of")}
        for what, parts, compared in (
            ("lines", [taken[name] for name in LINE_COMPARE], "lines by hand"),
            ("totals", [seconds for name, seconds in taken.items() if name not in LINE_COMPARE], "totals by hand"),
            (
                "the same totals",
                [seconds for name, seconds in taken.items() if name not in LINE_COMPARE],
                "details by hand",
            ),
        ):
            clock, cpu = sum(part[0] for part in parts), sum(part[1] for part in parts)
            hand = bare[memory, compared]
            note = f"{clock / hand.seconds:.2f} times {compared}, {cpu / hand.cpu_seconds:.2f} of CPU"
            rows.append(Measurement(f"{what} with codes, within {memory}", clock, whole.peak_mb, note, cpu))
    shutil.rmtree(folder, ignore_errors=True)
    return rows


LIMITS = ("1536MB", "512MB")
"""What DuckDB may hold; it spills beyond."""


def _measured(what: str, folder: Path, memory: str) -> Measurement:
    whole = measure(what, _argv(what, folder, memory))
    found = json.loads(RESULT.read_text("utf-8"))
    clock, cpu = found[what]
    return Measurement(f"{what}, within {memory}", clock, whole.peak_mb, f"{found['rows'][0]:,} keys and no word", cpu)


def _argv(which: str, folder: Path, memory: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.reconcile", which, str(folder), memory]


def _main(which: str, where: str, memory: str = "1536MB") -> None:
    """`which` for a folder of tables, or for a number of lines, for which the tables are written first."""
    folder = Path(where)
    if where.isdigit():
        folder = WORK / f"reconcile_{where}"
        if not folder.exists():
            write_tables(folder, int(where))
    found = ours(folder, memory) if which == "ours" else by_hand(folder, memory, which)
    WORK.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found), encoding="utf-8")
    for name, (clock, cpu) in found.items():
        print(f"{clock:10.3f} {cpu:10.3f}  {name}")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f} MB at most")


if __name__ == "__main__":
    _main(*sys.argv[1:])
