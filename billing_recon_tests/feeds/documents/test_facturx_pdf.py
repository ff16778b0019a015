"""PDFs with an invoice inside: the XML is read, and the pages are held against it. The PDFs are made here."""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from functools import cache
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject
from reportlab.pdfgen.canvas import Canvas

from billing_recon.core.document import Document, DocumentKind, DocumentUnreadable, Finding
from billing_recon.feeds.documents import page_check, pdf_child, pdf_reader
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon_tests.feeds.documents.invoices import CII, UBL, as_zugferd1, swap

PAGE = (
    "Invoice no. INV-7",
    "Net 19%   27,00   5,13",
    "Net 7%   3,00   0,21",
    "Total without VAT   30,00 EUR",
    "Total   35,34 EUR",
    "Please pay   25,00 EUR",
)


def _pdf(page: tuple[str, ...], files: dict[str, bytes], password: str | None = None) -> bytes:
    """A PDF of one page with these lines of text, and these files inside."""
    drawn = BytesIO()
    canvas = Canvas(drawn)
    for number, line in enumerate(page):
        canvas.drawString(50, 780 - 20 * number, line)
    canvas.rect(10, 10, 20, 20)
    canvas.save()
    writer = PdfWriter(PdfReader(drawn))
    for name, content in files.items():
        writer.add_attachment(name, content)
    if password:
        writer.encrypt(password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _read(data: bytes) -> Document:
    assert recognise(data, "a.pdf") == "facturx"
    return read(data, "a.pdf", "facturx")


def _page_findings(*page: str) -> list[Finding]:
    return [f for f in _read(_pdf(page, {"factur-x.xml": CII.encode()})).findings if f.code.value == "PAGE_TEXT"]


def test_the_invoice_inside_and_the_page_agree():
    got = _read(_pdf(PAGE, {"factur-x.xml": CII.encode()}))
    assert (got.file, got.format, got.number, got.payable, len(got.lines)) == ("a.pdf", "facturx", "INV-7", "25.00", 2)
    assert got.page is not None
    assert "Please pay" in got.page
    assert got.findings == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("factur-x.xml", CII),
        ("ZUGFeRD-invoice.xml", as_zugferd1(CII)),
        ("zugferd-invoice.xml", CII),
        ("xrechnung.xml", UBL),
        ("any other name.XML", CII),
    ],
)
def test_the_invoice_is_found_under_every_name_in_use(name: str, content: str):
    assert _read(_pdf(PAGE, {"notes.xml": b"<notes/>", name: content.encode()})).number == "INV-7"


def test_an_invoice_that_is_only_associated_is_found():
    reader = PdfReader(BytesIO(_pdf(PAGE, {"factur-x.xml": CII.encode()})))
    writer = PdfWriter(reader)
    root = writer.root_object
    listed = root["/Names"]["/EmbeddedFiles"]["/Names"]
    root[NameObject("/AF")] = ArrayObject([listed[1]])
    del root["/Names"]
    out = BytesIO()
    writer.write(out)
    assert _read(out.getvalue()).number == "INV-7"


def test_a_page_that_shows_another_amount_is_found_with_what_it_shows():
    wrong = tuple(line.replace("25,00", "26,00") for line in PAGE)
    (finding,) = _page_findings(*wrong)
    assert (finding.stated, finding.computed) == ("25.00", "26.00")
    assert finding.sentence == (
        "The data states amount payable 25.00 EUR; no page shows it. The closest amount on them is 26.00."
    )


def test_a_page_that_shows_another_number_is_found():
    (finding,) = _page_findings(*(line.replace("INV-7", "INV-71") for line in PAGE))
    assert finding.sentence == "The data states invoice number INV-7; no page shows it."


def test_a_number_with_another_hyphen_is_the_same_number():
    for hyphen in ("\u00ad", "\u2010", "\u2011", "\ufffe"):
        assert (
            page_check.findings(_read(_pdf(PAGE, {"factur-x.xml": CII.encode()})), f"INV{hyphen}7 {' '.join(PAGE[1:])}")
            == ()
        )


def test_a_page_may_show_the_tax_of_each_rate_and_not_their_sum():
    assert _page_findings(*PAGE) == []
    (finding,) = _page_findings(*(line.replace("0,21", "") for line in PAGE))
    assert finding.stated == "5.34"


def test_a_page_need_not_show_a_tax_of_nothing():
    untaxed = Document("a", "cii", DocumentKind.INVOICE, "7", None, "EUR", payable="9.00", tax="0.00")
    assert page_check.findings(untaxed, "Invoice 7: 9,00 EUR") == ()
    assert [f.stated for f in page_check.findings(replace(untaxed, payable="0.00"), "Invoice 7: 9,00 EUR")] == ["0.00"]


def test_a_scan_has_no_text_to_compare_and_says_so_by_an_empty_page():
    got = _read(_pdf((), {"factur-x.xml": CII.encode()}))
    assert got.page is not None
    assert got.page.strip() == ""
    assert got.findings == ()


@pytest.mark.parametrize(
    ("page", "amount", "shown"),
    [
        ("1.234,50", "1234.50", True),
        ("1,234.50", "1234.5", True),
        ("1 234,50 €", "1234.50", True),
        ("1\u202f234,50", "1234.50", True),
        ("1'234.50", "1234.50", True),
        ("1234.50", "1234.50", True),
        ("Total EUR1234.5-", "-1234.50", True),
        ("(1,234.50)", "-1234.50", True),
        ("12 1234,50", "1234.50", True),
        ("21234,50", "1234.50", False),
        ("2.1234,50", "1234.50", False),
        ("1.234,501", "1234.50", False),
        ("1.234,50.1", "1234.50", False),
        ("100,-", "100.00", True),
        ("100", "100.00", True),
        ("100,5", "100.00", False),
        ("plus 19% VAT", "19", False),
        ("plus 19 % VAT", "19.00", False),
        ("0,00", "0", True),
        ("1.000.000,00", "1000000", True),
        (".50", "0.50", False),
    ],
)
def test_amounts_are_found_in_every_usual_writing(page: str, amount: str, shown: bool):
    assert page_check.shows_amount(page, amount) is shown


def test_a_pdf_without_an_invoice_is_left_to_templates():
    plain = _pdf(PAGE, {"notes.xml": b"<notes/>", "drawing.txt": CII.encode()})
    assert recognise(plain, "a.pdf") is None
    with pytest.raises(DocumentUnreadable, match="no electronic invoice inside; read it by a template"):
        read(plain, "a.pdf", "facturx")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_pdf(PAGE, {"order-x.xml": b"<order/>"}), "an order, not an invoice"),
        (_pdf(PAGE, {"factur-x.xml": CII.encode()[:900]}), "factur-x.xml inside the PDF: not well-formed XML"),
        (_pdf(PAGE, {"factur-x.xml": swap(CII, (">25.00<", ">25,-<"))}), "DuePayableAmount is '25,-'"),
        (_pdf(PAGE, {"factur-x.xml": CII.encode()}, password="secret"), "password"),
        (b"%PDF-1.7\n" + b"\x00\xff" * 999, "cannot be opened"),
        (b"%PDF-1.7\n" + b"\0" * 65 * 1024 * 1024, "65 MB"),
    ],
    ids=["order", "truncated xml", "no figure", "encrypted", "damaged", "large"],
)
def test_what_cannot_be_read_says_why(data: bytes, says: str):
    with pytest.raises(DocumentUnreadable) as refused:
        read(data, "a.pdf", "facturx")
    assert says in str(refused.value)


def _with_streams(inside: bytes, filters: bytes, page: bytes) -> bytes:
    """A PDF written by hand, since no library writes a bomb: one page stream, and factur-x.xml behind these filters."""
    spec = b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/EF<</F 6 0 R>>>>"
    streams = [
        b"<</Length %d/Filter%s>>stream\n%s\nendstream" % (len(data), names, data)
        for data, names in ((page, b"/FlateDecode"), (inside, filters))
    ]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(factur-x.xml)5 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
        streams[0],
        spec,
        streams[1],
    ]
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return body + head + table + b"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)


@cache
def _bomb() -> bytes:
    """More than the child may have, once inflated."""
    deflate = zlib.compressobj(1)
    return b"".join(deflate.compress(b" " * (1 << 20)) for _ in range(pdf_child.MEMORY_BYTES >> 20)) + deflate.flush()


@pytest.mark.parametrize("where", ["inside", "nested", "page"])
def test_a_stream_that_inflates_to_gigabytes_ends_its_child_and_nothing_else(where: str):
    bomb, sound = _bomb(), zlib.compress(CII.encode())
    data = {
        "inside": _with_streams(bomb, b"/FlateDecode", zlib.compress(b"q Q")),
        "nested": _with_streams(zlib.compress(bomb), b"[/FlateDecode/FlateDecode]", zlib.compress(b"q Q")),
        "page": _with_streams(sound, b"/FlateDecode", bomb),
    }[where]
    started = time.monotonic()
    with pytest.raises(DocumentUnreadable, match="more memory than any invoice"):
        read(data, "a.pdf", "facturx")
    assert time.monotonic() - started < 10
    assert _read(_pdf(PAGE, {"factur-x.xml": CII.encode()})).number == "INV-7"


def test_the_hand_written_pdf_is_sound_without_a_bomb():
    assert _read(_with_streams(zlib.compress(CII.encode()), b"/FlateDecode", zlib.compress(b"q Q"))).number == "INV-7"


def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    sound = zlib.compress(CII.encode())
    slow = _with_streams(sound, b"/FlateDecode", zlib.compress(b"BT /F 9 Tf " + b"(many) Tj " * 60_000 + b"ET"))
    monkeypatch.setattr(pdf_reader, "SECONDS", 0.001)
    with pytest.raises(DocumentUnreadable, match=r"could not be opened within 0\.001 seconds"):
        read(slow, "a.pdf", "facturx")
    monkeypatch.undo()
    assert _read(_pdf((*PAGE, "next"), {"factur-x.xml": CII.encode()})).number == "INV-7"
