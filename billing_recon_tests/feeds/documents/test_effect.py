"""What a document does to the amount owed, by type code, signs, marks and status, in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing_recon.core.document import Document
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.file_reader import documents_in
from billing_recon_tests.feeds.documents.invoices import CII, UBL, as_zugferd1, swap
from billing_recon_tests.feeds.hostile import STRIPE

NOTE = (
    UBL.replace("Invoice-2", "CreditNote-2")
    .replace("<Invoice ", "<CreditNote ")
    .replace("</Invoice>", "</CreditNote>")
    .replace("InvoiceLine>", "CreditNoteLine>")
    .replace("InvoicedQuantity", "CreditedQuantity")
    .replace("<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>", "<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>")
)
DEBIT = (
    UBL.replace("Invoice-2", "DebitNote-2")
    .replace("<Invoice ", "<DebitNote ")
    .replace("</Invoice>", "</DebitNote>")
    .replace("InvoiceLine>", "DebitNoteLine>")
    .replace("InvoicedQuantity", "DebitedQuantity")
    .replace("LegalMonetaryTotal", "RequestedMonetaryTotal")
    .replace("  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>\n", "")
)
CODE = "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>"


def one(data: bytes | str) -> Document:
    (document,) = documents_in(data.encode() if isinstance(data, str) else data, "a.xml")
    return document


def negative(xml: str) -> str:
    """The document with every amount below zero."""
    import re

    return re.sub(
        r'(currencyID="\w+">)(-?)([\d.]+)<',
        lambda found: f"{found[1]}{'' if found[2] else '-'}{found[3]}<",
        xml,
    )


def payable(document: Document) -> str | None:
    return rows_of(document).header["row_payable"]


@pytest.mark.parametrize(
    ("code", "effect"),
    [("380", "bills"), ("383", "bills"), ("389", "bills"), ("384", "replaces"), ("381", "credits"), ("396", "credits"),
     ("IADE", "credits"), ("SATIS", "bills"), ("03", "bills"), ("02", "unknown"), ("325", "nothing"), ("751", "nothing"), ("999", "unknown"), ("Invoice", "unknown")],
)  # fmt: skip
def test_the_type_code_says_whether_a_document_bills_credits_replaces_or_bills_nothing(code: str, effect: str) -> None:
    for document in (one(swap(UBL, (">380<", f">{code}<"))), one(swap(CII, (">380<", f">{code}<")))):
        assert (document.effect.value, document.type_code) == (effect, code)
        assert (document.effect_reason is None) is (effect in ("bills", "credits"))


def test_a_type_code_that_is_not_known_is_never_an_invoice() -> None:
    found = rows_of(one(swap(UBL, (">380<", ">999<"))))
    assert found.unknown is not None
    assert "type code is '999'" in found.unknown
    assert (found.lines, found.billed) == ((), ())
    without = one(swap(CII, ("<ram:TypeCode>380</ram:TypeCode>", "")))
    assert (without.effect.value, without.effect_reason) == (
        "unknown",
        "it states no type code; whether that is an invoice or a credit note is not known: ask the sender",
    )
    assert one(swap(UBL, (CODE, ""))).effect.value == "bills", "its root says that it is an invoice"


@pytest.mark.parametrize("cii", [CII, as_zugferd1(CII)], ids=["cii", "zugferd1"])
def test_a_test_or_a_copy_bills_nothing(cii: str) -> None:
    header = "rsm:ExchangedDocument>" if "rsm:ExchangedDocument>" in cii else "rsm:HeaderExchangedDocument>"
    context = header.replace("ExchangedDocument>", "ExchangedDocumentContext>").replace("Header", "Specified")
    marked = "<ram:{0}><udt:Indicator>{1}</udt:Indicator></ram:{0}>"
    for value, effect in (("true", "nothing"), ("false", "bills")):
        tested = f"<{context}{marked.format('TestIndicator', value)}</{context}<{header}"
        assert one(cii.replace(f"<{header}", tested, 1)).effect.value == effect
        copied = f"{marked.format('CopyIndicator', value)}</{header}"
        assert one(cii.replace(f"</{header}", copied, 1)).effect.value == effect
        copy = one(swap(UBL, (CODE, f"<cbc:CopyIndicator>{value}</cbc:CopyIndicator>{CODE}")))
        assert copy.effect.value == effect
        assert (rows_of(copy).nothing is None) is (value == "false")


def test_a_credit_note_lowers_the_amount_owed_whichever_sign_it_states() -> None:
    usual, signed = one(NOTE), one(negative(NOTE))
    assert (usual.effect.value, signed.effect.value) == ("credits", "credits")
    assert (payable(usual), payable(signed)) == ("-25.00", "-25.00")
    assert usual.findings == ()
    (finding,) = signed.findings
    assert (finding.code.value, finding.stated, finding.computed) == ("EFFECT", "-35.34", "35.34")
    assert "It is read as lowering the amount owed by 35.34 EUR." in finding.sentence


def test_an_invoice_whose_total_is_negative_credits_and_keeps_its_signs() -> None:
    document = one(negative(UBL))
    assert (document.kind.value, document.effect.value, document.effect_reason) == (
        "invoice",
        "credits",
        "its total is negative",
    )
    assert payable(document) == "-25.00"


def test_a_credit_note_with_the_code_of_an_invoice_stays_one_and_is_reported() -> None:
    document = one(NOTE.replace(">381<", ">380<"))
    assert (document.effect.value, [finding.code.value for finding in document.findings]) == ("credits", ["EFFECT"])


def test_a_debit_note_raises_the_amount_owed() -> None:
    document = one(DEBIT)
    assert (document.kind.value, document.effect.value, document.findings) == ("invoice", "bills", ())
    assert [line.quantity for line in document.lines] == ["10", "300"]
    assert payable(document) == "25.00"


def test_an_answer_to_an_invoice_bills_nothing() -> None:
    answer = UBL[: UBL.index("  <cbc:InvoiceTypeCode>")].replace("Invoice-2", "ApplicationResponse-2")
    document = one(answer.replace("<Invoice ", "<ApplicationResponse ") + "</ApplicationResponse>")
    assert (document.kind.value, document.effect.value, document.number) == ("other", "nothing", "INV-7")
    assert rows_of(document).nothing == "it is neither an invoice nor a credit note"


def test_a_message_of_an_invoices_life_cycle_bills_nothing() -> None:
    document = one(
        '<rsm:CrossDomainAcknowledgementAndResponse xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"'
        ' xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:100"'
        ' xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100">'
        '<rsm:ExchangedDocument><ram:ID>CDV-7</ram:ID><ram:IssueDateTime><udt:DateTimeString format="204">20260303101500'
        "</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument><rsm:AcknowledgementDocument/>"
        "</rsm:CrossDomainAcknowledgementAndResponse>"
    )
    assert (document.kind.value, document.effect.value) == ("other", "nothing")
    assert (document.format, document.number, document.issued_on) == ("cii", "CDV-7", "2026-03-03")


@pytest.mark.parametrize(
    ("changes", "effect"),
    [({"status": "open"}, "bills"), ({"status": "paid"}, "bills"), ({"status": "uncollectible"}, "bills"), ({}, "bills"),
     ({"status": "draft"}, "nothing"), ({"status": "void"}, "nothing"), ({"livemode": False}, "nothing"),
     ({"livemode": True}, "bills"), ({"deleted": True}, "nothing"), ({"status": "frozen"}, "unknown")],
)  # fmt: skip
def test_status_and_mode_of_a_stripe_invoice_decide_too(changes: dict[str, Any], effect: str) -> None:
    (document,) = documents_in(json.dumps(STRIPE | changes).encode(), "a.json")
    assert document.effect.value == effect


def test_a_deleted_stripe_invoice_needs_no_figures() -> None:
    (document,) = documents_in(b'{"id": "in_1", "object": "invoice", "deleted": true}', "a.json")
    assert (document.effect.value, document.effect_reason) == ("nothing", "it is deleted")
