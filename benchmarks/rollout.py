"""Cohorts of a rollout at a million customers: every stage's customers, money and scenarios, and the list that is written."""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from importlib.resources import files
from pathlib import Path

from billing_recon.compute.engine import Limits, build, session
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import COHORTS
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, PAYMENTS, SUBSCRIPTIONS, TableSpec
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.day.rollout.cohorts import register_rules
from billing_recon.day.rollout.state import parse_plan

DAY = date(2026, 3, 3)


def main() -> None:
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    customers = parser.parse_args().customers
    con = session(Limits(threads=2))
    register(con, RUN_PARAMS, [RunParams(day=DAY).row()])
    for table in (SUBSCRIPTIONS, INVOICE_LINES, PAYMENTS, KEY_MAP):
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
    build(con, [one for one in ENGINE_OUTPUT if one.name in ("mapped_keys", "engine_superseded", "engine_lines")])
    build(con, COHORTS)
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


def _fill(con: object, table: TableSpec, rows: int, values: dict[str, str]) -> None:
    own = {"day": f"DATE '{DAY}'", "observed_on": f"DATE '{DAY}'", "source_file": "'f'", "source_row": "n"}
    columns = [c.name for c in table.registered]
    listed = ", ".join({**own, **values}.get(name, "NULL") for name in columns)
    con.execute(f"INSERT INTO {table.name} SELECT {listed} FROM range(1, {rows} + 1) AS made(n)")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
