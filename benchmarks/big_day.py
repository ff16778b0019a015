"""A million usage events and 200,000 invoice lines in one day: the daily job, compared with the same totals in pandas."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from benchmarks.measure import WORK, Measurement, measure, python, recon

DAY = "2026-03-03"
EVENTS_PER_SUBSCRIPTION = 10


def build_home(home: Path, subscriptions: int, events_each: int = EVENTS_PER_SUBSCRIPTION) -> None:
    """A home in which every subscription is billed on one day: a flat line and a usage line each, with all later layers."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "catalog").mkdir(parents=True)
    (home / "policies").mkdir()
    (home / "company.yaml").write_text(
        f"name: Big Day\ncurrencies: [USD]\nfirst_day: '{DAY}'\nprofile: {{issue_after_days: 2}}\n"
    )
    (home / "policies/policy.yaml").write_text("owners: {default: finance-operations}\n")
    (home / "catalog/plans.yaml").write_text(
        """plans:
  - plan_id: metered
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "20.00"}
      - {charge_id: calls, kind: usage, meter: calls, model: per_unit, unit_price: "0.0123"}
taxes:
  - {tax_region: DE, rate: "0.19"}
"""
    )
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET enable_progress_bar = false")
    con.execute(f"SET memory_limit = '3GB'; SET temp_directory = '{home / 'spill'}'")
    con.execute(
        f"""
        CREATE TABLE subs AS SELECT 'S' || lpad(n::VARCHAR, 7, '0') AS s, 'C' || lpad(n::VARCHAR, 7, '0') AS c,
            'INV-' || lpad(n::VARCHAR, 7, '0') AS i FROM range({subscriptions}) r(n);
        CREATE TABLE events AS SELECT s || '-' || k AS event_id, 'meter' AS source, c AS customer_id, s AS subscription_id,
            'calls' AS meter, (1 + hash(s || k) % 900)::DECIMAL(28,10) AS quantity,
            TIMESTAMPTZ '2026-02-01 00:00:00Z' + to_seconds((hash(k || s) % 2400000)::BIGINT) AS event_time
          FROM subs, range({events_each}) e(k);
        CREATE TABLE lines AS
          SELECT i AS invoice_id, i || '/1' AS line_id, c AS customer_id, s AS subscription_id, 'subscription' AS kind,
            NULL::VARCHAR AS meter, 1::DECIMAL(28,10) AS quantity, 20::DECIMAL(24,12) AS unit_price, 20::DECIMAL(38,2) AS gross
          FROM subs
          UNION ALL
          SELECT i, i || '/2', c, s, 'usage', 'calls', q, 0.0123::DECIMAL(24,12), round(q * 0.0123::DECIMAL(5,4), 2)::DECIMAL(38,2)
          FROM subs JOIN (SELECT subscription_id AS s, sum(quantity)::DECIMAL(20,0) AS q FROM events GROUP BY 1) USING (s);
        CREATE TABLE invoice AS SELECT invoice_id, any_value(customer_id) AS customer_id, sum(gross)::DECIMAL(38,2) AS net,
            sum(round(gross * 0.19::DECIMAL(3,2), 2))::DECIMAL(38,2) AS tax FROM lines GROUP BY 1;
        """
    )
    tables = {
        "usage_events": "SELECT *, event_time AS received_at FROM events",
        "subscriptions": "SELECT s AS subscription_id, c AS customer_id, 'metered' AS plan_id, '1' AS plan_version, "
        "'active' AS status, 1::DECIMAL(28,10) AS quantity, 'USD' AS currency, 'UTC' AS timezone, 'DE' AS tax_region, "
        "'self_serve' AS segment, DATE '2026-02-01' AS billing_anchor, 'month' AS billing_interval, "
        "TIMESTAMPTZ '2026-02-01 00:00:00Z' AS valid_from, NULL::TIMESTAMPTZ AS valid_to FROM subs",
        "invoice_lines": "SELECT invoice_id, line_id, customer_id, subscription_id, 'metered' AS plan_id, '1' AS plan_version, "
        "kind, meter, DATE '2026-02-01' AS period_start, DATE '2026-03-01' AS period_end, quantity, unit_price, gross, "
        "0::DECIMAL(38,2) AS discount, 0::DECIMAL(38,2) AS credit, gross AS taxable, 0.19::DECIMAL(12,8) AS tax_rate, "
        "round(gross * 0.19::DECIMAL(3,2), 2) AS tax, gross + round(gross * 0.19::DECIMAL(3,2), 2) AS total, 'USD' AS currency, "
        f"DATE '{DAY}' AS issued_on, TIMESTAMPTZ '{DAY} 20:00:00Z' AS calculated_at FROM lines",
        "rendered_invoices": "SELECT 'D-' || invoice_id AS document_id, invoice_id, 'pdf' AS format, "
        f"DATE '{DAY}' AS issued_on, 'USD' AS currency, customer_id, net AS subtotal, 0::DECIMAL(38,2) AS discount, tax, "
        "net + tax AS total, net + tax AS payable, sha256(invoice_id) AS sha256 FROM invoice",
        "rendered_lines": "SELECT 'D-' || invoice_id AS document_id, right(line_id, 1)::BIGINT AS line_no, line_id, "
        "coalesce(meter, 'base') AS description, quantity, unit_price, gross AS amount FROM lines",
        "ledger_entries": f"""
          SELECT invoice_id || '-' || role AS entry_id, 'J-' || invoice_id AS journal_id, DATE '{DAY}' AS posted_on, account, role,
            CASE WHEN role = 'ar' THEN amount ELSE 0 END AS debit, CASE WHEN role = 'ar' THEN 0 ELSE amount END AS credit,
            'USD' AS currency, invoice_id, customer_id
          FROM (SELECT invoice_id, customer_id, '1200' AS account, 'ar' AS role, net + tax AS amount FROM invoice
                UNION ALL SELECT invoice_id, customer_id, '4000', 'revenue', net FROM invoice
                UNION ALL SELECT invoice_id, customer_id, '2200', 'tax_payable', tax FROM invoice)""",
        "payments": "SELECT 'P-' || invoice_id AS payment_id, 'payment' AS kind, customer_id, invoice_id, net + tax AS amount, "
        f"'USD' AS currency, 'succeeded' AS status, TIMESTAMPTZ '{DAY} 21:00:00Z' AS processed_at FROM invoice",
    }
    for name, query in tables.items():
        folder = home / "landing" / name
        folder.mkdir(parents=True)
        con.execute(f"COPY ({query}) TO '{folder / DAY}.parquet' (FORMAT parquet)")
    con.close()
    shutil.rmtree(home / "spill", ignore_errors=True)


PANDAS = """
import pandas as pd
home = {home!r}
read = lambda t: pd.read_parquet(f"{{home}}/landing/{{t}}/{day}.parquet")
events = read("usage_events").drop_duplicates(["source", "event_id"])
used = events.assign(quantity=events.quantity.astype(float)).groupby("subscription_id").quantity.sum()
lines = read("invoice_lines")
usage = lines[lines.kind == "usage"].set_index("subscription_id")
expected = (used * 0.0123).round(2)
print("lines off:", int((usage.gross.astype(float) - expected).abs().gt(0.005).sum()))
totals = lines.assign(total=lines.total.astype(float)).groupby("invoice_id").total.sum().to_frame("billed")
documents = read("rendered_invoices").set_index("invoice_id").payable.astype(float).rename("rendered")
ledger = read("ledger_entries")
booked = ledger[ledger.role == "ar"].set_index("invoice_id").debit.astype(float).groupby(level=0).sum().rename("booked")
both = totals.join([documents, booked], how="outer")
print("invoices off:", int(((both.billed - both.rendered).abs().gt(0.005) | (both.billed - both.booked).abs().gt(0.005)).sum()))
"""


def run() -> list[Measurement]:
    home = WORK / "big"
    build_home(home, 100_000)
    note = "1,000,000 events, 200,000 lines: contracts, roll-up, rating, six pairs, gate, day pack"
    return [
        measure("billing-recon run, one day", recon("--home", str(home), "run", "--day", DAY), note),
        measure(
            "pandas: dedupe, sum, compare in floats",
            python(PANDAS.format(home=str(home), day=DAY)),
            "per-unit lines and invoice totals only; no reasons, no contracts",
        ),
    ]
