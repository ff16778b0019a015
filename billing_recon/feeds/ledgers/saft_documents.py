"""Portugal's sales invoices and payments in a SAF-T file (SourceDocuments, Portaria 302/2016, version 1.04_01)."""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    InvoiceLine,
    LedgerUnreadable,
    Receipt,
    SalesInvoice,
    SettledInvoice,
)
from billing_recon.feeds.ledgers.ledger_figures import excerpt, iso_day
from billing_recon.feeds.ledgers.saft_fields import Fields, fields, number
from billing_recon.feeds.ledgers.xml_records import local

CREDIT_NOTES = frozenset({"NC", "TD", "RE", "DA"})
"""Types of credit notes: credit note, return slip, reversed premium, returned assets."""
_UNCOUNTED = frozenset({"A", "F"})
"""Statuses that count but do not add to the totals: cancelled, or billed by another document."""


def invoice(file: str, element: etree._Element, currency: str | None) -> SalesInvoice:
    """Read one Invoice. Raise LedgerUnreadable naming it."""
    at = fields(element)
    given = at.text("InvoiceNo")
    if not given:
        raise LedgerUnreadable(f"{file}: line {element.sourceline}: an invoice without InvoiceNo")
    where = f"{file}: invoice {excerpt(given)}"
    type_ = at.text("InvoiceType") or ""
    credit_note = type_ in CREDIT_NOTES
    status = fields(at.element("DocumentStatus")).text("InvoiceStatus") or ""
    debit, credit = ZERO, ZERO
    lines = []
    for child in at.root:
        if local(child) != "Line":
            continue
        line = fields(child)
        left, right = _sides(line, where)
        debit, credit = EXACT.add(debit, left), EXACT.add(credit, right)
        lines.append(_line(line, left, right, credit_note, where))
    totals = fields(at.element("DocumentTotals"))
    return SalesInvoice(
        number=given,
        kind="credit_note" if credit_note else "invoice",
        type=type_,
        status=status,
        issued_on=iso_day(at.text("InvoiceDate") or "", f"{where}: InvoiceDate"),
        customer_id=at.text("CustomerID"),
        currency=currency,
        net=number(totals, "NetTotal", where),
        tax=number(totals, "TaxPayable", where),
        gross=number(totals, "GrossTotal", where),
        debit=debit,
        credit=credit,
        counted=status not in _UNCOUNTED,
        journal_id=at.text("TransactionID"),
        lines=tuple(lines),
        withheld=_withheld(at, where),
    )


def _withheld(at: Fields, where: str) -> Decimal | None:
    """Return the sum of the taxes that the customer withholds; None if there is none."""
    amounts = [
        number(fields(child), "WithholdingTaxAmount", where) for child in at.root if local(child) == "WithholdingTax"
    ]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if known else None


def _line(line: Fields, debit: Decimal, credit: Decimal, credit_note: bool, where: str) -> InvoiceLine:
    tax = fields(line.element("Tax"))
    return InvoiceLine(
        line_no=line.text("LineNumber") or "",
        description=line.text("Description") or line.text("ProductDescription"),
        quantity=number(line, "Quantity", where),
        unit_price=number(line, "UnitPrice", where),
        amount=EXACT.subtract(debit, credit) if credit_note else EXACT.subtract(credit, debit),
        tax_rate=number(tax, "TaxPercentage", where),
        reference=fields(line.element("References")).text("Reference"),
        tax_base=number(line, "TaxBase", where),
    )


def receipt(file: str, element: etree._Element, currency: str | None) -> Receipt:
    """Read one Payment. Raise LedgerUnreadable naming it."""
    at = fields(element)
    given = at.text("PaymentRefNo")
    if not given:
        raise LedgerUnreadable(f"{file}: line {element.sourceline}: a payment without PaymentRefNo")
    where = f"{file}: payment {excerpt(given)}"
    status = fields(at.element("DocumentStatus")).text("PaymentStatus") or ""
    debit, credit = ZERO, ZERO
    settles = []
    for child in at.root:
        if local(child) != "Line":
            continue
        line = fields(child)
        left, right = _sides(line, where)
        debit, credit = EXACT.add(debit, left), EXACT.add(credit, right)
        source = fields(line.element("SourceDocumentID"))
        settles.append(SettledInvoice(source.text("OriginatingON"), EXACT.subtract(right, left)))
    return Receipt(
        number=given,
        status=status,
        paid_on=iso_day(at.text("TransactionDate") or "", f"{where}: TransactionDate"),
        customer_id=at.text("CustomerID"),
        currency=currency,
        gross=number(fields(at.element("DocumentTotals")), "GrossTotal", where),
        debit=debit,
        credit=credit,
        counted=status not in _UNCOUNTED,
        journal_id=at.text("TransactionID"),
        settles=tuple(settles),
    )


def _sides(line: Fields, where: str) -> tuple[Decimal, Decimal]:
    return number(line, "DebitAmount", where) or ZERO, number(line, "CreditAmount", where) or ZERO
