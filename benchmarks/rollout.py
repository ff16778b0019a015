"""A rollout at a million customers: every stage's cohort, the list that is written, a stage's facts, and the figures of its page."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import duckdb

from billing_recon.compute.engine import Limits, build, session
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.relation import Relation
from billing_recon.compute.rollout import COHORTS, CORRECTIONS, FIGURES, STAGE, TRAITS
from billing_recon.core.schema import (
    BREAKS,
    DETECTIONS,
    EXPECTED_LINES,
    INVOICE_LINES,
    KEY_MAP,
    LEDGER_ENTRIES,
    PAYMENTS,
    RENDERED_INVOICES,
    SIGNALS,
    SUBSCRIPTIONS,
    TERM_TAXES,
    UNBILLED_USAGE,
    TableSpec,
)
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.core.schema.rollout import ROLLOUT_MEMBERS, ROLLOUTS_WATCHED
from billing_recon.core.schema.stage import CORRECTION_BOUNDS, CORRECTION_PARAMS, STAGE_PARAMS
from billing_recon.day.rollout.cohorts import register_rules
from billing_recon.day.rollout.stage_facts import stage_facts
from billing_recon.day.rollout.state import parse_plan

DAY = date(2026, 3, 3)
LANDED = (SUBSCRIPTIONS, INVOICE_LINES, PAYMENTS, KEY_MAP, SIGNALS, RENDERED_INVOICES, LEDGER_ENTRIES)
COMPUTED = (BREAKS, DETECTIONS, EXPECTED_LINES, UNBILLED_USAGE)


def main() -> None:
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--each", action="store_true", help="the seconds of each relation")
    given = parser.parse_args()
    customers = given.customers
    con = session(Limits(threads=2))
    register(con, RUN_PARAMS, [RunParams(day=DAY).row()])
    for table in (*LANDED, *COMPUTED, TERM_TAXES):
        register(con, table)
    _fill(con, SUBSCRIPTIONS, customers, {
        "subscription_id": "'S-' || n", "customer_id": "'C-' || n", "plan_id": "'plan-' || n % 7", "plan_version": "'1'",
        "status": "'active'", "quantity": "1", "currency": "CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END",
        "timezone": "'UTC'", "tax_region": "CASE WHEN n % 3 = 0 THEN 'DE' ELSE 'US-OR' END",
        "segment": "CASE WHEN n % 1000 = 0 THEN 'internal' ELSE 'smb' END", "billing_anchor": "DATE '2026-01-01'",
        "billing_interval": "'month'", "valid_from": "TIMESTAMPTZ '2026-01-01 00:00:00+00'",
        "contract": "CASE WHEN n % 50 = 0 THEN '{\"minimum\": \"5\", \"cap\": \"90\"}' END",
    })  # fmt: skip
    _fill(con, INVOICE_LINES, customers, {
        "invoice_id": "'INV-' || n", "line_id": "'1'", "customer_id": "'C-' || n", "subscription_id": "'S-' || n",
        "plan_id": "'plan-' || n % 7", "plan_version": "'1'", "kind": "'subscription'",
        "period_start": "DATE '2026-02-01'", "period_end": "DATE '2026-03-01'", "gross": "n % 900", "discount": "0",
        "credit": "0", "taxable": "n % 900", "tax_rate": "0", "tax": "0", "total": "n % 900",
        "currency": "CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END", "issued_on": "DATE '2026-03-03'",
        "calculated_at": "TIMESTAMPTZ '2026-03-03 01:00:00+00'", "invoice_kind": "'invoice'", "status": "'issued'",
        "variant": "'control'", "cohort": "'all'",
    })  # fmt: skip
    plan = parse_plan((files("billing_recon") / "cli" / "new_rollout.yaml").read_text(), "new_rollout.yaml")
    begin, used = time.perf_counter(), time.process_time()
    register_rules(con, plan, DAY)
    _build(
        con,
        [one for one in ENGINE_OUTPUT if one.name in ("mapped_keys", "engine_superseded", "engine_lines")],
        given.each,
    )
    _build(con, (*TRAITS, *COHORTS), given.each)
    sizes = con.execute("SELECT stage, customers FROM cohort_sizes ORDER BY place").fetchall()
    con.execute("FROM cohort_money").fetchall()
    con.execute("FROM cohort_coverage").fetchall()
    print(
        f"cohorts of {customers:,} customers: {time.perf_counter() - begin:.2f} s, "
        f"{time.process_time() - used:.2f} s of CPU on two threads; {sizes}"
    )
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list.parquet"
        con.execute(f"COPY (SELECT customer_id FROM cohort_members WHERE place = 4 ORDER BY customer_id) TO '{file}'")
    print(f"list of the last stage written: {time.perf_counter() - begin:.2f} s")

    _stage(con, customers, given.each)


def _stage(con: duckdb.DuckDBPyConnection, customers: int, each: bool) -> None:
    """A twentieth of the customers exposed for a day, all billed, expected and paid; one bill in a thousand is broken."""
    con.execute(
        f"UPDATE invoice_lines SET variant = 'candidate' WHERE CAST(substr(customer_id, 3) AS INTEGER) <= {customers // 20}"
    )
    _fill(con, EXPECTED_LINES, customers, {
        "expected_line_id": "'E-' || n", "customer_id": "'C-' || n", "subscription_id": "'S-' || n", "due_on": f"DATE '{DAY}'",
        "total": "n % 900", "currency": "CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END",
    })  # fmt: skip
    _fill(con, PAYMENTS, customers, {
        "payment_id": "'P-' || n", "kind": "'payment'", "customer_id": "'C-' || n", "invoice_id": "'INV-' || n", "amount": "n % 900",
        "currency": "CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END", "status": "CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'succeeded' END",
        "processed_at": "TIMESTAMPTZ '2026-03-03 05:00:00+00'", "attempt": "1",
    })  # fmt: skip
    _fill(con, BREAKS, customers // 1000, {
        "break_id": "'B-' || n", "pair": "'expected_billed'", "code": "'PRORATION'", "disposition": "'OPEN'", "delta": "1",
        "invoice_id": "'INV-' || n * 1000", "customer_id": "'C-' || n * 1000", "currency": "'USD'",
    })  # fmt: skip
    register(con, ROLLOUTS_WATCHED, [("r", DAY, None, True)])
    register(con, ROLLOUT_MEMBERS)
    con.execute(
        f"INSERT INTO rollout_members SELECT 'r', 'C-' || n, 's', 'candidate', DATE '{DAY}', NULL, NULL, NULL FROM range(1, {customers // 20} + 1) AS made(n)"
    )
    before = DAY - timedelta(days=1)
    register(con, STAGE_PARAMS, [("r", "s", DAY, DAY, DAY, before - timedelta(days=27), before, False, 1, 0, 5, [])])
    begin, used = time.perf_counter(), time.process_time()
    if each:
        _build(con, STAGE, each)
    facts = stage_facts(con, {})
    print(
        f"facts of a stage of {facts.invoices:,} bills: {time.perf_counter() - begin:.2f} s, "
        f"{time.process_time() - used:.2f} s of CPU on two threads; {len(facts.figures)} figures"
    )
    _page(con, each)


def _page(con: duckdb.DuckDBPyConnection, each: bool) -> None:
    """What the page asks besides the stored verdict: money and breaks of the new path, and corrections that are open."""
    register(
        con, CORRECTION_PARAMS, [("r", DAY, DAY, "void_and_reissue", "credit_note_and_invoice", "refund", 1, 1, False)]
    )
    register(con, CORRECTION_BOUNDS)
    begin, used = time.perf_counter(), time.process_time()
    _build(con, (*FIGURES, *CORRECTIONS), each)
    ((wrong,),) = con.execute("SELECT count(*) FROM correction_progress WHERE state = 'open'").fetchall()
    print(
        f"figures of the page, {wrong:,} open corrections: {time.perf_counter() - begin:.2f} s, "
        f"{time.process_time() - used:.2f} s of CPU on two threads"
    )


def _build(con: duckdb.DuckDBPyConnection, relations: Sequence[Relation], each: bool) -> None:
    if not each:
        build(con, relations)
        return
    for one in relations:
        begin, used = time.perf_counter(), time.process_time()
        build(con, [one])
        print(f"  {one.name}: {time.perf_counter() - begin:.2f} s, {time.process_time() - used:.2f} s of CPU")


def _fill(con: duckdb.DuckDBPyConnection, table: TableSpec, rows: int, values: dict[str, str]) -> None:
    own = {"day": f"DATE '{DAY}'", "observed_on": f"DATE '{DAY}'", "source_file": "'f'", "source_row": "n"}
    columns = [c.name for c in table.registered]
    listed = ", ".join({**own, **values}.get(name, "NULL") for name in columns)
    con.execute(f"INSERT INTO {table.name} SELECT {listed} FROM range(1, {rows} + 1) AS made(n)")


if __name__ == "__main__":
    main()
