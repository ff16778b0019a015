"""A printed invoice as UBL 2.1 within EN 16931. Comments give the business terms (BT)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.simulate.documents.printed import Party, PrintedInvoice, PrintedLine, category
from billing_recon.simulate.markup import Maker, as_file

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_NAMES = {"": _INVOICE, "cac": _CAC, "cbc": _CBC}

_ROOT = Maker(_INVOICE, _NAMES)
_A = Maker(_CAC, _NAMES)
_B = Maker(_CBC, _NAMES)

OBJECT_OF_LINE = "130"
"""UNTDID 1001: the engine's line behind a line of the document (BT-128)."""
TERMS = "Collected automatically within 30 days."
"""BT-20."""


def ubl(invoice: PrintedInvoice) -> bytes:
    """The document as a file.

    document_id is a supporting document reference (BT-122) and the file's name, invoice_id the number (BT-1), line_id
    the line's object (BT-128) and a line's own tax its cac:TaxTotal, which UBL has and EN 16931 does not name.
    """
    root = _ROOT(
        "Invoice",
        _B("CustomizationID", "urn:cen.eu:en16931:2017"),
        _B("ID", invoice.invoice_id),
        _B("IssueDate", invoice.issued_on.isoformat()),
        _B("InvoiceTypeCode", "380"),
        _B("DocumentCurrencyCode", invoice.currency),
        _A("AdditionalDocumentReference", _B("ID", invoice.document_id), _B("DocumentDescription", "Document number")),
        _A("AccountingSupplierParty", _seller(invoice.seller)),
        _A("AccountingCustomerParty", _buyer(invoice.buyer)),
        _A("PaymentTerms", _B("Note", TERMS)),
        *_other_discount(invoice),
        _tax_total(invoice),
        _totals(invoice),
        *(_line(invoice, line) for line in invoice.lines),
    )
    return as_file(root)


def _seller(party: Party) -> Element:
    return _A(
        "Party",
        _A("PostalAddress", _A("Country", _B("IdentificationCode", party.country))),
        _A("PartyTaxScheme", _B("CompanyID", party.number), _A("TaxScheme", _B("ID", "VAT"))),
        _A("PartyLegalEntity", _B("RegistrationName", party.name)),
    )


def _buyer(party: Party) -> Element:
    return _A(
        "Party",
        _A("PartyIdentification", _B("ID", party.number)),
        _A("PostalAddress", _A("Country", _B("IdentificationCode", party.country))),
        _A("PartyLegalEntity", _B("RegistrationName", party.name)),
    )


def _other_discount(invoice: PrintedInvoice) -> Iterator[Element]:
    """The header's discount beyond the lines' (BG-20), at the first rate."""
    if invoice.other_discount:
        rate = invoice.taxes[0].percent if invoice.taxes else "0"
        yield _allowance(invoice, invoice.other_discount, _category("TaxCategory", rate))


def _allowance(invoice: PrintedInvoice, discount: Decimal, *more: Element) -> Element:
    """A discount is an allowance; one below zero is a charge."""
    charge = discount < 0
    return _A(
        "AllowanceCharge",
        _B("ChargeIndicator", "true" if charge else "false"),
        *([] if charge else [_B("AllowanceChargeReasonCode", "95")]),
        _B("AllowanceChargeReason", "Discount"),
        _amount(invoice, "Amount", abs(discount)),
        *more,
    )


def _tax_total(invoice: PrintedInvoice) -> Element:
    return _A(
        "TaxTotal",
        _amount(invoice, "TaxAmount", invoice.tax),
        *(
            _A(
                "TaxSubtotal",
                _amount(invoice, "TaxableAmount", tax.base),
                _amount(invoice, "TaxAmount", tax.amount),
                _category("TaxCategory", tax.percent),
            )
            for tax in invoice.taxes
        ),
    )


def _totals(invoice: PrintedInvoice) -> Element:
    allowance, prepaid = invoice.other_discount, invoice.prepaid
    return _A(
        "LegalMonetaryTotal",
        _amount(invoice, "LineExtensionAmount", invoice.net_subtotal),
        _amount(invoice, "TaxExclusiveAmount", invoice.taxable),
        _amount(invoice, "TaxInclusiveAmount", invoice.total),
        *([_amount(invoice, "AllowanceTotalAmount", allowance)] if allowance > 0 else []),
        *([_amount(invoice, "ChargeTotalAmount", -allowance)] if allowance < 0 else []),
        *([_amount(invoice, "PrepaidAmount", prepaid)] if prepaid else []),
        _amount(invoice, "PayableAmount", invoice.payable),
    )


def _line(invoice: PrintedInvoice, line: PrintedLine) -> Element:
    base = line.price_base
    return _A(
        "InvoiceLine",
        _B("ID", str(line.line_no)),
        _B("InvoicedQuantity", plain(line.quantity), unitCode="C62"),
        _amount(invoice, "LineExtensionAmount", line.amount),
        _A("DocumentReference", _B("ID", line.line_id), _B("DocumentTypeCode", OBJECT_OF_LINE)),
        *([_allowance(invoice, line.discount)] if line.discount else []),
        _A("TaxTotal", _amount(invoice, "TaxAmount", line.tax)),
        _A("Item", _B("Name", line.description), _category("ClassifiedTaxCategory", line.percent)),
        _A(
            "Price",
            _B("PriceAmount", line.price, currencyID=invoice.currency),
            *([_B("BaseQuantity", base, unitCode="C62")] if base else []),
        ),
    )


def _category(tag: str, percent: str) -> Element:
    return _A(tag, _B("ID", category(percent)), _B("Percent", percent), _A("TaxScheme", _B("ID", "VAT")))


def _amount(invoice: PrintedInvoice, tag: str, amount: Decimal) -> Element:
    return _B(tag, f"{amount:f}", currencyID=invoice.currency)
