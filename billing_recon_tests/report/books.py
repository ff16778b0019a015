"""A small company with two days of results in a real warehouse and control database: three breaks and none."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.cli.init import init
from billing_recon.compute.engine import session
from billing_recon.compute.registration import register
from billing_recon.control import VerdictRecord
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, EXPECTED_LINES, INVOICE_LINES, METRICS, TableSpec
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE, evidence_now
from billing_recon.day.home import Home

DAY = date(2026, 3, 2)
QUIET = date(2026, 3, 3)
RUN = "run-of-a-test"

TIERS = [
    {"tier": 1, "above": "0", "up_to": "1000", "units": "1000", "unit_price": "0.02", "flat": "0", "amount": "20"},
    {"tier": 2, "above": "1000", "up_to": None, "units": "500", "unit_price": "0.02", "flat": "0", "amount": "10"},
]
PERIOD = {"period_start": "2026-02-01", "period_end": "2026-03-01", "currency": "EUR"}
EXPECTED = {
    "expected_line_id": "S-1|usage|api_calls|2026-02-01|2026-03-01|team",
    "subscription_id": "S-1",
    "customer_id": "C-1",
    "plan_id": "team",
    "plan_version": "2026-01",
    "charge_id": "api-calls",
    "kind": "usage",
    "meter": "api_calls",
    **PERIOD,
    "due_on": "2026-03-02",
    "decimals": 2,
    "segment": "small",
    "tax_region": "DE",
    "quantity": "1500",
    "unit_price": "0.02",
    "gross_raw": "30",
    "gross": "30",
    "discount_rate": "0",
    "discount_raw": "0",
    "discount": "0",
    "credit": "0",
    "taxable": "30",
    "tax_rate": "0.19",
    "tax_raw": "5.7",
    "tax": "5.70",
    "total": "35.70",
    "late_quantity": "0",
    "duplicate_quantity": "0",
    "superseded_quantity": "0",
    "working": json.dumps(
        {
            "billing_period": ["2026-02-01", "2026-03-01"],
            "steps": {
                "rating": {"model": "graduated", "steps": {"tiers": TIERS}, "proration": None},
                "usage": {},
                "allowance": None,
                "bounds": None,
            },
        }
    ),
}
BILLED = {
    "invoice_id": "INV-81",
    "line_id": "3",
    "customer_id": "C-1",
    "subscription_id": "S-1",
    "plan_id": "team",
    "plan_version": "2025-07",
    "kind": "usage",
    "meter": "api_calls",
    **PERIOD,
    "quantity": "1500",
    "unit_price": "0.03",
    "gross": "45",
    "discount": "0",
    "credit": "0",
    "taxable": "45",
    "tax_rate": "0.19",
    "tax": "8.55",
    "total": "53.55",
    "issued_on": "2026-03-02",
    "calculated_at": "2026-03-02 04:00:00+00",
    "invoice_kind": "invoice",
    "status": "issued",
    "variant": "control",
    "cohort": "all",
    "observed_on": "2026-03-02",
    "source_file": "landing/invoice_lines/2026-03-02.csv",
    "source_row": 17,
}
TOO_DEAR = {
    "break_id": "a1b2c3d4e5f60718",
    "day": "2026-03-02",
    "pair": "expected_billed",
    "level": "line",
    "code": "PRICE_VERSION",
    "disposition": "OPEN",
    "invoice_id": "INV-81",
    "line_id": "3",
    "customer_id": "C-1",
    "subscription_id": "S-1",
    "meter": "api_calls",
    "currency": "EUR",
    "expected": "35.70",
    "billed": "53.55",
    "rendered": "53.55",
    "booked": "53.55",
    "delta": "17.85",
    "stage_deltas": json.dumps({"TAX_BASE": "2.85", "PRICE_VERSION": "15.00"}),
    "explanation": "C-1 was charged 0.03 an api_call of plan team 2025-07; the contract says 0.02 (2026-01).",
    "owner": "billing-platform",
    "source_system": "billing-engine",
    "evidence": json.dumps({"expected_line_id": EXPECTED["expected_line_id"], "terms_version": "2026-01"}),
}
UNBOOKED = {
    "break_id": "b7",
    "day": "2026-03-02",
    "pair": "billed_booked",
    "level": "invoice",
    "code": "LEDGER_MISSING",
    "disposition": "OPEN",
    "invoice_id": "INV-82",
    "customer_id": "C-2",
    "currency": "JPY",
    "billed": "1050",
    "delta": "-1050",
    "stage_deltas": json.dumps({"LEDGER_MISSING": "-1050"}),
    "explanation": 'Invoice INV-82 of 1050 JPY has no posting; "due" since 2026-03-01.',
    "owner": "accounting",
    "source_system": "erp",
    "evidence": "{}",
}
UNMETERED = {
    "break_id": "c9",
    "day": "2026-03-02",
    "pair": "metered_used",
    "level": "account",
    "code": "USAGE_MISSING",
    "disposition": "OPEN",
    "customer_id": "C-1",
    "subscription_id": "S-1",
    "meter": "api_calls",
    "delta": "-12.5",
    "stage_deltas": json.dumps({"USAGE_MISSING": "-12.5"}),
    "explanation": "The engine metered 12.5 api_calls less than <b>S-1</b> used on 2026-02-28.",
    "owner": "metering",
    "source_system": "billing-engine",
    "evidence": "{}",
}
TOTALS = {"cohort": "all", "variant": "control", "matched": 10, "pending": 3, "pending_amount": "44"}
CONTROL = [
    {**TOTALS, "pair": "expected_billed", "currency": "EUR", "left_count": 12, "right_count": 12, "left_amount": "1234567.5",
     "right_amount": "1234585.35", "delta": "17.85", "breaks": 1, "break_net": "17.85", "break_gross": "17.85"},
    {**TOTALS, "pair": "billed_booked", "currency": "JPY", "left_count": 4, "right_count": 3, "left_amount": "9050",
     "right_amount": "8000", "delta": "-1050", "breaks": 1, "break_net": "-1050", "break_gross": "1050"},
]  # fmt: skip
MEASURED = [
    {"metric": "actual_invoices", "cohort": "all", "variant": "control", "value": "16"},
    {"metric": "total_billed", "currency": "EUR", "cohort": "all", "variant": "control", "value": "1234585.35"},
    {"metric": "total_billed", "currency": "JPY", "cohort": "all", "variant": "control", "value": "9050"},
    {"metric": "quarantined_money", "cohort": "all", "variant": "control", "value": "0"},
    {"metric": "expected_invoices", "currency": "EUR", "cohort": "all", "variant": "control", "value": "12"},
    {"metric": "tickets", "cohort": "all", "variant": "control"},
]


def put(con: duckdb.DuckDBPyConnection, home: Home, spec: TableSpec, day: date, rows: list[dict[str, object]]) -> None:
    """Replace a partition by rows written as text, typed by the table's own definition; a column left out is empty."""
    register(con, spec, rows)
    home.write(con, spec, day, RUN)


def keep_books(path: Path) -> Home:
    """A home with 2026-03-02 (FAIL, three breaks) and 2026-03-03 (PASS, none), judged on current evidence."""
    init(path)
    home = Home.open(path, actor="tester")
    con = session()
    for day, breaks in ((DAY, [UNMETERED, TOO_DEAR, UNBOOKED]), (QUIET, [])):
        put(con, home, BREAKS, day, breaks)
        put(con, home, EXPECTED_LINES, day, [EXPECTED] if breaks else [])
        billed = [BILLED] if breaks else []
        put(con, home, INVOICE_LINES, day, billed)
        put(con, home, CONTROL_TOTALS, day, CONTROL if breaks else [{**CONTROL[0], "delta": 0, "breaks": 0}])
        put(con, home, METRICS, day, MEASURED)
        home.control.record_landing(
            LandingReport(
                "invoice_lines",
                day,
                LandingStatus.PRESENT,
                rows_in=len(billed) + 3,
                accepted=len(billed),
                quarantined=2,
                duplicates=1,
                files=((f"landing/invoice_lines/{day}.csv", "ab" * 32),),
                reasons={"unknown_currency": 2},
            ),
            RUN,
        )
        judge(home, day)
    con.close()
    return home


def judge(home: Home, day: date) -> VerdictRecord:
    """A verdict as the gate would record it: FAIL with breaks, PASS without."""
    evidence = evidence_now(home, day)
    assert evidence is not None
    if day == DAY:
        verdict = Verdict.FAIL
        conditions = (
            Condition("layers", Verdict.PASS, "Every required layer came.", "7", "7"),
            Condition("breaks", Verdict.FAIL, "3 open breaks; the policy allows 0.", "3", "0"),
        )
    else:
        verdict, conditions = Verdict.PASS, (Condition("breaks", Verdict.PASS, "No open break.", "0", "0"),)
    return home.control.record_verdict(
        VerdictRecord(DAY_GATE, str(day), verdict, evidence, home.policy_number, "0.1.0", conditions, RUN)
    )
