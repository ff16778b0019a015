"""The sales invoices of a Portuguese SAF-T file as documents: what each states. What it does to the amount owed is effect's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from billing_recon.core.document import Document, DocumentKind, DocumentLine, DocumentUnreadable
from billing_recon.core.journal import LedgerOptions, LedgerUnreadable, SalesInvoice
from billing_recon.feeds.documents import effect
from billing_recon.feeds.ledgers import saft

FORM = "saft_invoices"


def read(data: bytes, name: str) -> Iterator[Document]:
    """Yield every invoice of the file with its findings. Raise DocumentUnreadable for another file, or one without invoices."""
    if not saft.recognise(data[: 1 << 16], name):
        raise DocumentUnreadable(f"it is no SAF-T file, but the feed's format is {FORM}")
    found = 0
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(data)
        try:
            for item in saft.stream(path, LedgerOptions()):
                if isinstance(item, SalesInvoice):
                    found += 1
                    yield effect.decided(_document(item, name))
        except LedgerUnreadable as error:
            raise DocumentUnreadable(str(error)) from None
    if not found:
        raise DocumentUnreadable(
            "this SAF-T file has no sales invoices in Portugal's layout, the only one that is read; land the ledger with format: saft"
        )


def _document(invoice: SalesInvoice, name: str) -> Document:
    credit_note = invoice.kind == "credit_note"
    return Document(
        file=name,
        format=FORM,
        kind=DocumentKind.CREDIT_NOTE if credit_note else DocumentKind.INVOICE,
        number=invoice.number,
        issued_on=invoice.issued_on.isoformat(),
        currency=invoice.currency,
        customer=invoice.customer_id,
        subtotal=_text(invoice.net),
        tax_exclusive=_text(invoice.net),
        tax=_text(invoice.tax),
        tax_inclusive=_text(invoice.gross),
        withheld=_text(invoice.withheld),
        lines=tuple(
            DocumentLine(
                line_no=line.line_no or str(position),
                description=line.description,
                quantity=_text(line.quantity),
                unit_price=_text(line.unit_price),
                amount=_text(line.amount),
                tax_rate=_text(line.tax_rate),
            )
            for position, line in enumerate(invoice.lines, start=1)
        ),
        references=tuple(dict.fromkeys(line.reference for line in invoice.lines if line.reference)),
        type_code=invoice.type,
        status=invoice.status or None,
    )


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"
