"""UBL 2.1 Invoice and CreditNote (Peppol BIS 3, EN 16931, XRechnung): the element of each field of a Document."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from billing_recon.core.document import (
    Adjustment,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentUnreadable,
    TaxSubtotal,
)
from billing_recon.feeds.documents.arithmetic import total_of
from billing_recon.feeds.documents.type_codes import kind_of
from billing_recon.feeds.documents.xml_element import Node, iso_date

FORM = "ubl"
FAMILY = "{urn:oasis:names:specification:ubl:schema:xsd:"
"""Prefix of every UBL root tag; only documents in KINDS are read."""

KINDS: dict[str, DocumentKind] = {
    "Invoice": DocumentKind.INVOICE,
    "SelfBilledInvoice": DocumentKind.INVOICE,
    "CreditNote": DocumentKind.CREDIT_NOTE,
    "SelfBilledCreditNote": DocumentKind.CREDIT_NOTE,
}

_PREFIXES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def read(root: etree._Element, name: str) -> Document:
    """Read the document, without findings. Raise DocumentUnreadable for another UBL document or an invalid figure."""
    local = etree.QName(root).localname
    if local not in KINDS:
        raise DocumentUnreadable(f"a UBL {local} is neither an invoice nor a credit note; remove it from the invoices")
    here = Node(
        root, _PREFIXES, (root.findtext("cbc:DocumentCurrencyCode", namespaces=_PREFIXES) or "").strip() or None
    )
    issued = here.text("cbc:IssueDate")
    total = here.at("cac:LegalMonetaryTotal")
    if total is None:
        raise DocumentUnreadable(f"this UBL {local} has no LegalMonetaryTotal; ask the sender for the whole document")
    return Document(
        file=name,
        format=FORM,
        kind=kind_of(here.text("cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode"), otherwise=KINDS[local]),
        number=here.text("cbc:ID"),
        issued_on=iso_date(issued) if issued else None,
        currency=here.currency,
        seller=_party_name(here, "cac:AccountingSupplierParty/cac:Party/"),
        buyer=_party_name(here, "cac:AccountingCustomerParty/cac:Party/"),
        customer=here.text("cac:AccountingCustomerParty/cac:Party/cac:PartyIdentification/cbc:ID"),
        subtotal=total.money("cbc:LineExtensionAmount"),
        allowances=total.money("cbc:AllowanceTotalAmount"),
        charges=total.money("cbc:ChargeTotalAmount"),
        tax_exclusive=total.money("cbc:TaxExclusiveAmount"),
        tax=_tax(here),
        tax_inclusive=total.money("cbc:TaxInclusiveAmount"),
        prepaid=total.money("cbc:PrepaidAmount"),
        rounding=total.money("cbc:PayableRoundingAmount"),
        collected=_collected(here),
        payable=total.money("cbc:PayableAmount"),
        lines=tuple(_lines(here)),
        adjustments=_adjustments(here),
        taxes=tuple(
            TaxSubtotal(
                base=part.money("cbc:TaxableAmount"),
                amount=part.money("cbc:TaxAmount"),
                rate=part.figure("cac:TaxCategory/cbc:Percent", "cbc:Percent"),
                category=part.text("cac:TaxCategory/cbc:ID"),
            )
            for tax_total in _tax_totals(here)
            for part in tax_total.all("cac:TaxSubtotal")
        ),
        references=tuple(
            number
            for part in here.all("cac:BillingReference/cac:InvoiceDocumentReference")
            if (number := part.text("cbc:ID"))
        ),
    )


def _party_name(here: Node, party: str) -> str | None:
    """Return BT-27 or BT-44, the registered name; else the trading name, else the contact."""
    return here.text(
        f"{party}cac:PartyLegalEntity/cbc:RegistrationName",
        f"{party}cac:PartyName/cbc:Name",
        f"{party}cac:Contact/cbc:Name",
    )


def _tax_totals(here: Node) -> list[Node]:
    """Return the TaxTotals in the document's currency; that in the accounting currency (BT-111) is another figure."""
    totals = [(total, total.at("cbc:TaxAmount")) for total in here.all("cac:TaxTotal")]
    return [total for total, amount in totals if amount is None or amount.in_document_currency()]


def _tax(here: Node) -> str | None:
    """Return BT-110, or the sum of several totals (plain UBL has one per kind of tax)."""
    return total_of(amount for total in _tax_totals(here) if (amount := total.money("cbc:TaxAmount")))


def _collected(here: Node) -> str | None:
    """Return payments to third parties, an extension of XRechnung. In plain UBL the element itemises prepayments (BT-113)."""
    if "extension:xrechnung" not in (here.text("cbc:CustomizationID") or ""):
        return None
    return total_of(amount for part in here.all("cac:PrepaidPayment") if (amount := part.money("cbc:PaidAmount")))


def _lines(here: Node) -> Iterator[DocumentLine]:
    for position, line in enumerate(here.all("cac:InvoiceLine") + here.all("cac:CreditNoteLine"), start=1):
        yield from _line_with_parts(line, str(position), summed=True)


def _line_with_parts(here: Node, position: str, *, summed: bool) -> Iterator[DocumentLine]:
    """Yield a line and then its sub lines, whose amounts it already includes (XRechnung's extension)."""
    yield DocumentLine(
        line_no=here.text("cbc:ID") or position,
        description=here.text("cac:Item/cbc:Name", "cac:Item/cbc:Description"),
        quantity=here.figure("cbc:InvoicedQuantity", "cbc:CreditedQuantity"),
        base_quantity=here.figure("cac:Price/cbc:BaseQuantity"),
        unit_price=here.money("cac:Price/cbc:PriceAmount"),
        amount=here.money("cbc:LineExtensionAmount"),
        tax_rate=here.figure("cac:Item/cac:ClassifiedTaxCategory/cbc:Percent"),
        adjustments=_adjustments(here),
        summed=summed,
        tax=here.money("cac:TaxTotal/cbc:TaxAmount"),
        object_id=_object_of(here),
    )
    for number, part in enumerate(here.all("cac:SubInvoiceLine") + here.all("cac:SubCreditNoteLine"), start=1):
        yield from _line_with_parts(part, f"{position}.{number}", summed=False)


def _object_of(here: Node) -> str | None:
    """BT-128: the line's document reference of type 130."""
    references = here.all("cac:DocumentReference")
    return next((r.text("cbc:ID") for r in references if r.text("cbc:DocumentTypeCode") == "130"), None)


def _adjustments(here: Node) -> tuple[Adjustment, ...]:
    """Return allowances and charges directly on a line or document; those under cac:Price are part of the price."""
    return tuple(
        Adjustment(
            charge=(part.text("cbc:ChargeIndicator") or "").lower() in ("true", "1"),
            amount=amount,
            reason=part.text("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode"),
            tax_rate=part.figure("cac:TaxCategory/cbc:Percent"),
        )
        for part in here.all("cac:AllowanceCharge")
        if (amount := part.money("cbc:Amount"))
    )
