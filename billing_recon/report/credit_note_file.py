"""A credit note as a UBL 2.1 file that takes back a whole invoice. Its number is a draft: the issuing system gives the legal one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from lxml import etree

from billing_recon.core.money import plain

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_ROOT = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
DRAFT = "Draft: the issuing system gives the number."


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """A line of the invoice that is taken back; `taxable` is net of discounts and of credits before tax."""

    line_id: str
    description: str
    taxable: Decimal
    tax_rate: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class CreditNote:
    """What a credit note takes back. `total` is what the invoice asked for; less than its lines if prepaid credit was used."""

    invoice_id: str
    issued_on: date
    invoice_issued_on: date
    seller: str
    customer_id: str
    country: str
    currency: str
    total: Decimal
    lines: Sequence[CreditedLine]


def credit_note_file(note: CreditNote) -> bytes:
    """The file. Amounts are positive, as UBL has them on a credit note; the invoice is named as the one taken back (BT-25)."""
    taxable = sum((line.taxable for line in note.lines), Decimal(0))
    tax = sum((line.tax for line in note.lines), Decimal(0))
    prepaid = taxable + tax - note.total

    def money(tag: str, amount: Decimal) -> Element:
        return _b(tag, plain(amount, note.currency), currencyID=note.currency)

    rates = sorted({line.tax_rate for line in note.lines})
    subtotals = [
        _a(
            "TaxSubtotal",
            money("TaxableAmount", sum((x.taxable for x in note.lines if x.tax_rate == rate), Decimal(0))),
            money("TaxAmount", sum((x.tax for x in note.lines if x.tax_rate == rate), Decimal(0))),
            _category("TaxCategory", rate),
        )
        for rate in rates
    ]
    names: dict[str | None, str] = {None: _ROOT, "cac": _CAC, "cbc": _CBC}
    root = etree.Element(f"{{{_ROOT}}}CreditNote", nsmap=names)  # type: ignore[arg-type]  # the stubs know no name without a prefix
    root.extend(
        [
            _b("CustomizationID", "urn:cen.eu:en16931:2017"),
            _b("ID", f"{note.invoice_id}-CN"),
            _b("IssueDate", note.issued_on.isoformat()),
            _b("CreditNoteTypeCode", "381"),
            _b("Note", DRAFT),
            _b("DocumentCurrencyCode", note.currency),
            _a(
                "BillingReference",
                _a(
                    "InvoiceDocumentReference",
                    _b("ID", note.invoice_id),
                    _b("IssueDate", note.invoice_issued_on.isoformat()),
                ),
            ),
            _a("AccountingSupplierParty", _a("Party", _a("PartyLegalEntity", _b("RegistrationName", note.seller)))),
            _a(
                "AccountingCustomerParty",
                _a(
                    "Party",
                    _a("PartyIdentification", _b("ID", note.customer_id)),
                    *(
                        [_a("PostalAddress", _a("Country", _b("IdentificationCode", note.country)))]
                        if note.country
                        else []
                    ),
                    _a("PartyLegalEntity", _b("RegistrationName", note.customer_id)),
                ),
            ),
            _a("TaxTotal", money("TaxAmount", tax), *subtotals),
            _a(
                "LegalMonetaryTotal",
                money("LineExtensionAmount", taxable),
                money("TaxExclusiveAmount", taxable),
                money("TaxInclusiveAmount", taxable + tax),
                *([money("PrepaidAmount", prepaid)] if prepaid else []),
                money("PayableAmount", note.total),
            ),
            *(
                _a(
                    "CreditNoteLine",
                    _b("ID", str(number)),
                    _b("CreditedQuantity", "-1" if line.taxable < 0 else "1", unitCode="C62"),
                    money("LineExtensionAmount", line.taxable),
                    _a("DocumentReference", _b("ID", line.line_id)),
                    _a("Item", _b("Name", line.description), _category("ClassifiedTaxCategory", line.tax_rate)),
                    _a("Price", money("PriceAmount", abs(line.taxable))),
                )
                for number, line in enumerate(note.lines, 1)
            ),
        ]
    )
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _category(tag: str, rate: Decimal) -> Element:
    percent = plain(rate * 100)
    return _a(tag, _b("ID", "S" if rate else "Z"), _b("Percent", percent), _a("TaxScheme", _b("ID", "VAT")))


def _a(tag: str, *children: Element) -> Element:
    element = etree.Element(f"{{{_CAC}}}{tag}")
    element.extend(children)
    return element


def _b(tag: str, text: str, **attributes: str) -> Element:
    element = etree.Element(f"{{{_CBC}}}{tag}", attributes)
    element.text = text
    return element
