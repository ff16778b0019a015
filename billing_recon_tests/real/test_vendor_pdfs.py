"""Real vendors' PDFs by the templates beside this test, against the fields that their collectors wrote down."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.document import Document
from billing_recon.feeds.documents.template import Template, read_templates
from billing_recon.feeds.documents.template_page import read_pdf

VENDORS = ("AmazonWebServices", "QualityHosting", "coolblue1", "free_fiber", "oyo", "saeco")

ELSEWHERE = {
    "issuer": "the collector's own name for the seller",
    "desc": "made of it",
    "note": "free text",
    "country_code": "a constant of the collector's",
    "static_vat": "a constant of the collector's: the page has it in an image",
    "partner_name": "seller",
    "invoice_number": "number",
    "date": "issued_on",
    "amount": "tax_inclusive",
    "amount_untaxed": "tax_exclusive",
    "amount_tax": "tax",
    "currency": "currency",
    "client_id": "customer",
}
"""Their fields that are not read, or that are fields of a Document under another name; the others are `extra`."""
IN_AN_IMAGE = {
    "saeco": {"bic", "iban", "telephone", "partner_website", "partner_email", "partner_zip", "partner_city",
              "partner_street", "partner_coc"},
}  # fmt: skip
"""Fields that no text of the page has: the seller put them into a picture, so their collector fixed them."""


@pytest.fixture(scope="module")
def templates() -> tuple[Template, ...]:
    return read_templates(Path(__file__).parent / "templates")


@pytest.fixture
def vendor(
    request: pytest.FixtureRequest, realdata: Path, templates: tuple[Template, ...]
) -> tuple[Document, dict[str, Any]]:
    folder = realdata / "einvoice/vendor-pdf"
    document = read_pdf((folder / f"{request.param}.pdf").read_bytes(), f"{request.param}.pdf", templates)
    (expected,) = json.loads((folder / f"{request.param}.json").read_text(), parse_float=Decimal)
    return document, expected


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_a_vendors_pdf_has_the_header_that_was_written_down(vendor: tuple[Document, dict[str, Any]]) -> None:
    document, expected = vendor
    assert document.number == expected["invoice_number"]
    assert document.issued_on == expected["date"]
    assert document.currency == expected["currency"]
    assert document.seller in (expected["issuer"], expected.get("partner_name"))
    assert Decimal(document.tax_inclusive or "") == expected["amount"]
    for field, theirs in (("tax_exclusive", "amount_untaxed"), ("tax", "amount_tax")):
        if theirs in expected:
            assert Decimal(getattr(document, field)) == expected[theirs]
    if "client_id" in expected:
        assert document.customer == expected["client_id"]
    assert document.findings == ()


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_a_vendors_pdf_has_every_other_field_that_its_text_shows(vendor: tuple[Document, dict[str, Any]]) -> None:
    document, expected = vendor
    sought = expected.keys() - ELSEWHERE.keys() - {"lines"} - IN_AN_IMAGE.get(document.file.partition(".")[0], set())
    extra = dict(document.extra)
    for name in sought:
        theirs = expected[name]
        texts = theirs if isinstance(theirs, list) else [theirs]
        ours = extra[name].split(" + ")
        assert [part.strip() for part in ours] == [_text(text) for text in texts], name


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
def test_a_vendors_pdf_has_the_lines_that_were_written_down(vendor: tuple[Document, dict[str, Any]]) -> None:
    document, expected = vendor
    theirs = [line for line in expected.get("lines", ()) if line.keys() != {"line_note"}]
    if not theirs:
        return
    ours = {(line.description or "").partition(" Serienummer:")[0]: line for line in document.lines}
    by_number = {line.line_no: line for line in document.lines}
    assert len(document.lines) == len(theirs)
    for line in theirs:
        found = by_number[line["pos"]] if "pos" in line else ours[line["name"]]
        if "desc" in line:
            assert found.description == " ".join(line["desc"].split())
        if "qty" in line:
            assert Decimal(found.quantity or "") == line["qty"]
        for name in ("line_tax_percent", "taxpercent"):
            if name in line:
                assert Decimal(found.tax_rate or "") == line[name]
        if "code" in line:
            assert found.object_id == line["code"]
        price = line.get("price_unit", line.get("price"))
        if price is not None:
            assert Decimal(found.unit_price or found.amount or "") == Decimal(price)
        if "price_subtotal" in line:
            assert Decimal(found.amount or "") == line["price_subtotal"]


def _text(value: object) -> str:
    """Their figures are numbers, ours texts as shown: 1.0 room is shown as 1."""
    whole = isinstance(value, Decimal) and value == value.to_integral_value()
    return f"{value:.0f}" if whole else str(value).strip()
