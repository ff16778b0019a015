"""A printed invoice as UN/CEFACT CII in Factur-X's profile EN 16931. Comments give the business terms (BT)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.simulate.documents.printed import Party, PrintedInvoice, PrintedLine, PrintedTax, category
from billing_recon.simulate.documents.ubl import OBJECT_OF_LINE, TERMS
from billing_recon.simulate.markup import Maker, as_file

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_NAMES = {"rsm": _RSM, "ram": _RAM, "udt": _UDT}

_M = Maker(_RSM, _NAMES)
_R = Maker(_RAM, _NAMES)
_U = Maker(_UDT, _NAMES)


def cii(invoice: PrintedInvoice) -> bytes:
    """The document as a file.

    document_id is a supporting document reference (BT-122) and the file's name, invoice_id the number (BT-1), line_id
    the line's object (BT-128) and a line's own tax the CalculatedAmount of its tax.
    """
    root = _M(
        "CrossIndustryInvoice",
        _M(
            "ExchangedDocumentContext",
            _R("GuidelineSpecifiedDocumentContextParameter", _R("ID", "urn:cen.eu:en16931:2017")),
        ),
        _M(
            "ExchangedDocument",
            _R("ID", invoice.invoice_id),
            _R("TypeCode", "380"),
            _R("IssueDateTime", _U("DateTimeString", f"{invoice.issued_on:%Y%m%d}", format="102")),
        ),
        _M(
            "SupplyChainTradeTransaction",
            *(_line(line) for line in invoice.lines),
            _R(
                "ApplicableHeaderTradeAgreement",
                _seller(invoice.seller),
                _buyer(invoice.buyer),
                _R(
                    "AdditionalReferencedDocument",
                    _R("IssuerAssignedID", invoice.document_id),
                    _R("TypeCode", "916"),
                    _R("Name", "Document number"),
                ),
            ),
            _R(
                "ApplicableHeaderTradeDelivery",
            ),
            _R(
                "ApplicableHeaderTradeSettlement",
                _R("InvoiceCurrencyCode", invoice.currency),
                *map(_tax, invoice.taxes),
                *_other_discount(invoice),
                _R("SpecifiedTradePaymentTerms", _R("Description", TERMS)),
                _totals(invoice),
            ),
        ),
    )
    return as_file(root)


def _seller(party: Party) -> Element:
    return _R(
        "SellerTradeParty",
        _R("Name", party.name),
        _R("PostalTradeAddress", _R("CountryID", party.country)),
        _R("SpecifiedTaxRegistration", _R("ID", party.number, schemeID="VA")),
    )


def _buyer(party: Party) -> Element:
    return _R(
        "BuyerTradeParty",
        _R("ID", party.number),
        _R("Name", party.name),
        _R("PostalTradeAddress", _R("CountryID", party.country)),
    )


def _tax(tax: PrintedTax) -> Element:
    return _R(
        "ApplicableTradeTax",
        _amount("CalculatedAmount", tax.amount),
        _R("TypeCode", "VAT"),
        _amount("BasisAmount", tax.base),
        _R("CategoryCode", tax.category),
        _R("RateApplicablePercent", tax.percent),
    )


def _other_discount(invoice: PrintedInvoice) -> Iterator[Element]:
    """The header's discount beyond the lines' (BG-20), at the first rate."""
    if invoice.other_discount:
        rate = invoice.taxes[0].percent if invoice.taxes else "0"
        tax = _R(
            "CategoryTradeTax",
            _R("TypeCode", "VAT"),
            _R("CategoryCode", category(rate)),
            _R("RateApplicablePercent", rate),
        )
        yield _allowance(invoice.other_discount, tax)


def _allowance(discount: Decimal, *more: Element) -> Element:
    """A discount is an allowance; one below zero is a charge."""
    charge = discount < 0
    return _R(
        "SpecifiedTradeAllowanceCharge",
        _R("ChargeIndicator", _U("Indicator", "true" if charge else "false")),
        _amount("ActualAmount", abs(discount)),
        *([] if charge else [_R("ReasonCode", "95")]),
        _R("Reason", "Discount"),
        *more,
    )


def _totals(invoice: PrintedInvoice) -> Element:
    allowance, prepaid = invoice.other_discount, invoice.prepaid
    return _R(
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        _amount("LineTotalAmount", invoice.net_subtotal),
        *([_amount("ChargeTotalAmount", -allowance)] if allowance < 0 else []),
        *([_amount("AllowanceTotalAmount", allowance)] if allowance > 0 else []),
        _amount("TaxBasisTotalAmount", invoice.taxable),
        _R("TaxTotalAmount", f"{invoice.tax:f}", currencyID=invoice.currency),
        _amount("GrandTotalAmount", invoice.total),
        *([_amount("TotalPrepaidAmount", prepaid)] if prepaid else []),
        _amount("DuePayableAmount", invoice.payable),
    )


def _line(line: PrintedLine) -> Element:
    base = line.price_base
    return _R(
        "IncludedSupplyChainTradeLineItem",
        _R("AssociatedDocumentLineDocument", _R("LineID", str(line.line_no))),
        _R("SpecifiedTradeProduct", _R("Name", line.description)),
        _R(
            "SpecifiedLineTradeAgreement",
            _R(
                "NetPriceProductTradePrice",
                _R("ChargeAmount", line.price),
                *([_R("BasisQuantity", base, unitCode="C62")] if base else []),
            ),
        ),
        _R("SpecifiedLineTradeDelivery", _R("BilledQuantity", plain(line.quantity), unitCode="C62")),
        _R(
            "SpecifiedLineTradeSettlement",
            _R(
                "ApplicableTradeTax",
                _amount("CalculatedAmount", line.tax),
                _R("TypeCode", "VAT"),
                _R("CategoryCode", category(line.percent)),
                _R("RateApplicablePercent", line.percent),
            ),
            *([_allowance(line.discount)] if line.discount else []),
            _R("SpecifiedTradeSettlementLineMonetarySummation", _amount("LineTotalAmount", line.amount)),
            _R("AdditionalReferencedDocument", _R("IssuerAssignedID", line.line_id), _R("TypeCode", OBJECT_OF_LINE)),
        ),
    )


def _amount(tag: str, amount: Decimal) -> Element:
    return _R(tag, f"{amount:f}")
