"""UBL 2.1 Invoice, CreditNote and DebitNote (Peppol BIS 3, EN 16931, XRechnung): the element of each field of a Document."""

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
from billing_recon.feeds.documents.arithmetic import EXACT, decimal_of, total_of
from billing_recon.feeds.documents.effect import kind_of
from billing_recon.feeds.documents.stated_figures import adjustment, gross_of
from billing_recon.feeds.documents.xml_element import Node, currency_of, iso_date

FORM = "ubl"
FAMILY = "{urn:oasis:names:specification:ubl:schema:xsd:"
"""Prefix of every UBL root tag; only documents in KINDS are read."""

CONTAINER = f"{FAMILY}AttachedDocument-2}}AttachedDocument"
CARRIED = "cac:Attachment/cac:ExternalReference/cbc:Description"
"""In a container, as invoices are handed over in Colombia: the text of the document."""

KINDS: dict[str, DocumentKind] = {
    "Invoice": DocumentKind.INVOICE,
    "SelfBilledInvoice": DocumentKind.INVOICE,
    "CreditNote": DocumentKind.CREDIT_NOTE,
    "SelfBilledCreditNote": DocumentKind.CREDIT_NOTE,
    "DebitNote": DocumentKind.INVOICE,
    "ApplicationResponse": DocumentKind.OTHER,
}
_TOTALS = ("cac:LegalMonetaryTotal", "cac:RequestedMonetaryTotal")
"""The second is a debit note's."""

_COLOMBIA = "DIAN 2.1"
"""Profile of invoices whose TaxExclusiveAmount is the base of the taxes, and leaves out what is not taxed."""

PREFIXES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def read(root: etree._Element, name: str) -> Document:
    """Read the document, without findings. Raise DocumentUnreadable for another UBL document or an invalid figure."""
    local = etree.QName(root).localname
    if local not in KINDS:
        raise DocumentUnreadable(f"a UBL {local} is neither an invoice nor a credit note; remove it from the invoices")
    stated = root.findtext("cbc:DocumentCurrencyCode", namespaces=PREFIXES)
    here = Node(root, PREFIXES, currency_of(root, stated))
    issued = here.text("cbc:IssueDate")
    number, issued_on = here.text("cbc:ID"), iso_date(issued) if issued else None
    if KINDS[local] is DocumentKind.OTHER:
        return Document(name, FORM, DocumentKind.OTHER, number, issued_on, None)
    total = next((found for path in _TOTALS if (found := here.only(path))), None)
    if total is None:
        raise DocumentUnreadable(f"this UBL {local} has no LegalMonetaryTotal; ask the sender for the whole document")
    code = here.text("cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode")
    lines = tuple(_lines(here, danish=(danish := _is_oioubl(here))))
    subtotal = total.money("cbc:LineExtensionAmount")
    base = subtotal or total_of(line.amount for line in lines if line.summed and line.amount is not None)
    taxes = _parts_and_total(here.all("cac:TaxTotal"))
    start, end = here.period("cac:InvoicePeriod", "cbc:StartDate", "cbc:EndDate")
    exclusive, tax = total.money("cbc:TaxExclusiveAmount"), taxes[1]
    if danish:
        tax, exclusive = tax or exclusive, None
    elif (here.text("cbc:ProfileID") or "").startswith(_COLOMBIA):
        exclusive = None
    return Document(
        file=name,
        format=FORM,
        kind=kind_of(code, otherwise=KINDS[local]),
        number=number,
        issued_on=issued_on,
        currency=here.currency,
        seller=_party_name(here, "cac:AccountingSupplierParty/cac:Party/"),
        buyer=_party_name(here, "cac:AccountingCustomerParty/cac:Party/"),
        customer=here.text("cac:AccountingCustomerParty/cac:Party/cac:PartyIdentification/cbc:ID"),
        subtotal=subtotal,
        allowances=total.money("cbc:AllowanceTotalAmount"),
        charges=total.money("cbc:ChargeTotalAmount"),
        tax_exclusive=exclusive,
        tax=tax,
        tax_inclusive=total.money("cbc:TaxInclusiveAmount"),
        prepaid=total.money("cbc:PrepaidAmount"),
        rounding=total.money("cbc:PayableRoundingAmount"),
        collected=_collected(here),
        withheld=_parts_and_total(here.all("cac:WithholdingTaxTotal"))[1],
        payable=total.money("cbc:PayableAmount"),
        lines=lines,
        adjustments=_adjustments(here, base),
        taxes=taxes[0],
        references=tuple(
            number
            for part in here.all("cac:BillingReference/cac:InvoiceDocumentReference")
            if (number := part.text("cbc:ID"))
        ),
        type_code=code,
        marks=("copy",) if here.is_true("cbc:CopyIndicator") else (),
        period_start=start,
        period_end=end,
    )


def _is_oioubl(here: Node) -> bool:
    """Whether this is Denmark's OIOUBL 2. Its TaxExclusiveAmount is the total tax, elsewhere the total without tax (BT-109), and
    its BaseQuantity is how many units the price is for, which are invoiced as one."""
    return (here.text("cbc:CustomizationID") or "").startswith("OIOUBL-2")


def _party_name(here: Node, party: str) -> str | None:
    """Return BT-27 or BT-44, the registered name; else the trading name, else the contact."""
    return here.text(
        f"{party}cac:PartyLegalEntity/cbc:RegistrationName",
        f"{party}cac:PartyName/cbc:Name",
        f"{party}cac:Contact/cbc:Name",
    )


def _parts_and_total(totals: list[Node]) -> tuple[tuple[TaxSubtotal, ...], str | None]:
    """Return the taxes by rate and their total (BT-110) in the document's currency.

    Totals with a breakdown add up, since plain UBL has one per kind of tax. One without restates the others, such as in the
    accounting currency (BT-111), which may be the same currency.
    """
    ours = [total for total in totals if (amount := total.at("cbc:TaxAmount")) is None or amount.in_document_currency()]
    itemised = [total for total in ours if total.at("cac:TaxSubtotal") is not None]
    parts = tuple(
        TaxSubtotal(
            base=part.money("cbc:TaxableAmount"),
            amount=part.money("cbc:TaxAmount"),
            rate=part.figure("cac:TaxCategory/cbc:Percent", "cbc:Percent"),
            category=part.text("cac:TaxCategory/cbc:ID"),
        )
        for total in itemised
        for part in total.all("cac:TaxSubtotal")
    )
    amounts = [total.money("cbc:TaxAmount") for total in itemised or ours[:1]]
    known = [stated for stated in amounts if stated is not None]
    return parts, total_of(known) if len(known) == len(amounts) else None


def _collected(here: Node) -> str | None:
    """Return payments to third parties, an extension of XRechnung. In plain UBL the element itemises prepayments (BT-113)."""
    if "extension:xrechnung" not in (here.text("cbc:CustomizationID") or ""):
        return None
    return total_of(amount for part in here.all("cac:PrepaidPayment") if (amount := part.money("cbc:PaidAmount")))


def _lines(here: Node, *, danish: bool) -> Iterator[DocumentLine]:
    names = ("cac:InvoiceLine", "cac:CreditNoteLine", "cac:DebitNoteLine")
    for position, line in enumerate((line for name in names for line in here.all(name)), start=1):
        yield from _line_with_parts(line, str(position), summed=True, danish=danish)


def _line_with_parts(here: Node, position: str, *, summed: bool, danish: bool) -> Iterator[DocumentLine]:
    """Yield a line and then its sub lines, whose amounts it already includes (XRechnung's extension)."""
    quantity = here.figure("cbc:InvoicedQuantity", "cbc:CreditedQuantity", "cbc:DebitedQuantity")
    price, base = _price(here, danish=danish)
    taxes, tax = _parts_and_total(here.all("cac:TaxTotal"))
    start, end = here.period("cac:InvoicePeriod", "cbc:StartDate", "cbc:EndDate")
    yield DocumentLine(
        line_no=here.text("cbc:ID") or position,
        description=here.text("cac:Item/cbc:Name", "cac:Item/cbc:Description", "cbc:Note"),
        quantity=quantity,
        base_quantity=base,
        unit_price=price,
        amount=here.money("cbc:LineExtensionAmount"),
        tax_rate=here.figure("cac:Item/cac:ClassifiedTaxCategory/cbc:Percent")
        or (taxes[0].rate if len(taxes) == 1 else None),
        adjustments=_adjustments(here, gross_of(quantity, price, base)),
        summed=summed,
        tax=tax,
        object_id=_object_of(here),
        period_start=start,
        period_end=end,
    )
    for number, part in enumerate(here.all("cac:SubInvoiceLine") + here.all("cac:SubCreditNoteLine"), start=1):
        yield from _line_with_parts(part, f"{position}.{number}", summed=False, danish=danish)


def _price(here: Node, *, danish: bool) -> tuple[str | None, str | None]:
    """Return the price in units of the quantity, and the base quantity that it is for."""
    price, factor = here.money("cac:Price/cbc:PriceAmount"), here.figure("cac:Price/cbc:OrderableUnitFactorRate")
    if price is not None and factor is not None and decimal_of(factor) != 1:
        price = f"{EXACT.multiply(decimal_of(price), decimal_of(factor)):f}"
    return price, None if danish else here.figure("cac:Price/cbc:BaseQuantity")


def _object_of(here: Node) -> str | None:
    """BT-128: the line's document reference of type 130."""
    references = here.all("cac:DocumentReference")
    return next((r.text("cbc:ID") for r in references if r.text("cbc:DocumentTypeCode") == "130"), None)


def _adjustments(here: Node, base: str | None) -> tuple[Adjustment, ...]:
    """Return allowances and charges directly on a line or document; those under cac:Price are part of the price.

    One with a percentage and no amount is computed, from its own base amount or else from `base`.
    """
    return tuple(
        found
        for part in here.all("cac:AllowanceCharge")
        if (
            found := adjustment(
                charge=part.is_true("cbc:ChargeIndicator"),
                amount=part.money("cbc:Amount"),
                percent=part.figure("cbc:MultiplierFactorNumeric"),
                base=part.money("cbc:BaseAmount") or base,
                reason=part.text("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode"),
                tax_rate=part.figure("cac:TaxCategory/cbc:Percent"),
            )
        )
    )
