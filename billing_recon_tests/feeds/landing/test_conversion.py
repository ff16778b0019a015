"""A day's invoices as files: each becomes a header and its lines, with our signs and sums; a broken one is set aside alone."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.document import Adjustment, Document, DocumentKind, DocumentLine
from billing_recon.core.landing import LandingStatus
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.landing import conversion
from billing_recon_tests.feeds.desk import DAY, Desk
from billing_recon_tests.feeds.hostile import STRIPE

Desks = Callable[..., Desk]
NS = (
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)


def ubl(
    number: str = "INV-1", kind: str = "Invoice", amount: str = "100.00", price: str = "50", customer: str = "C-1"
) -> str:
    """An invoice or credit note over two pieces, at 19%."""
    quantity = "InvoicedQuantity" if kind == "Invoice" else "CreditedQuantity"
    tax = f"{Decimal(amount) * Decimal('0.19'):.2f}"
    total = f"{Decimal(amount) + Decimal(tax):.2f}"
    return f"""<{kind} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{kind}-2" {NS}>
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity><cbc:RegistrationName>We</cbc:RegistrationName>
</cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID>{customer}</cbc:ID></cac:PartyIdentification>
<cac:PartyLegalEntity><cbc:RegistrationName>They Ltd</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party>
</cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">{amount}</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">{amount}</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">{total}</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">{total}</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:{kind}Line><cbc:ID>1</cbc:ID><cbc:{quantity}>2</cbc:{quantity}>
<cbc:LineExtensionAmount currencyID="EUR">{amount}</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>Calls</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>
</cac:ClassifiedTaxCategory></cac:Item><cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount></cac:Price>
</cac:{kind}Line></{kind}>"""


def documents(desk_of: Desks, *, lines: bool = True, **feed: Any) -> Desk:
    """A desk whose rendered tables come from landing/documents."""
    declared = {"format": "documents"} | feed
    tables = ("rendered_invoices", "rendered_lines") if lines else ("rendered_lines",)
    return desk_of(feeds=dict.fromkeys(tables, declared))


def put(desk: Desk, name: str, content: str | bytes) -> None:
    desk.put(content, table=f"documents/{DAY}", name=name)


def test_a_document_is_a_header_and_its_lines(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    put(desk, "second.xml", ubl("INV-2", customer="C-2"))
    report = desk.land("rendered_invoices")
    assert (report.status, report.rows_in, report.accepted, report.message) == (LandingStatus.PRESENT, 2, 2, "")
    assert desk.rows("document_id, invoice_id, format, customer_id, subtotal, discount, tax, total, payable") == [
        ("INV-1", "INV-1", "ubl", "C-1", 100, 0, 19, 119, 119),
        ("INV-2/second", "INV-2", "ubl", "C-2", 100, 0, 19, 119, 119),
    ]
    folder = f"landing/documents/{DAY}"
    assert desk.rows("source_file, source_row") == [(f"{folder}/INV-1.xml", 1), (f"{folder}/second.xml", 1)]
    assert desk.rows("sha256") == sorted((sha,) for _, sha in report.files)
    assert desk.land("rendered_lines").accepted == 2
    assert desk.rows("document_id, line_no, description, quantity, unit_price, amount, tax_rate, tax") == [
        ("INV-1", 1, "Calls", 2, 50, 100, Decimal("0.19"), None),
        ("INV-2/second", 1, "Calls", 2, 50, 100, Decimal("0.19"), None),
    ]


def test_a_credit_note_carries_the_other_sign(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "CN-1.xml", ubl("CN-1", "CreditNote"))
    desk.land("rendered_invoices")
    assert desk.rows("subtotal, discount, tax, total, payable") == [(-100, 0, -19, -119, -119)]
    desk.land("rendered_lines")
    assert desk.rows("quantity, unit_price, amount, tax_rate") == [(-2, 50, -100, Decimal("0.19"))]


def test_a_broken_document_is_set_aside_alone_and_once(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    put(desk, "INV-2.xml", ubl("INV-2")[:400])
    put(desk, "notes.txt", "call them back")
    report = desk.land("rendered_invoices")
    assert (report.rows_in, report.accepted, report.reasons) == (3, 1, {"BROKEN_DOCUMENT": 2})
    assert desk.quarantined("source_file, source_row, reason, field") == [
        (f"landing/documents/{DAY}/INV-2.xml", 1, "BROKEN_DOCUMENT", None),
        (f"landing/documents/{DAY}/notes.txt", 1, "BROKEN_DOCUMENT", None),
    ]
    assert "notes.txt row 1: the row cannot be read: " in desk.messages()[1]
    report = desk.land("rendered_lines")
    assert (report.rows_in, report.accepted, report.quarantined) == (1, 1, 0)
    assert report.message == "2 documents cannot be read: see rendered_invoices"


COPY = "<cbc:CopyIndicator>true</cbc:CopyIndicator>"
UNKNOWN = "<cbc:InvoiceTypeCode>999</cbc:InvoiceTypeCode>"


def typed(text: str, element: str) -> str:
    """The invoice with an element before its currency."""
    return text.replace("<cbc:DocumentCurrencyCode>", f"{element}<cbc:DocumentCurrencyCode>")


def test_documents_that_bill_nothing_are_counted_and_named_and_are_no_rows(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    put(desk, "INV-1-copy.xml", typed(ubl(), COPY))
    report = desk.land("rendered_invoices")
    assert (report.rows_in, report.accepted) == (1, 1)
    assert report.message == (
        f"1 document bills nothing and has no row: landing/documents/{DAY}/INV-1-copy.xml "
        "(INV-1: it is marked as a copy of a document sent before)"
    )
    report = desk.land("rendered_lines")
    assert (report.accepted, report.message) == (1, ""), "it is said once"


def test_a_day_of_documents_that_bill_nothing_is_empty(desk_of: Desks) -> None:
    desk = documents(desk_of)
    for number in range(12):
        put(desk, f"INV-{number}.xml", typed(ubl(f"INV-{number}"), COPY))
    report = desk.land("rendered_invoices")
    assert (report.status, report.rows_in) == (LandingStatus.EMPTY, 0)
    assert report.message.startswith("12 documents bill nothing and have no row: ")
    assert report.message.endswith("; and 2 more")


def test_a_document_of_an_unknown_type_is_set_aside_alone(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    put(desk, "INV-2.xml", typed(ubl("INV-2"), UNKNOWN))
    report = desk.land("rendered_invoices")
    assert (report.rows_in, report.accepted, report.reasons) == (2, 1, {"BROKEN_DOCUMENT": 1})
    assert "its type code is '999'" in desk.messages()[0]
    assert desk.land("rendered_lines").message == "1 document cannot be read: see rendered_invoices"


def test_what_a_document_does_is_a_column_for_mappings(desk_of: Desks) -> None:
    columns = {"format": {"sql": "effect || ' ' || coalesce(type_code, '-')"}}
    desk = documents(desk_of, columns=columns, where="effect <> 'credits'")
    desk = desk_of(feeds={"rendered_invoices": desk.company.feeds["rendered_invoices"]})
    put(desk, "CN-1.xml", ubl("CN-1", "CreditNote"))
    put(desk, "INV-1.xml", typed(ubl(), UNKNOWN.replace("999", "384")))
    desk.land("rendered_invoices")
    assert desk.rows("invoice_id, format") == [("INV-1", "replaces 384")]


def test_documents_as_the_engines_lines_show_the_same_lines_with_the_same_ids(desk_of: Desks) -> None:
    declared = {"format": "documents"}
    desk = desk_of(feeds=dict.fromkeys(("invoice_lines", "rendered_invoices", "rendered_lines"), declared))
    put(desk, "INV-1.xml", ubl().replace("<cac:TaxTotal>", ALLOWANCE + "<cac:TaxTotal>"))
    desk.land("invoice_lines")
    billed = desk.rows("line_id, gross - discount AS net")
    assert billed == [("1", 100), ("allowance/1", -20), ("rest", 0), ("tax", 0)]
    desk.land("rendered_lines")
    assert desk.rows("line_id, amount") == billed[:2]


ALLOWANCE = (
    "<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>"
    '<cbc:Amount currencyID="EUR">20.00</cbc:Amount></cac:AllowanceCharge>'
)
"""It is in no total of the invoice, so the rest makes up for it in the amount payable."""


def test_lines_alone_set_their_broken_documents_aside_themselves(desk_of: Desks) -> None:
    desk = documents(desk_of, lines=False)
    put(desk, "notes.txt", "call them back")
    assert desk.land("rendered_lines").reasons == {"BROKEN_DOCUMENT": 1}


def test_a_broken_document_that_changes_is_another_row(desk_of: Desks) -> None:
    """A decision on it must not reach what is sent instead."""
    desk = documents(desk_of)
    payloads = []
    for content in ("a", "a", "b"):
        put(desk, "notes.txt", content)
        desk.land("rendered_invoices")
        payloads += desk.quarantined("payload")
    assert payloads[0] == payloads[1] != payloads[2]


def test_a_document_that_does_not_add_up_lands_and_is_reported(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl(price="49"))
    report = desk.land("rendered_invoices")
    assert (report.accepted, report.quarantined) == (1, 0)
    assert report.message.startswith("1 warning on rows that landed (1 LINE_AMOUNT): ")
    ((file, row, code, says),) = desk.rows("source_file, source_row, code, says", of="landed_warnings")
    assert (file, row, code) == (f"landing/documents/{DAY}/INV-1.xml", 1, "LINE_AMOUNT")
    assert "98" in says
    assert desk.land("rendered_lines").message == "", "it is said once"


def test_the_columns_of_documents_are_what_they_state(desk_of: Desks) -> None:
    columns = {"customer_id": "buyer", "invoice_id": {"sql": "replace(number, 'INV-', '')"}, "payable": "tax_inclusive"}
    desk = documents(desk_of, columns=columns, where="kind = 'invoice'")
    desk = desk_of(feeds={"rendered_invoices": desk.company.feeds["rendered_invoices"]})
    put(desk, "INV-1.xml", ubl())
    put(desk, "CN-1.xml", ubl("CN-1", "CreditNote"))
    assert desk.land("rendered_invoices").rows_in == 1
    assert desk.rows("invoice_id, customer_id, payable") == [("1", "They Ltd", 119)]


def test_documents_are_where_the_feed_says_packed_or_not(desk_of: Desks) -> None:
    desk = documents(desk_of, path="in/{day}/**/*.xml*", format="ubl")
    for name, content in (
        ("a/INV-1.xml", ubl().encode()),
        ("b/INV-1.xml.gz", gzip.compress(ubl("INV-9").encode())),
        (".hidden.xml", b"x"),
    ):
        path = desk.home / "in" / str(DAY) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert desk.land("rendered_invoices").accepted == 2, desk.messages()
    assert desk.rows("document_id") == [("INV-1",), ("INV-9/INV-1.xml",)]


def test_another_format_than_the_declared_one_is_broken(desk_of: Desks) -> None:
    desk = documents(desk_of, format="cii")
    put(desk, "INV-1.xml", ubl())
    desk.land("rendered_invoices")
    assert "it is ubl, but the feed's format is cii" in desk.messages()[0]


def test_names_that_are_alike_are_told_apart(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    put(desk, "INV-1.ubl", ubl())
    assert desk.land("rendered_invoices").accepted == 2
    assert desk.rows("document_id") == [("INV-1.ubl",), ("INV-1.xml",)]


def test_a_day_without_documents_has_a_folder_without_files(desk_of: Desks) -> None:
    desk = documents(desk_of)
    assert desk.land("rendered_invoices").status is LandingStatus.MISSING
    (desk.home / "landing" / "documents" / str(DAY)).mkdir(parents=True)
    assert desk.land("rendered_invoices").status is LandingStatus.EMPTY


def test_templates_that_cannot_be_used_refuse_the_day(desk_of: Desks) -> None:
    desk = documents(desk_of)
    put(desk, "INV-1.xml", ubl())
    (desk.home / "templates").mkdir()
    (desk.home / "templates" / "x.yaml").write_text("match: 1\n")
    report = desk.land("rendered_invoices")
    assert report.status is LandingStatus.REFUSED
    assert "templates/x.yaml" in report.message
    report = documents(desk_of, template="y").land("rendered_invoices")
    assert report.status is LandingStatus.REFUSED


def test_documents_are_of_invoices_only(desk_of: Desks) -> None:
    with pytest.raises(ValueError, match="documents, for rendered_invoices, rendered_lines, invoice_lines"):
        desk_of(feeds={"payments": {"format": "documents"}})


def test_each_document_is_read_once_for_both_tables(desk_of: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = documents(desk_of)
    for number in range(20):
        put(desk, f"ONCE-{number}.xml", ubl(f"ONCE-{number}"))
    read: list[str] = []
    really = conversion._rows_of
    monkeypatch.setattr(
        conversion, "_rows_of", lambda path, name, reader: read.append(name) or really(path, name, reader)
    )
    desk.land("rendered_invoices")
    desk.land("rendered_lines")
    assert len(read) == len(set(read)) == 20


def test_landing_again_gives_the_same_rows(desk_of: Desks) -> None:
    results = []
    for _ in range(2):
        desk = documents(desk_of)
        for number in range(5):
            put(desk, f"INV-{number}.xml", ubl(f"INV-{number}", price=str(48 + number)))
        results.append((desk.land("rendered_invoices"), desk.rows(), desk.rows(of="landed_warnings")))
    assert results[0] == results[1]


def stated(**fields: Any) -> Document:
    return Document(
        **(
            {
                "file": "x",
                "format": "pdf",
                "kind": DocumentKind.INVOICE,
                "number": "1",
                "issued_on": None,
                "currency": "EUR",
            }
            | fields
        )
    )


def totals(document: Document) -> tuple[str | None, ...]:
    header = rows_of(document).header
    return tuple(header[f"row_{name}"] for name in ("subtotal", "discount", "tax", "total", "payable"))


LINE = DocumentLine("1", quantity="2", unit_price="60", amount="100.00", adjustments=(Adjustment(False, "20.00"),))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            stated(
                subtotal="100.00",
                tax_exclusive="90.00",
                allowances="15.00",
                charges="5.00",
                tax="9.00",
                tax_inclusive="99.00",
                prepaid="9.00",
                payable="90.00",
                lines=(LINE,),
            ),
            ("120.00", "30.00", "9.00", "99.00", "90.00"),
        ),
        (stated(lines=(LINE,), tax="9.00"), ("120.00", "20.00", "9.00", "109.00", "109.00")),
        (stated(tax_exclusive="100.00", tax_inclusive="119.00"), ("100.00", "0", "19.00", "119.00", "119.00")),
        (stated(tax="19.00", tax_inclusive="119.00"), ("100.00", "0", "19.00", "119.00", "119.00")),
        (
            stated(tax="0", payable="119.00", prepaid="10.00", rounding="-0.50"),
            ("129.50", "0", "0", "129.50", "119.00"),
        ),
        (stated(payable="119.00"), (None, "0", None, "119.00", "119.00")),
        (stated(subtotal="100", tax="19", tax_inclusive="120", payable="120"), ("100", "0", "19", "120", "120")),
        (stated(subtotal="100", tax="19", tax_inclusive="120", payable="121"), ("100", "0", "19", "120", "121")),
        (
            stated(kind=DocumentKind.CREDIT_NOTE, subtotal="-100", tax="0", tax_inclusive="-100", payable="-100"),
            ("-100", "0", "0", "-100", "-100"),
        ),
        (
            stated(kind=DocumentKind.CREDIT_NOTE, subtotal="100", tax="0", tax_inclusive="100", payable="100"),
            ("-100", "0", "0", "-100", "-100"),
        ),
        (stated(format="ubl", payable="119.00", lines=(LINE,)), ("120.00", "20.00", "0", "100.00", "119.00")),
        (
            stated(allowances="5.00", tax_exclusive="95.00", tax="19.00"),
            ("100.00", "5.00", "19.00", "114.00", "114.00"),
        ),
    ],
)
def test_what_is_not_stated_follows_from_what_is(document: Document, expected: tuple[str | None, ...]) -> None:
    assert totals(document) == expected


@pytest.mark.parametrize(
    ("price", "base", "quantity", "unit_price"),
    [
        ("3.00", "100", "250", "0.03"),
        ("3.00", None, "2", "3.00"),
        ("3.00", "1", "2", "3.00"),
        ("10", "3", "6", None),
        ("750.00", "250", "250", None),
        ("3.00", "0", "2", None),
    ],
)
def test_the_price_of_one_unit_is_exact_or_empty(
    price: str, base: str | None, quantity: str, unit_price: str | None
) -> None:
    line = DocumentLine("1", quantity=quantity, base_quantity=base, unit_price=price, amount="1")
    (row,) = rows_of(stated(lines=(line,))).lines
    assert row["row_unit_price"] == unit_price


def test_lines_that_others_hold_are_left_out_and_odd_numbers_replaced() -> None:
    lines = (
        DocumentLine("1", amount="1"),
        DocumentLine("1.1", amount="1", summed=False),
        DocumentLine("01", amount="2"),
    )
    rows = rows_of(stated(lines=lines)).lines
    assert [(row["line_no"], row["row_line_no"], row["row_amount"]) for row in rows] == [
        ("1", "1", "1"),
        ("01", "2", "2"),
    ]


def test_a_company_without_documents_loads_no_xml_library(tmp_path: Any) -> None:
    code = (
        "import sys, datetime, pathlib\n"
        "from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk\n"
        f"desk = Desk(pathlib.Path({str(tmp_path)!r}))\n"
        "assert desk.payments(PAID).accepted == 1\n"
        "loaded = [n for n in ('lxml', 'pypdfium2', 'sqlalchemy', 'adbc_driver_manager', 'pandas') if n in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_status_of_a_document_is_not_that_of_its_lines(tmp_path: Path) -> None:
    """Stripe calls an invoice open or paid; the engine's lines of one that bills are issued."""
    desk = Desk(tmp_path, feeds={"invoice_lines": {"format": "stripe", "path": "{day}.json"}})
    (tmp_path / f"{DAY}.json").write_text(json.dumps(STRIPE | {"status": "open", "livemode": True}))
    assert desk.land("invoice_lines").quarantined == 0
    assert desk.rows("DISTINCT invoice_id, status") == [("ACME-1", "issued")]
