"""The day's metrics: every name is there, and one without a population has no value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon.compute.metrics import RELATIONS
from billing_recon_tests.compute.reconcile.world import DAY, World

DOC = Path(__file__).parents[2] / "docs" / "metrics.md"


def named() -> list[str]:
    """The metrics that the SQL names, in its order."""
    (metrics,) = RELATIONS
    return re.findall(r"'(\w+)'", metrics.sql[: metrics.sql.index("]) AS metric")])


def test_every_entry_is_a_named_metric_and_documented() -> None:
    (metrics,) = RELATIONS
    entries = re.findall(r"(?:figure|rate_of)\(\s*'(\w+)'", metrics.sql)
    documented = [
        name
        for line in DOC.read_text("utf-8").splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert sorted(named()) == sorted(set(entries)) == sorted(documented)


def test_every_metric_has_a_row_and_an_empty_day_has_no_data() -> None:
    outcome = World().run().measured()
    rows = outcome.rows("FROM metrics")
    assert sorted(row["metric"] for row in rows) == sorted(named())
    assert {row["metric"] for row in rows if row["value"] is not None} == {"quarantined_rows", "quarantined_money"}
    types = dict(
        outcome.con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'metrics'"
        ).fetchall()
    )
    assert types["value"] == types["numerator"] == "DECIMAL(38,12)"


def test_a_days_figures() -> None:
    world = World()
    for n, gross in enumerate(("180", "198", "180", "180")):
        line = world.expect(f"S{n}")
        row = world.bill(f"INV-{n}", line, **world.refigure(line, gross))
        if n < 2:
            world.document(row, f"D{n}")
            world.journal(row, f"J{n}")
    world.payment(row, "P1", "100.00")
    world.payment(row, "P2", "50.00", status="failed")
    world.payment(row, "P3", "20.00", kind="refund")
    world.rows["unbilled_usage"].append(
        {"subscription_id": "S1", "currency": "USD", "quantity": 5, "amount": Decimal("7.50")}
    )
    world.usage(10, DAY, late_events=2, on=DAY)
    world.usage(10, DAY - timedelta(days=3), on=DAY, events=3)
    for kind, status in (
        ("webhook", "failed"),
        ("webhook", "delivered"),
        ("ticket", "open"),
        ("invoice_generation", "succeeded"),
    ):
        world.add("signals", kind=kind, subject=status, status=status, at=datetime.combine(DAY, time(12), UTC))
    world.quarantine("payments", money_at_risk="12.50", currency="USD")
    day = world.run().measured()
    assert {
        name: day.metric(name, "USD")
        for name in (
            "expected_invoices",
            "actual_invoices",
            "total_billed",
            "total_rendered",
            "total_booked",
            "total_paid",
            "total_refunded",
            "total_tax",
            "unbilled_usage",
            "outstanding_ar",
            "capture_rate",
            "invoice_error_rate",
            "money_at_risk_gross",
            "net_delta",
            "max_account_drift",
            "duplicate_invoice_rate",
            "payment_capture_rate",
            "quarantined_money",
        )
    } == {
        "expected_invoices": 4,
        "actual_invoices": 4,
        "total_billed": Decimal("878.22"),
        "total_rendered": Decimal("449.82"),
        "total_booked": Decimal("449.82"),
        "total_paid": 100,
        "total_refunded": 20,
        "total_tax": Decimal("140.22"),
        "unbilled_usage": Decimal("7.50"),
        "outstanding_ar": Decimal("798.22"),
        "capture_rate": Decimal("1.025"),
        "invoice_error_rate": Decimal("0.25"),
        "money_at_risk_gross": Decimal("21.42"),
        "net_delta": Decimal("21.42"),
        "max_account_drift": Decimal("0.1"),
        "duplicate_invoice_rate": 0,
        "payment_capture_rate": Decimal("0.66666667"),
        "quarantined_money": Decimal("12.50"),
    }
    assert {
        name: day.metric(name)
        for name in (
            "late_events",
            "metering_lag_p50",
            "metering_lag_p95",
            "failed_webhooks",
            "tickets",
            "invoice_generation_success_rate",
            "time_to_close",
        )
    } == {
        "late_events": 2,
        "metering_lag_p50": 3,
        "metering_lag_p95": 3,
        "failed_webhooks": 1,
        "tickets": 1,
        "invoice_generation_success_rate": 1,
        "time_to_close": None,
    }


def test_usage_of_a_day_that_has_not_begun_at_the_company_arrived_at_once() -> None:
    world = World()
    world.usage(10, DAY + timedelta(days=1), on=DAY, events=9)
    world.usage(10, DAY - timedelta(days=4), on=DAY, events=1)
    day = world.run().measured()
    assert (day.metric("metering_lag_p50"), day.metric("metering_lag_p95")) == (0, 4)


def test_the_time_to_close_is_that_of_the_month_before_once_it_is_closed() -> None:
    world = World()
    world.closed_after = [3]
    assert world.run().measured().metric("time_to_close") == 3
