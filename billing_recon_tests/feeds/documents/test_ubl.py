"""UBL invoices and credit notes, read field by field."""

from __future__ import annotations

from dataclasses import replace
from xml.sax.saxutils import escape

import pytest

from billing_recon.core.document import DocumentKind, DocumentUnreadable
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon_tests.feeds.documents.invoices import UBL, swap


def _read(data: bytes):
    assert recognise(data, "a.xml") == "ubl"
    return read(data, "a.xml", "ubl")


def test_every_figure_is_the_text_that_the_invoice_states():
    got = _read(UBL.encode())
    assert (got.file, got.format, got.kind) == ("a.xml", "ubl", DocumentKind.INVOICE)
    assert (got.number, got.issued_on, got.currency) == ("INV-7", "2026-03-02", "EUR")
    assert (got.seller, got.buyer, got.customer) == ("Nails & Sons Ltd", "Bauhaus AG", "C-19")
    assert (got.subtotal, got.allowances, got.charges) == ("31.00", "5.00", "4.00")
    assert (got.tax_exclusive, got.tax, got.tax_inclusive) == ("30.00", "5.34", "35.34")
    assert (got.prepaid, got.rounding, got.payable) == ("10.30", "-0.04", "25.00")
    assert got.references == ("INV-3",)
    assert [(a.charge, a.amount, a.reason, a.tax_rate) for a in got.adjustments] == [
        (False, "5.00", "Loyalty", "19"),
        (True, "4.00", "Freight", "19"),
    ]
    assert [(t.base, t.amount, t.rate, t.category) for t in got.taxes] == [
        ("27.00", "5.13", "19", "S"),
        ("3.00", "0.21", "7", "S"),
    ]
    assert got.page is None
    assert got.findings == ()


def test_the_unit_price_is_the_net_one_and_only_the_lines_own_allowances_are_the_lines():
    first, second = _read(UBL.encode()).lines
    assert (first.line_no, first.description, first.quantity, first.unit_price) == ("1", "Nails", "10", "3.00")
    assert [part.amount for part in first.adjustments] == ["2.00"]
    assert (second.quantity, second.base_quantity, second.unit_price, second.amount) == ("300", "100", "1.00", "3.00")
    assert second.tax_rate == "7"


def test_the_tax_in_the_accounting_currency_is_not_the_documents_tax():
    assert _read(UBL.encode()).tax == "5.34"
    assert (
        _read(swap(UBL, ('<cbc:TaxAmount currencyID="EUR">5.34', '<cbc:TaxAmount currencyID="SEK">5.34'))).tax is None
    )


def test_a_credit_note_keeps_its_signs_and_says_what_it_is():
    note = (
        UBL.replace("Invoice-2", "CreditNote-2")
        .replace("<Invoice ", "<CreditNote ")
        .replace("</Invoice>", "</CreditNote>")
    )
    note = note.replace("InvoiceLine>", "CreditNoteLine>").replace("InvoicedQuantity", "CreditedQuantity")
    note = note.replace(
        "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>", "<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>"
    )
    got = _read(note.encode())
    assert got.kind is DocumentKind.CREDIT_NOTE
    assert (got.payable, len(got.lines), got.lines[0].quantity) == ("25.00", 2, "10")
    assert got.findings == ()


@pytest.mark.parametrize(
    ("code", "kind"),
    [("381", "credit_note"), ("396", "credit_note"), ("261", "credit_note"), ("384", "invoice"), ("389", "invoice")],
)
def test_a_type_code_of_a_credit_note_makes_an_invoice_one(code: str, kind: str):
    assert _read(swap(UBL, (">380<", f">{code}<"))).kind.value == kind


def test_sub_lines_are_kept_but_not_added_to_their_line():
    part = (
        "<cac:SubInvoiceLine><cbc:ID>1.1</cbc:ID><cbc:InvoicedQuantity>7</cbc:InvoicedQuantity>"
        "<cbc:LineExtensionAmount>28.00</cbc:LineExtensionAmount><cac:Item><cbc:Name>Pack</cbc:Name></cac:Item>"
        "<cac:Price><cbc:PriceAmount>4.00</cbc:PriceAmount></cac:Price></cac:SubInvoiceLine>"
    )
    end = "    </cac:Price>\n  </cac:InvoiceLine>"
    got = _read(swap(UBL, (end, f"</cac:Price>{part}</cac:InvoiceLine>")))
    assert [(line.line_no, line.summed) for line in got.lines] == [("1", True), ("1.1", False), ("2", True)]
    assert got.findings == ()


def test_what_is_collected_for_third_parties_is_payable_in_xrechnungs_extension_alone():
    paid = '<cac:PrepaidPayment><cbc:PaidAmount currencyID="EUR">3.00</cbc:PaidAmount></cac:PrepaidPayment>'
    first_total = '<cac:TaxTotal><cbc:TaxAmount currencyID="SEK">'
    itemised = swap(UBL, (first_total, paid + first_total))
    assert _read(itemised).findings == ()
    extended = itemised.decode().replace(
        "urn:cen.eu:en16931:2017",
        "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
    )
    assert _read(extended.encode()).collected == "3.00"
    assert [f.code.value for f in _read(extended.encode()).findings] == ["PAYABLE"]
    assert _read(swap(extended, (">25.00<", ">28.00<"))).findings == ()


def test_a_total_tax_without_a_breakdown_restates_the_tax_in_any_currency():
    restated = '<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">5.34</cbc:TaxAmount></cac:TaxTotal>'
    got = _read(swap(UBL, ("<cac:LegalMonetaryTotal>", restated + "<cac:LegalMonetaryTotal>")))
    assert (got.tax, len(got.taxes), got.findings) == ("5.34", 2, ())
    alone = UBL[: UBL.index("    <cac:TaxSubtotal>")] + UBL[UBL.index("  </cac:TaxTotal>\n  <cac:Legal") :]
    assert _read(swap(alone, ("<cac:LegalMonetaryTotal>", restated + "<cac:LegalMonetaryTotal>"))).tax == "5.34"


def test_two_kinds_of_tax_with_a_breakdown_each_add_up():
    kind = (
        '<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">3.00</cbc:TaxAmount><cac:TaxSubtotal>'
        '<cbc:TaxableAmount currencyID="EUR">30.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">3.00</cbc:TaxAmount>'
        "<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>10</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
    )
    changes = (">35.34<", ">38.34<"), (">25.00<", ">28.00<")
    got = _read(swap(UBL, ("<cac:LegalMonetaryTotal>", kind + "<cac:LegalMonetaryTotal>"), *changes))
    assert (got.tax, len(got.taxes), got.findings) == ("8.34", 3, ())


OIOUBL = (
    (">urn:cen.eu:en16931:2017<", ">OIOUBL-2.02<"),
    ('<cbc:TaxExclusiveAmount currencyID="EUR">30.00<', '<cbc:TaxExclusiveAmount currencyID="EUR">5.34<'),
    # 3 packs of 100 screws for 1.00 a pack
    ('<cbc:InvoicedQuantity unitCode="C62">300<', '<cbc:InvoicedQuantity unitCode="C62">3<'),
)


def test_an_oioubl_states_the_total_tax_as_its_tax_exclusive_amount():
    got = _read(swap(UBL, *OIOUBL))
    assert (got.tax, got.tax_exclusive, got.tax_inclusive, got.findings) == ("5.34", None, "35.34", ())
    assert (got.lines[1].quantity, got.lines[1].unit_price, got.lines[1].base_quantity) == ("3", "1.00", None)
    inclusive = '<cbc:TaxInclusiveAmount currencyID="EUR">35.34</cbc:TaxInclusiveAmount>'
    header = rows_of(_read(swap(UBL, *OIOUBL, (inclusive, "")))).header
    assert [header[f"row_{name}"] for name in ("subtotal", "tax", "total", "payable")] == [
        "33.00", "5.34", "35.34", "25.00"]  # fmt: skip
    wrong = (
        OIOUBL[0],
        ('<cbc:TaxExclusiveAmount currencyID="EUR">30.00<', '<cbc:TaxExclusiveAmount currencyID="EUR">6.34<'),
    )
    assert [finding.code.value for finding in _read(swap(UBL, *wrong, OIOUBL[2], (">5.34<", ">6.34<"))).findings]


def test_in_colombia_the_tax_exclusive_amount_is_the_base_of_the_taxes():
    base = '<cbc:TaxExclusiveAmount currencyID="EUR">30.00<', '<cbc:TaxExclusiveAmount currencyID="EUR">27.00<'
    profile = "<cbc:ID>INV-7</cbc:ID>", "<cbc:ProfileID>DIAN 2.1: Factura</cbc:ProfileID><cbc:ID>INV-7</cbc:ID>"
    got = _read(swap(UBL, base, profile))
    assert (got.tax_exclusive, got.tax_inclusive, got.findings) == (None, "35.34", ())
    assert _read(swap(UBL, base)).findings


def test_a_line_without_a_classified_category_has_the_rate_of_its_only_tax():
    """Outside EN 16931 the rate of a line stands with its tax; of several taxes none is the line's rate."""
    rated = (
        "<cac:TaxTotal>{}<cac:TaxSubtotal>{}<cac:TaxCategory><cbc:Percent>7</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal>"
        "</cac:TaxTotal>"
    )
    amount = '<cbc:TaxAmount currencyID="EUR">0.21</cbc:TaxAmount>'
    total = rated.format(amount, amount)
    screws = "<cac:Item><cbc:Name>Screws</cbc:Name>"
    plain = (
        f"{screws}<cac:ClassifiedTaxCategory><cbc:Percent>7</cbc:Percent></cac:ClassifiedTaxCategory>",
        total + screws,
    )
    assert _read(swap(UBL, plain)).lines[1].tax_rate == "7"
    assert _read(swap(UBL, (plain[0], total + total + screws))).lines[1].tax_rate is None


def test_a_price_per_base_unit_is_turned_into_one_per_unit_of_the_quantity():
    price = '<cbc:PriceAmount currencyID="EUR">3.00</cbc:PriceAmount>'
    factor = '<cbc:PriceAmount currencyID="EUR">0.25</cbc:PriceAmount><cbc:OrderableUnitFactorRate>12</cbc:OrderableUnitFactorRate>'
    got = _read(swap(UBL, (price, factor)))
    assert (got.lines[0].unit_price, got.findings) == ("3.00", ())


def test_a_duty_on_the_whole_is_no_tax_of_its_lines():
    of_line = '<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{}</cbc:TaxAmount></cac:TaxTotal>'
    duty = (
        '<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">80.00</cbc:TaxAmount><cac:TaxSubtotal>'
        '<cbc:TaxAmount currencyID="EUR">80.00</cbc:TaxAmount><cac:TaxCategory><cbc:ID>Excise</cbc:ID></cac:TaxCategory>'
        "</cac:TaxSubtotal></cac:TaxTotal>"
    )
    changes = (
        (">35.34<", ">115.34<"),
        (">25.00<", ">105.00<"),
        ("<cac:LegalMonetaryTotal>", duty + "<cac:LegalMonetaryTotal>"),
    )
    items = ("    <cac:Item><cbc:Name>Nails<", "5.32"), ("    <cac:Item><cbc:Name>Screws<", "0.21")
    taxed = tuple((item, of_line.format(tax) + item) for item, tax in items)
    got = _read(swap(UBL, *changes, *taxed))
    assert (got.tax, got.findings) == ("85.34", ())


def test_tax_that_the_buyer_withholds_is_read_and_explains_the_payable():
    withheld = '<cac:WithholdingTaxTotal><cbc:TaxAmount currencyID="EUR">3.00</cbc:TaxAmount></cac:WithholdingTaxTotal>'
    got = _read(swap(UBL, ("<cac:LegalMonetaryTotal>", withheld + "<cac:LegalMonetaryTotal>"), (">25.00<", ">22.00<")))
    assert (got.withheld, got.findings) == ("3.00", ())


def test_an_allowance_with_a_percentage_and_no_amount_is_computed():
    line = swap(
        UBL,
        ("<cbc:Amount currencyID=\"EUR\">2.00</cbc:Amount></cac:AllowanceCharge>\n    <cac:Item>",
         "<cbc:MultiplierFactorNumeric>10</cbc:MultiplierFactorNumeric></cac:AllowanceCharge><cac:Item>"),
        (">28.00<", ">27.00<"), (">31.00<", ">30.00<"), (">30.00</cbc:TaxExclusive", ">29.00</cbc:TaxExclusive"),
    )  # fmt: skip
    (adjustment,) = _read(line).lines[0].adjustments
    assert (adjustment.amount, adjustment.percent) == ("3.0000", "10")
    assert "LINE_AMOUNT" not in [finding.code.value for finding in _read(line).findings]
    whole = "<cbc:MultiplierFactorNumeric>50</cbc:MultiplierFactorNumeric>"
    base = '<cbc:BaseAmount currencyID="EUR">10.00</cbc:BaseAmount>'
    got = _read(swap(UBL, ('<cbc:Amount currencyID="EUR">5.00</cbc:Amount>', whole + base)))
    assert (got.adjustments[0].amount, got.findings) == ("5.0000", ())


def test_currency_codes_are_read_in_any_case_and_one_named_on_every_amount_is_the_documents():
    lower = UBL.replace('currencyID="EUR"', 'currencyID="eur"').replace(">EUR<", ">Eur<")
    assert (_read(lower.encode()).currency, _read(lower.encode()).tax) == ("EUR", "5.34")
    unnamed = swap(lower, ("<cbc:DocumentCurrencyCode>Eur</cbc:DocumentCurrencyCode>", ""))
    assert _read(unnamed).currency is None, "SEK is named too"
    assert _read(unnamed.replace(b'"SEK"', b'"EUR"')).currency == "EUR"


def test_comments_are_no_lines_and_a_line_that_lacks_its_amount_stays_one():
    start, end = UBL.index("  <cac:InvoiceLine>\n    <cbc:ID>2<"), UBL.index("</Invoice>")
    for figures, summed in (
        ("", False),
        ("<cbc:InvoicedQuantity/><cbc:LineExtensionAmount/>", False),
        ('<cbc:InvoicedQuantity>1</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">0.00</cbc:LineExtensionAmount>'
         '<cac:Price><cbc:PriceAmount currencyID="EUR">0</cbc:PriceAmount></cac:Price>', False),
        ('<cbc:InvoicedQuantity>2</cbc:InvoicedQuantity><cac:Price><cbc:PriceAmount currencyID="EUR">1.50</cbc:PriceAmount></cac:Price>', True),
    ):  # fmt: skip
        line = f"<cac:InvoiceLine><cbc:ID>2</cbc:ID><cbc:Note>As agreed</cbc:Note>{figures}</cac:InvoiceLine>"
        got = _read((UBL[:start] + line + UBL[end:]).encode())
        assert (got.lines[1].summed, got.lines[1].description) == (summed, "As agreed")


def test_billing_periods_of_the_document_and_its_lines_are_read():
    period = "<cac:InvoicePeriod><cbc:StartDate>{}</cbc:StartDate><cbc:EndDate>{}</cbc:EndDate></cac:InvoicePeriod>"
    whole = "  <cac:BillingReference>"
    line = '<cbc:LineExtensionAmount currencyID="EUR">28.00</cbc:LineExtensionAmount>'
    got = _read(swap(
        UBL, (whole, period.format("2026-02-01", "2026-02-28") + whole), (line, line + period.format("2026-01-15", "2026-02-14"))
    ))  # fmt: skip
    assert (got.period_start, got.period_end) == ("2026-02-01", "2026-02-28")
    assert [(one.period_start, one.period_end) for one in got.lines] == [("2026-01-15", "2026-02-14"), (None, None)]
    first, second, *_ = rows_of(got).billed
    assert (first["row_period_start"], first["row_period_end"]) == ("2026-01-15", "2026-02-15")
    assert (second["row_period_start"], second["row_period_end"]) == ("2026-02-01", "2026-03-01")


@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n ", b"\n\xef\xbb\xbf"])
def test_blanks_and_a_byte_order_mark_before_the_declaration_are_no_hindrance(before: bytes):
    assert _read(before + UBL.encode()).number == "INV-7"
    assert _read(("\ufeff\n" + UBL.replace("UTF-8", "UTF-16")).encode("utf-16-le")).number == "INV-7"


def test_a_date_may_carry_a_zone():
    assert _read(swap(UBL, (">2026-03-02<", ">2026-03-02+01:00<"))).issued_on == "2026-03-02"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (">25.00<", ">25,00<", "PayableAmount is '25,00', which is not a decimal number"),
        (">25.00<", ">1e3<", "PayableAmount is '1e3'"),
        (">25.00<", f">{'9' * 400}<", "PayableAmount has 400 characters"),
        (">2026-03-02<", ">2026-02-30<", "the issue date '20260230'"),
        (
            '<cbc:PayableAmount currencyID="EUR">',
            '<cbc:PayableAmount currencyID="USD">',
            "stated in USD, the document in EUR",
        ),
        ("<cac:LegalMonetaryTotal>", "<cac:LegalMonetaryTotal><unclosed>", "not well-formed XML"),
        (
            '<cbc:PayableAmount currencyID="EUR">25.00</cbc:PayableAmount>',
            '<cbc:PayableAmount currencyID="EUR">25.00</cbc:PayableAmount><cbc:PayableAmount>99</cbc:PayableAmount>',
            "PayableAmount is stated more than once, as 25.00 and 99",
        ),
        (
            "</cac:LegalMonetaryTotal>",
            "</cac:LegalMonetaryTotal><cac:LegalMonetaryTotal/>",
            "LegalMonetaryTotal occurs more than once",
        ),
        (
            "<cbc:ID>INV-7</cbc:ID>",
            "<cbc:ID>INV-7</cbc:ID><cbc:CopyIndicator>yes</cbc:CopyIndicator>",
            "CopyIndicator is 'yes'",
        ),
        (
            "<cbc:ChargeIndicator>true",
            "<cbc:ChargeIndicator>charge",
            "ChargeIndicator is 'charge', which is neither true nor false",
        ),
    ],
)
def test_what_cannot_be_read_says_which_field_and_what_to_do(old: str, new: str, says: str):
    with pytest.raises(DocumentUnreadable, match="ask the sender") as refused:
        _read(swap(UBL, (old, new)))
    assert says in str(refused.value)


def test_a_ubl_order_is_refused_by_name():
    order = UBL.replace("Invoice-2", "Order-2").replace("<Invoice ", "<Order ").replace("</Invoice>", "</Order>")
    with pytest.raises(DocumentUnreadable, match="a UBL Order is neither an invoice nor a credit note"):
        _read(order.encode())


def test_an_invoice_without_its_totals_is_refused():
    start, end = UBL.index("<cac:LegalMonetaryTotal>"), UBL.index("<cac:InvoiceLine>")
    with pytest.raises(DocumentUnreadable, match="no LegalMonetaryTotal"):
        _read((UBL[:start] + UBL[end:]).encode())


SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"


def _enveloped(*documents: str) -> bytes:
    carried = "".join(text.split("?>", 1)[1] for text in documents)
    header = "<StandardBusinessDocumentHeader><HeaderVersion>1.0</HeaderVersion></StandardBusinessDocumentHeader>"
    return f'<StandardBusinessDocument xmlns="{SBDH}">{header}{carried}</StandardBusinessDocument>'.encode()


def test_an_invoice_in_a_networks_envelope_is_the_invoice():
    data = _enveloped(UBL)
    assert recognise(data) == "ubl"
    assert replace(read(data, "a", "ubl"), file="b") == read(UBL.encode(), "b", "ubl")


@pytest.mark.parametrize(("documents", "number"), [((), 0), ((UBL, UBL), 2)])
def test_an_envelope_without_one_document_is_refused(documents: tuple[str, ...], number: int):
    with pytest.raises(DocumentUnreadable, match=f"contains {number} documents"):
        read(_enveloped(*documents), "a", "ubl")


def _attached(carried: str, *, cdata: bool = True) -> bytes:
    """As invoices are handed over in Colombia, with the answer of the tax office beside the invoice."""
    text = f"<![CDATA[{carried}]]>" if cdata else escape(carried)
    answer = "<cac:ParentDocumentLineReference><cac:DocumentReference><cac:Attachment><cac:ExternalReference><cbc:Description>"
    answer += "<![CDATA[<ApplicationResponse/>]]></cbc:Description></cac:ExternalReference></cac:Attachment></cac:DocumentReference></cac:ParentDocumentLineReference>"
    return (
        '<AttachedDocument xmlns="urn:oasis:names:specification:ubl:schema:xsd:AttachedDocument-2" '
        'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
        'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><cbc:ID>AD-1</cbc:ID>'
        f"<cac:Attachment><cac:ExternalReference><cbc:Description>{text}</cbc:Description></cac:ExternalReference></cac:Attachment>"
        f"{answer}</AttachedDocument>"
    ).encode()


@pytest.mark.parametrize("cdata", [True, False])
def test_the_invoice_within_an_attached_document_is_read(cdata: bool):
    plain = _read(UBL.encode())
    declared = UBL.replace("UTF-8", "ISO-8859-1")
    assert _read(_attached(declared, cdata=cdata)) == plain


@pytest.mark.parametrize(
    ("carried", "says"),
    [
        ("", "UBL AttachedDocument is neither"),
        ("<a/>", "root element is a, which is not"),
        (UBL[:300], "not well-formed"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + UBL.partition("?>")[2], "document type"),
    ],
)
def test_what_an_attached_document_carries_is_held_to_the_same_rules(carried: str, says: str):
    with pytest.raises(DocumentUnreadable, match=says):
        read(_attached(carried), "a.xml", "ubl")
