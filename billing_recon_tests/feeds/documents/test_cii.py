"""Cross Industry Invoices of every generation, read field by field."""

from __future__ import annotations

from dataclasses import fields

import pytest

from billing_recon.core.document import Document, DocumentKind, DocumentUnreadable
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon_tests.feeds.documents.invoices import CII, MINIMUM, UBL, as_zugferd1, swap


def _read(data: bytes | str) -> Document:
    data = data.encode() if isinstance(data, str) else data
    form = recognise(data, "a.xml")
    assert form in ("cii", "zugferd1")
    return read(data, "a.xml", form)


@pytest.mark.parametrize("other", [CII, as_zugferd1(CII)], ids=["cii", "zugferd1"])
def test_the_same_invoice_gives_the_same_fields_as_ubl(other: str):
    ubl, got = read(UBL.encode(), "a.xml", "ubl"), _read(other)
    for field in fields(Document):
        if field.name != "format":
            assert getattr(got, field.name) == getattr(ubl, field.name), field.name


def test_zugferd_1_is_named_so():
    assert _read(as_zugferd1(CII)).format == "zugferd1"


def test_the_first_senders_of_zugferd_1_used_names_without_a_namespace():
    older = as_zugferd1(CII).replace(
        "urn:ferd:CrossIndustryDocument:invoice:1p0", "urn:un:unece:uncefact:data:standard:CBFBUY:5"
    )
    older = older.replace("rsm:CrossIndustryDocument", "rsm:Invoice").replace("<ram:", "<").replace("</ram:", "</")
    dated = '<udt:DateTimeString format="102">20260302</udt:DateTimeString>'
    got = _read(swap(older, (f"<IssueDateTime>{dated}<", '<IssueDateTime format="102">20260302<')))
    assert (got.number, got.issued_on, got.payable, len(got.lines)) == ("INV-7", "2026-03-02", "25.00", 2)


def test_minimum_states_totals_alone_so_nothing_can_be_missing_from_them():
    got = _read(MINIMUM)
    assert (got.subtotal, got.lines, got.prepaid, got.payable) == (None, (), None, "25.00")
    assert got.findings == ()  # 10.34 were prepaid, which MINIMUM has no place to say


def test_minimum_with_a_wrong_tax_is_found():
    (finding,) = _read(swap(MINIMUM, (">5.34<", ">5.70<"))).findings
    assert (finding.code.value, finding.stated, finding.computed) == ("TAX_INCLUSIVE", "35.34", "35.70")


def test_basic_wl_has_a_subtotal_and_no_lines_to_hold_against_it():
    start, end = CII.index("<ram:IncludedSupply"), CII.index("<ram:ApplicableHeaderTradeAgreement>")
    got = _read(CII[:start] + CII[end:])
    assert (got.subtotal, got.lines, got.findings) == ("31.00", (), ())


def test_a_price_without_a_net_one_is_the_gross_less_its_allowance():
    net = "<ram:NetPriceProductTradePrice><ram:ChargeAmount>3.00</ram:ChargeAmount></ram:NetPriceProductTradePrice>"
    got = _read(swap(CII, (net, "")))
    assert got.lines[0].unit_price == "3.00"


def test_a_base_quantity_belongs_to_the_price_that_it_stands_with():
    gross = "<ram:ChargeAmount>3.50</ram:ChargeAmount>"
    of_gross = _read(swap(CII, (gross, f"{gross}<ram:BasisQuantity>5</ram:BasisQuantity>")))
    assert (of_gross.lines[0].base_quantity, of_gross.findings) == (None, ())
    net = "<ram:ChargeAmount>3.00</ram:ChargeAmount>"
    of_net = _read(
        swap(CII, (net, f"{net}<ram:BasisQuantity>5</ram:BasisQuantity>"), (">10</ram:Billed", ">50</ram:Billed"))
    )
    assert (of_net.lines[0].base_quantity, of_net.findings) == ("5", ())


@pytest.mark.parametrize("code", ["GROUP", "INFORMATION"])
def test_grouping_and_information_lines_are_not_added_up(code: str):
    marked = f"<ram:LineID>2</ram:LineID><ram:LineStatusReasonCode>{code}</ram:LineStatusReasonCode>"
    got = _read(swap(CII, ("<ram:LineID>2</ram:LineID>", marked)))
    assert [line.summed for line in got.lines] == [True, False]
    (finding,) = got.findings
    assert (finding.code.value, finding.stated, finding.computed) == ("SUBTOTAL", "31.00", "28.00")


def test_detail_lines_under_a_group_are_added_up():
    marked = (
        "<ram:LineID>2</ram:LineID><ram:ParentLineID>9</ram:ParentLineID>"
        "<ram:LineStatusReasonCode>DETAIL</ram:LineStatusReasonCode>"
    )
    assert _read(swap(CII, ("<ram:LineID>2</ram:LineID>", marked))).findings == ()


def test_freight_under_its_own_name_is_a_charge():
    start = CII.index("<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>true")
    end = CII.index("<ram:SpecifiedTradeSettlementHeaderMonetarySummation>")
    freight = (
        "<ram:SpecifiedLogisticsServiceCharge><ram:Description>Freight</ram:Description>"
        "<ram:AppliedAmount>4.00</ram:AppliedAmount></ram:SpecifiedLogisticsServiceCharge>"
    )
    got = _read(CII[:start] + freight + CII[end:])
    assert [(a.charge, a.amount, a.reason) for a in got.adjustments] == [
        (False, "5.00", "Loyalty"),
        (True, "4.00", "Freight"),
    ]
    assert got.findings == ()


def test_a_negative_invoice_stays_an_invoice_and_a_credit_note_keeps_its_signs():
    assert _read(swap(CII, (">380<", ">384<"))).kind is DocumentKind.INVOICE
    credit = _read(swap(CII, (">380<", ">381<")))
    assert (credit.kind, credit.payable) == (DocumentKind.CREDIT_NOTE, "25.00")


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("102", "20260302", "2026-03-02"),
        ("203", "202603021015", "2026-03-02"),
        ("204", "20260302101500", "2026-03-02"),
        ("610", "202603", "2026-03-01"),
        ("616", "202610", "2026-03-02"),
        ("102", "2026-03-02T00:00:00", "2026-03-02"),
    ],
)
def test_dates_of_every_format_become_iso_days(form: str, text: str, day: str):
    assert _read(swap(CII, ('format="102">20260302<', f'format="{form}">{text}<'))).issued_on == day


def test_an_order_and_an_unknown_version_are_refused_by_name():
    order = CII.replace("CrossIndustryInvoice:100", "x").replace(
        "urn:un:unece:uncefact:data:standard:x", "urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100"
    )
    order = order.replace("rsm:CrossIndustryInvoice", "rsm:SCRDMCCBDACIOMessageStructure")
    with pytest.raises(DocumentUnreadable, match="an order, not an invoice"):
        _read(order)
    with pytest.raises(DocumentUnreadable, match="an unsupported version of the Cross Industry Invoice"):
        _read(CII.replace("CrossIndustryInvoice:100", "CrossIndustryInvoice:2"))


def test_an_invoice_without_its_totals_is_refused():
    with pytest.raises(DocumentUnreadable, match="lacks its ExchangedDocument or its SpecifiedTradeSettlement"):
        _read(CII.replace("HeaderMonetarySummation", "HeaderSummation"))


def test_billing_periods_of_the_document_and_its_lines_are_read():
    day = '<ram:{0}><udt:DateTimeString format="102">{1}</udt:DateTimeString></ram:{0}>'
    period = "<ram:BillingSpecifiedPeriod>{}{}</ram:BillingSpecifiedPeriod>"
    whole = period.format(day.format("StartDateTime", "20260201"), day.format("EndDateTime", "20260228"))
    of_line = period.format(day.format("StartDateTime", "20260115"), "")
    totals = "<ram:SpecifiedTradeSettlementHeaderMonetarySummation>"
    line = "<ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>28.00"
    got = _read(swap(CII, (totals, whole + totals), (line, of_line + line)))
    assert (got.period_start, got.period_end) == ("2026-02-01", "2026-02-28")
    assert [(one.period_start, one.period_end) for one in got.lines] == [("2026-01-15", None), (None, None)]


def test_an_allowance_with_a_percentage_and_no_amount_is_computed():
    stated = "<ram:ActualAmount>5.00</ram:ActualAmount>"
    percent = "<ram:CalculationPercent>50</ram:CalculationPercent><ram:BasisAmount>10.00</ram:BasisAmount>"
    got = _read(swap(CII, (stated, percent)))
    assert ((got.adjustments[0].amount, got.adjustments[0].percent), got.findings) == (("5.0000", "50"), ())
    no_base = _read(swap(CII, (stated, "<ram:CalculationPercent>10</ram:CalculationPercent>")))
    assert no_base.adjustments[0].amount == "3.1000", "of the subtotal"
