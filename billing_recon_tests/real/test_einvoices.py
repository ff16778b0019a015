"""Invoices of the standards' own projects: every file is read, and every finding is what the standard's rules say of it.

The rules are computed here a second time, from the standard's text, with another XML library and fractions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest

from billing_recon.core.document import Document, DocumentUnreadable, FindingCode
from billing_recon.feeds.documents import page_check
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon.feeds.documents.template import read_templates
from billing_recon.feeds.file_reader import documents_in
from billing_recon_tests.feeds.documents.ties import breaks_of

SETS = ("peppol/*.xml", "en16931-ubl/*.xml", "zugferd-three-forms/*/*")
CENT = Fraction(1, 100)


@pytest.fixture(scope="module")
def einvoices(realdata: Path) -> list[Path]:
    return sorted(path for pattern in SETS for path in (realdata / "einvoice").glob(pattern))


@pytest.fixture(scope="module")
def documents(einvoices: list[Path]) -> dict[Path, Document]:
    read_in = {}
    for path in einvoices:
        data = path.read_bytes()
        form = recognise(data, path.name)
        assert form, f"{path.name} is not recognised"
        read_in[path] = read(data, path.name, form)
    return read_in


def test_every_file_is_read(documents: dict[Path, Document]):
    assert len(documents) == 65
    for path, document in documents.items():
        assert document.format == {".pdf": "facturx"}.get(path.suffix, "cii" if ".cii." in path.name else "ubl")
        assert document.number, path.name
        assert document.currency, path.name
        assert document.issued_on, path.name
        assert document.payable is not None, path.name
        assert document.lines, path.name


def test_credit_notes_are_those_that_say_so(documents: dict[Path, Document]):
    credit = {path.name for path, document in documents.items() if document.kind.value == "credit_note"}
    assert credit == {path.name for path in documents if "creditnote" in path.name}
    (negative,) = [document for path, document in documents.items() if "negative-inv" in path.name]
    assert negative.kind.value == "invoice"
    assert Decimal(negative.payable or "0") < 0


def test_the_three_forms_of_each_invoice_agree_field_by_field(documents: dict[Path, Document]):
    forms: dict[str, dict[str, Document]] = {}
    for path, document in documents.items():
        if "zugferd-three-forms" in path.parts:
            forms.setdefault(path.name.split(".")[0], {})[document.format] = document
    assert len(forms) == 13
    for name, by_form in forms.items():
        assert sorted(by_form) == ["cii", "facturx", "ubl"]
        for field in fields(Document):
            if field.name in ("file", "format", "page", "findings"):
                continue
            values = {form: _comparable(getattr(document, field.name)) for form, document in by_form.items()}
            if field.name in ("issued_on", "period_start", "period_end") and name.startswith("XRECHNUNG_"):
                del values["facturx"]  # these two PDFs were made years before their XML files, and say so
            assert len(set(values.values())) == 1, f"{name}: {field.name}: {values}"
        found = {form: [_comparable(_facts(f)) for f in document.findings] for form, document in by_form.items()}
        assert found["cii"] == found["ubl"] == found["facturx"]


def test_every_document_read_as_both_layers_ties_with_itself(realdata: Path):
    """Whatever real documents state, engine lines and rendered lines of one file have no difference."""
    templates = read_templates(Path(__file__).parent / "templates")
    broken: dict[str, list[str]] = {}
    seen = 0
    for path in sorted(
        path for ending in ("xml", "pdf", "json") for path in (realdata / "einvoice").rglob(f"*.{ending}")
    ):
        with suppress(DocumentUnreadable):
            for document in documents_in(path.read_bytes(), path.name, templates):
                found, seen = rows_of(document), seen + 1
                if found.nothing is None and found.unknown is None and (breaks := breaks_of(found)):
                    broken[path.name] = breaks
    assert broken == {}
    assert seen > 70


def test_no_page_shows_another_figure_than_its_data(documents: dict[Path, Document]):
    pages = [document for document in documents.values() if document.format == "facturx"]
    assert len(pages) == 13
    for document in pages:
        assert document.page
        assert [f for f in document.findings if f.code is FindingCode.PAGE_TEXT] == []
        for field in ("number", "payable", "tax_inclusive"):
            other = replace(document, **{field: "87654.32"})
            assert [f.stated for f in page_check.findings(other, document.page)] == ["87654.32"], document.file


def test_line_findings_are_those_of_an_independent_computation(documents: dict[Path, Document]):
    found, expected = {}, {}
    for path, document in documents.items():
        if path.suffix == ".xml":
            wrong = [f for f in document.findings if f.code is FindingCode.LINE_AMOUNT]
            found[path.name] = [(f.line_no, Fraction(f.stated)) for f in wrong]
            expected[path.name] = list(_wrong_lines(path))
    assert found == expected
    assert sum(map(len, expected.values())) > 10  # several official examples do state such lines


def test_header_findings_are_those_of_an_independent_computation(documents: dict[Path, Document]):
    for path, document in documents.items():
        if path.suffix == ".xml":
            found = {f.code.value for f in document.findings} - {"LINE_AMOUNT"}
            assert found == set(_wrong_headers(path)), path.name


def _facts(finding: object) -> tuple[object, ...]:
    return tuple(getattr(finding, name) for name in ("code", "line_no", "stated", "computed"))


def _comparable(value: object) -> object:
    """Figures by their value: 19 and 19.00 are one rate. Nothing stated and a stated nothing differ."""
    if isinstance(value, str):
        try:
            return Decimal(value).normalize()
        except InvalidOperation:
            return value
    if isinstance(value, tuple):
        return tuple(_comparable(part) for part in value)
    if is_dataclass(value):
        return tuple(_comparable(getattr(value, field.name)) for field in fields(value))
    return value


class _Xml:
    """An element by local names alone."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.element = element

    def all(self, path: str) -> list[_Xml]:
        steps = "/".join("{*}" + step for step in path.split("/"))
        return [_Xml(element) for element in self.element.findall(steps)]

    def number(self, path: str) -> Fraction | None:
        texts = [part.element.text for part in self.all(path) if (part.element.text or "").strip()]
        return Fraction(texts[0].strip()) if texts and texts[0] else None

    def sum(self, path: str) -> Fraction:
        return sum((Fraction(part.element.text or "0") for part in self.all(path)), Fraction(0))

    def adjusted(self, path: str, indicator: str, amount: str) -> Fraction:
        total = Fraction(0)
        for part in self.all(path):
            is_charge = part.all(indicator)[0].element.text == "true"
            total += part.sum(amount) * (1 if is_charge else -1)
        return total


def _root(path: Path) -> _Xml:
    return _Xml(ElementTree.parse(path).getroot())


def _off(stated: Fraction | None, exact: Fraction) -> bool:
    """All amounts of these files have two decimals, so half a cent is what rounding may leave."""
    return stated is not None and abs(stated - exact) > CENT / 2


def _wrong_lines(path: Path) -> list[tuple[str, Fraction]]:
    """BT-131 = BT-129 x BT-146 / BT-149 - BT-136 + BT-141 (EN 16931-1, 6.4), line by line."""
    root, wrong = _root(path), []
    if ".cii." in path.name:
        agreement, settlement = "SpecifiedLineTradeAgreement", "SpecifiedLineTradeSettlement"
        for line in root.all("SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem"):
            quantity = line.number("SpecifiedLineTradeDelivery/BilledQuantity")
            price = line.number(f"{agreement}/NetPriceProductTradePrice/ChargeAmount")
            base = line.number(f"{agreement}/NetPriceProductTradePrice/BasisQuantity")
            base = base or line.number(f"{agreement}/GrossPriceProductTradePrice/BasisQuantity") or Fraction(1)
            rest = line.adjusted(
                f"{settlement}/SpecifiedTradeAllowanceCharge", "ChargeIndicator/Indicator", "ActualAmount"
            )
            amount = line.number(f"{settlement}/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
            assert quantity is not None
            assert price is not None
            if _off(amount, quantity * price / base + rest):
                wrong.append((line.all("AssociatedDocumentLineDocument/LineID")[0].element.text, amount))
    else:
        for line in root.all("InvoiceLine") + root.all("CreditNoteLine"):
            quantity = line.number("InvoicedQuantity") or line.number("CreditedQuantity")
            price, base = line.number("Price/PriceAmount"), line.number("Price/BaseQuantity") or Fraction(1)
            amount = line.number("LineExtensionAmount")
            assert quantity is not None
            assert price is not None
            if _off(amount, quantity * price / base + line.adjusted("AllowanceCharge", "ChargeIndicator", "Amount")):
                wrong.append((line.all("ID")[0].element.text, amount))
    return wrong


def _wrong_headers(path: Path) -> list[str]:
    """BR-CO-10, 13, 14, 15, 16 and 17."""
    root = _root(path)
    if ".cii." in path.name:
        header = root.all("SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement")[0]
        total = header.all("SpecifiedTradeSettlementHeaderMonetarySummation")[0]
        currency = header.all("InvoiceCurrencyCode")[0].element.text
        lines = root.sum(
            "SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem/SpecifiedLineTradeSettlement/"
            "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"
        )
        names = (
            "LineTotal",
            "AllowanceTotal",
            "ChargeTotal",
            "TaxBasisTotal",
            "GrandTotal",
            "TotalPrepaid",
            "Rounding",
        )
        figures = [total.number(f"{name}Amount") for name in (*names, "DuePayable")]
        taxes = [part for part in total.all("TaxTotalAmount") if part.element.get("currencyID") in (None, currency)]
        rates = [
            (part.number("BasisAmount"), part.number("RateApplicablePercent"), part.number("CalculatedAmount"))
            for part in header.all("ApplicableTradeTax")
        ]
        tax = Fraction(taxes[0].element.text or "0") if taxes else None
    else:
        total = root.all("LegalMonetaryTotal")[0]
        currency = root.all("DocumentCurrencyCode")[0].element.text
        lines = root.sum("InvoiceLine/LineExtensionAmount") + root.sum("CreditNoteLine/LineExtensionAmount")
        names = ("LineExtension", "AllowanceTotal", "ChargeTotal", "TaxExclusive", "TaxInclusive", "Prepaid")
        figures = [total.number(f"{name}Amount") for name in (*names, "PayableRounding", "Payable")]
        taxes = [t for t in root.all("TaxTotal") if t.all("TaxAmount")[0].element.get("currencyID") == currency]
        rates = [
            (part.number("TaxableAmount"), part.number("TaxCategory/Percent"), part.number("TaxAmount"))
            for part in taxes[0].all("TaxSubtotal")
        ]
        tax = taxes[0].number("TaxAmount")
    subtotal, off, on, exclusive, inclusive, prepaid, rounding, payable = figures
    zero = Fraction(0)
    assert subtotal is not None
    assert exclusive is not None
    assert inclusive is not None
    assert tax is not None
    wrong = []
    if _off(subtotal, lines) or _off(exclusive, subtotal - (off or zero) + (on or zero)):
        wrong.append("SUBTOTAL")
    rated = [(base, rate, amount) for base, rate, amount in rates if None not in (base, rate, amount)]
    if any(_off(amount, base * rate / 100) for base, rate, amount in rated):  # type: ignore[operator]
        wrong.append("TAX")
    if _off(tax, sum((amount or zero for _, _, amount in rates), zero)):
        wrong.append("TAX")
    if _off(inclusive, exclusive + tax):
        wrong.append("TAX_INCLUSIVE")
    if _off(payable, inclusive - (prepaid or zero) + (rounding or zero)):
        wrong.append("PAYABLE")
    return wrong
