"""Cloud bills of several makers land as usage and lines: by a shipped mapping, or by one of a few lines in company.yaml."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.compute.engine import session
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.money import Rounding, settle_at
from billing_recon_tests.feeds.desk import Desk

pytestmark = pytest.mark.long

LAST = date(2026, 5, 1)
"""The official examples are of several years; all of them lie before this day."""
FOCUS: dict[str, Any] = {"preset": "focus-1", "path": "bill.csv"}
AS_WRITTEN: dict[str, Any] = {
    "dates": ["iso", "iso_day", "%m/%d/%y"],
    "symbols": ["$"],
    "thousands_mark": ",",
}
"""How the specification's own examples are written, where that is not as it asks."""
NO_CURRENCY = {"columns": {"currency": {"value": "USD"}}}


def examples(realdata: Path) -> list[Path]:
    found = sorted((realdata / "cloud_bills" / "focus_spec").glob("*.csv"))
    assert len(found) == 26
    return found


def figure(text: str) -> Decimal | None:
    plain = text.replace("$", "").replace(",", "").strip()
    return None if plain in ("", "null") else Decimal(plain)


def land(home: Path, bill: Path, table: str, **feed: Any) -> tuple[LandingReport, Desk]:
    shutil.copy(bill, home / f"bill{bill.suffix}")
    desk = Desk(home, currencies=("USD", "CAD"), feeds={table: feed})
    return _land(desk, table), desk


def _land(desk: Desk, table: str) -> LandingReport:
    from billing_recon.core.schema import BY_NAME
    from billing_recon.feeds.landing.pipeline import land as land_table

    return land_table(
        desk.con,
        home=desk.home,
        company=desk.company,
        spec=BY_NAME[table],
        day=LAST,
        lookback_days=2000,
        known_usage=None,
        owner="finance",
    )


def test_each_focus_example_lands_with_what_was_billed(realdata: Path, tmp_path: Path) -> None:
    for bill in examples(realdata):
        with bill.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        currency = {} if "BillingCurrency" in rows[0] else NO_CURRENCY
        report, desk = land(tmp_path, bill, "invoice_lines", **FOCUS | AS_WRITTEN | currency)
        assert report.status is LandingStatus.PRESENT, f"{bill.name}: {report.message}"
        assert (report.rows_in, report.quarantined) == (len(rows), 0), (bill.name, desk.messages())
        distinct = {tuple(row.values()) for row in rows}
        assert report.accepted == len(distinct), bill.name
        billed = sum(
            (figure(dict(zip(rows[0], row, strict=True))["BilledCost"]) or Decimal(0) for row in distinct), Decimal(0)
        )
        ((total, tied),) = desk.rows("sum(total), bool_and(gross - discount - credit + tax = total)")
        assert (total, tied) == (billed, True), bill.name


def test_focus_usage_is_what_was_consumed(realdata: Path, tmp_path: Path) -> None:
    for bill in examples(realdata):
        with bill.open(encoding="utf-8-sig", newline="") as file:
            rows = [tuple(row.items()) for row in csv.DictReader(file)]
        used = [
            amount
            for row in {row for row in rows if dict(row)["ChargeCategory"] == "Usage"}
            if (amount := figure(dict(row)["ConsumedQuantity"])) is not None
        ]
        report, desk = land(tmp_path, bill, "usage_events", **FOCUS | AS_WRITTEN)
        assert report.status in (LandingStatus.PRESENT, LandingStatus.EMPTY), f"{bill.name}: {report.message}"
        assert report.quarantined == 0, (bill.name, desk.messages())
        assert desk.rows("count(*), coalesce(sum(quantity), 0)") == [(len(used), sum(used, Decimal(0)))], bill.name


def test_a_focus_file_as_the_specification_asks_needs_only_its_path(tmp_path: Path) -> None:
    """Taxes and credits are lines of their own; a row given twice is one."""
    header = (
        "InvoiceId,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,"
        "ChargePeriodEnd,ServiceName,SkuId,SkuPriceId,PricingQuantity,ContractedUnitPrice,BilledCost,ConsumedQuantity,x_Team"
    )
    period, hour = "2026-04-01T00:00:00Z,2026-05-01T00:00:00Z", "2026-04-03T10:00:00Z,2026-04-03T11:00:00Z"
    rows = (
        f"INV-1,A-1,USD,{period},Usage,{hour},Compute,vm,vm-1,10,0.12,1.20,10,x",
        f"INV-1,A-1,USD,{period},Usage,{hour},Compute,vm,vm-1,10,0.12,1.20,10,x",
        f"INV-1,A-1,USD,{period},Tax,{hour},Compute,,,,,0.24,,x",
        f"INV-1,A-1,USD,{period},Credit,{hour},Compute,,,,,-0.50,,x",
        f"INV-1,A-1,USD,{period},Gift,{hour},Compute,,,,,1,,x",
    )
    bill = tmp_path / "in.csv"
    bill.write_text("\n".join([header, *rows, ""]))
    report, desk = land(tmp_path, bill, "invoice_lines", **FOCUS)
    assert (report.accepted, report.duplicates, report.quarantined) == (3, 1, 1), report.message
    assert desk.rows("invoice_id, kind, meter, gross, credit, taxable, tax, total, subscription_id") == [
        ("INV-1", "adjustment", "tax", 0, 0, 0, Decimal("0.24"), Decimal("0.24"), "A-1/Compute"),
        ("INV-1", "credit", "charge", 0, Decimal("0.5"), Decimal("-0.5"), 0, Decimal("-0.5"), "A-1/Compute"),
        ("INV-1", "usage", "vm-1", Decimal("1.2"), 0, Decimal("1.2"), 0, Decimal("1.2"), "A-1/Compute"),
    ]
    assert "Gift" in desk.messages()[0]
    report, desk = land(tmp_path, bill, "usage_events", **FOCUS)
    assert desk.rows("customer_id, meter, quantity, CAST(event_time AS VARCHAR)") == [
        ("A-1", "vm-1", Decimal(10), "2026-04-03 10:00:00+00")
    ]
    report, desk = land(tmp_path, bill, "subscriptions", **FOCUS)
    assert desk.rows("subscription_id, plan_id, plan_version, billing_anchor") == [
        ("A-1/Compute", "Compute", "2026-04", date(2026, 4, 1))
    ]


SNAKE = {"bill": "bill", "identity": "identity", "lineItem": "line_item", "pricing": "pricing"}


def test_an_aws_report_in_parquet_lands_as_the_one_in_csv(realdata: Path, tmp_path: Path) -> None:
    bill = realdata / "cloud_bills" / "aws_cur_anonymous.csv"
    as_csv, desk = land(tmp_path, bill, "invoice_lines", preset="aws-cur", path="bill.csv")
    assert as_csv.accepted == 1281, desk.messages()
    columns = "* EXCLUDE (line_id, meter, source_file)"  # an instant in an id is written as the file writes it
    expected = desk.rows(columns)
    with bill.open(newline="") as file:
        header = next(csv.reader(file))

    def renamed(name: str) -> str:
        part, _, rest = name.partition("/")
        return f"{SNAKE[part]}_" + "".join(f"_{c.lower()}" if c.isupper() else c for c in rest).lstrip("_")

    kept = [name for name in header if name.partition("/")[0] in SNAKE]
    kinds = {"UsageAmount": "DOUBLE", "UnblendedCost": "DOUBLE", "Date": "TIMESTAMP"}

    def typed(name: str) -> str:
        kind = next((kind for ending, kind in kinds.items() if name.endswith(ending)), "VARCHAR")
        return f'CAST("{name}" AS {kind}) AS "{renamed(name)}"'

    con = session()
    con.execute("SET preserve_insertion_order = true")
    con.execute(
        f"COPY (SELECT {', '.join(map(typed, kept))} FROM read_csv('{bill}', all_varchar = true)) "
        f"TO '{tmp_path}/typed.parquet' (FORMAT parquet)"
    )
    as_parquet, desk = land(
        tmp_path, tmp_path / "typed.parquet", "invoice_lines", preset="aws-cur-2", path="bill.parquet"
    )
    assert as_parquet.accepted == 1281, as_parquet.message + str(desk.messages()[:1])
    assert desk.rows(columns) == expected


COST = {"sql": "round(figure(coalesce(CostInBillingCurrency, Cost)), 12)"}
"""Azure states up to eighteen decimals; twelve are kept, and rounding to them is said, not done in silence."""
AZURE: dict[str, Any] = {
    "path": "bill.csv",
    "unknown_columns": "ignore",
    "dates": ["%m/%d/%Y"],
    "optional_columns": ["CostInBillingCurrency", "Cost", "BillingCurrencyCode", "BillingCurrency"],
    "columns": {
        "invoice_id": {"sql": "BillingAccountId || '/' || BillingPeriodStartDate"},
        "line_id": {
            "sql": "left(sha256(concat_ws('|', SubscriptionId, Date, MeterId, ResourceId, ChargeType, Quantity, UnitPrice, EffectivePrice, ReservationId, Tags, ProductOrderId)), 16)"
        },
        "customer_id": "BillingAccountId",
        "subscription_id": "SubscriptionId",
        "plan_id": "PublisherType",
        "plan_version": {"value": "ea"},
        "kind": {"column": "ChargeType", "map": {"Usage": "usage", "Purchase": "subscription", "Refund": "adjustment"}},
        "meter": "MeterId",
        "period_start": "BillingPeriodStartDate",
        "period_end": "BillingPeriodEndDate",
        "quantity": {"sql": "round(figure(Quantity), 10)"},
        "unit_price": {"sql": "round(figure(EffectivePrice), 12)"},
        "gross": COST,
        "discount": {"value": "0"},
        "credit": {"value": "0"},
        "taxable": COST,
        "tax_rate": {"value": ""},
        "tax": {"value": "0"},
        "total": COST,
        "currency": {"sql": "coalesce(BillingCurrencyCode, BillingCurrency)"},
        "issued_on": "BillingPeriodEndDate",
        "calculated_at": "BillingPeriodEndDate",
    },
}


@pytest.mark.parametrize(("name", "rows"), [("azure_ea_anonymous.csv", 27), ("EA_ActualCost_Small.csv", 11)])
def test_an_azure_bill_lands_by_a_plain_mapping(realdata: Path, tmp_path: Path, name: str, rows: int) -> None:
    bill = realdata / "cloud_bills" / name
    report, desk = land(tmp_path, bill, "invoice_lines", **AZURE)
    assert report.status is LandingStatus.PRESENT, report.message
    assert (report.rows_in, report.accepted + report.duplicates) == (rows, rows), desk.messages()
    with bill.open(encoding="utf-8-sig", newline="") as file:
        costs = {Decimal(row.get("CostInBillingCurrency") or row["Cost"]) for row in csv.DictReader(file)}
    assert {total for (total,) in desk.rows("total")} == {settle_at(cost, 12, Rounding.HALF_UP) for cost in costs}


def test_a_preset_without_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text("a\n1\n")
    desk = Desk(tmp_path, feeds={"payments": FOCUS})
    report = _land(desk, "payments")
    assert report.status is LandingStatus.REFUSED
    assert (
        "feeds.payments: the preset focus-1 does not cover payments; it covers invoice_lines, subscriptions, usage_events"
        in report.message
    )
