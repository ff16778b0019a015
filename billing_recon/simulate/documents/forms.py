"""A simulated document as its service prints it, before it has a form."""

from __future__ import annotations

from decimal import Decimal

from billing_recon.core.money import minor_unit
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.documents.printed import Party, PrintedInvoice, PrintedLine
from billing_recon.simulate.downstream import Document
from billing_recon.simulate.engine import EngineLine

SELLER = Party("Northwind Metrics (simulated)", "DE000000000", "DE")
"""Who sends the documents; a number that no tax office gives."""


def printed(invoice: Invoice, document: Document, document_id: str) -> PrintedInvoice:
    """A document as its service prints it, with any wrong figures."""
    customer = invoice.subscription.customer
    lines = []
    for number, item in enumerate(document.lines, 1):
        line = item.line
        what = line.meter or ("minimum" if line.kind == "minimum" else "base fee")
        lines.append(
            PrintedLine(
                line_no=number,
                line_id=f"{document.named}/{number}" if document.named else invoice.line_id(item.index),
                description=f"{line.plan_id.capitalize()}: {what}, {line.period_start} to {line.period_end} ({line.kind})",
                quantity=line.quantity,
                unit_price=_price(line, minor_unit(invoice.currency)),
                gross=line.gross,
                discount=line.discount,
                amount=item.amount,
                tax_rate=line.tax_rate,
                tax=line.tax,
            )
        )
    return PrintedInvoice(
        document_id=document_id,
        invoice_id=document.named or invoice.invoice_id,
        issued_on=document.issued_on,
        currency=invoice.currency,
        seller=SELLER,
        buyer=Party(f"Customer {customer.customer_id}", customer.customer_id, customer.tax_region[:2]),
        subtotal=document.subtotal,
        discount=document.discount,
        tax=document.tax,
        total=document.total,
        payable=document.payable,
        lines=tuple(lines),
    )


def _price(line: EngineLine, unit: Decimal) -> Decimal | None:
    """The price of one unit if it results in the line's gross (to the `unit` that amounts settle at), else None.

    The engine also states a price on lines that it does not result in: parts of a period, packages, free units. A document
    shows those without a price, and a single unit at its cost.
    """
    if line.unit_price is not None and abs(line.quantity * line.unit_price - line.gross) < unit:
        return line.unit_price
    return line.gross if line.quantity == 1 else None
