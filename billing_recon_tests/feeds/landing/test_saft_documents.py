"""The invoices and payments of a SAF-T file land as documents and payments, each on its own day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import Desk

PORTUGAL = (Path(__file__).parents[1] / "ledgers" / "portugal.xml").read_text(encoding="utf-8")
"""An invoice of 123.00 on 2 March, a cancelled one of 7.00 on the 3rd, a credit note of 12.30 on the 4th; 123.00 received on the 20th."""
FEEDS: dict[str, Any] = {
    table: {"format": "saft_invoices", "path": "books/{month}.xml", "day_column": "issued_on"}
    for table in ("rendered_invoices", "rendered_lines", "invoice_lines")
} | {"payments": {"format": "saft_payments", "path": "books/{month}.xml", "day_column": "booked_on"}}


def books(home: Path, content: str = PORTUGAL) -> Desk:
    (home / "books").mkdir(exist_ok=True)
    (home / "books/2026-03.xml").write_text(content, encoding="utf-8")
    return Desk(home, feeds=FEEDS)


def landed(desk: Desk, table: str, day: int, columns: str) -> list[tuple[Any, ...]]:
    report = desk.land(table, date(2026, 3, day))
    assert report.equation_holds, report
    assert report.status is not LandingStatus.REFUSED, report.message
    return desk.rows(columns)


def test_invoices_bill_credit_notes_credit_and_cancelled_ones_bill_nothing(tmp_path: Path) -> None:
    desk = books(tmp_path)
    columns = "invoice_id, customer_id, subtotal, tax, total, payable, currency"
    assert {day: landed(desk, "rendered_invoices", day, columns) for day in (2, 3, 4)} == {
        2: [("FT A/1", "C1", Decimal(100), Decimal(23), Decimal(123), Decimal(123), "EUR")],
        3: [],
        4: [("NC A/1", "C1", Decimal(-10), Decimal("-2.3"), Decimal("-12.3"), Decimal("-12.3"), "EUR")],
    }
    message = desk.land("rendered_invoices", date(2026, 3, 3)).message
    assert "1 document bills nothing and has no row: books/2026-03.xml (FT A/2: it is cancelled)" in message


def test_lines_of_the_engine_and_of_the_document_are_the_same(tmp_path: Path) -> None:
    desk = books(tmp_path)
    billed = landed(desk, "invoice_lines", 2, "invoice_id, line_id, kind, gross, tax, total")
    assert billed == [
        ("FT A/1", "1", "usage", Decimal(100), Decimal(0), Decimal(100)),
        ("FT A/1", "tax", "adjustment", Decimal(0), Decimal(23), Decimal(23)),
    ]
    assert landed(desk, "rendered_lines", 2, "line_id, amount") == [("1", Decimal(100))]


@pytest.mark.parametrize(("type_code", "total"), [("FS", 123), ("FR", 123), ("ND", 123), ("TD", -123), ("DA", -123)])
def test_the_type_of_an_invoice_decides_what_it_does(tmp_path: Path, type_code: str, total: int) -> None:
    desk = books(tmp_path, PORTUGAL.replace("<InvoiceType>FT</InvoiceType>", f"<InvoiceType>{type_code}</InvoiceType>"))
    found = landed(desk, "rendered_invoices", 2, "total")
    assert found == [(Decimal(total),)]


def test_a_type_that_is_not_known_is_quarantined(tmp_path: Path) -> None:
    desk = books(tmp_path, PORTUGAL.replace("<InvoiceType>FT</InvoiceType>", "<InvoiceType>XX</InvoiceType>", 1))
    assert landed(desk, "rendered_invoices", 2, "invoice_id") == []
    assert desk.quarantined("reason") == [("BROKEN_DOCUMENT",)]


def test_tax_that_the_customer_withholds_lowers_what_is_payable(tmp_path: Path) -> None:
    withheld = "</DocumentTotals><WithholdingTax><WithholdingTaxAmount>25.00</WithholdingTaxAmount></WithholdingTax>"
    desk = books(tmp_path, PORTUGAL.replace("</DocumentTotals>", withheld, 1))
    assert landed(desk, "rendered_invoices", 2, "total, payable") == [(Decimal(123), Decimal(98))]


def test_findings_are_told_on_the_day_of_their_document_only(tmp_path: Path) -> None:
    desk = books(tmp_path, PORTUGAL.replace("<GrossTotal>12.30</GrossTotal>", "<GrossTotal>12.31</GrossTotal>"))
    messages = {day: desk.land("rendered_invoices", date(2026, 3, day)).message for day in (2, 4)}
    assert {day: "TAX_INCLUSIVE" in message for day, message in messages.items()} == {2: False, 4: True}


def test_receipts_pay_the_invoices_that_they_settle(tmp_path: Path) -> None:
    desk = books(tmp_path)
    assert landed(desk, "payments", 20, "payment_id, kind, customer_id, invoice_id, amount, status") == [
        ("RC A/1", "payment", "C1", "FT A/1", Decimal(123), "succeeded")
    ]
    netted = (
        "<CreditAmount>123.00</CreditAmount></Line><Line><LineNumber>2</LineNumber><SourceDocumentID><OriginatingON>NC A/1"
        "</OriginatingON></SourceDocumentID><DebitAmount>12.30</DebitAmount></Line>"
    )
    desk = books(
        tmp_path,
        PORTUGAL.replace("<CreditAmount>123.00</CreditAmount></Line><DocumentTotals>", netted + "<DocumentTotals>"),
    )
    assert landed(desk, "payments", 20, "payment_id, kind, invoice_id, amount") == [
        ("RC A/1/1", "payment", "FT A/1", Decimal(123)),
        ("RC A/1/2", "refund", "NC A/1", Decimal("12.3")),
    ]
    assert "settles 110.70 of invoices, but is of 123.00" in desk.land("payments", date(2026, 3, 20)).message


def test_a_cancelled_receipt_is_left_out_and_counted(tmp_path: Path) -> None:
    desk = books(tmp_path, PORTUGAL.replace("<PaymentStatus>N<", "<PaymentStatus>A<"))
    report = desk.land("payments", date(2026, 3, 20))
    assert (report.accepted, report.left_out) == (0, 1)


@pytest.mark.parametrize("table", ["rendered_invoices", "payments"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, table: str) -> None:
    for content in ("<Invoice/>", PORTUGAL[: PORTUGAL.index("<SourceDocuments>")] + "</AuditFile>"):
        desk = books(tmp_path, content)
        report = desk.land(table, date(2026, 3, 20))
        assert report.status is LandingStatus.REFUSED, content
