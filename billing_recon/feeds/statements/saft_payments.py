"""The payments of a Portuguese SAF-T file, an entry for each invoice that a receipt settles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.core.journal import ZERO, LedgerOptions, LedgerUnreadable, Receipt, SettledInvoice
from billing_recon.feeds.ledgers import saft
from billing_recon.feeds.statements.statement_rows import Entry, EntryIds, Remark

FORM = "saft_payments"


def read(name: str, path: Path) -> Iterator[Entry | Remark]:
    """Yield the entries of every receipt. Raise LandingRefused for another file, or one without payments."""
    ids, row, receipts = EntryIds(), 0, 0
    try:
        for item in saft.stream(path, LedgerOptions()):
            if not isinstance(item, Receipt):
                continue
            receipts += 1
            settled = item.settles or (SettledInvoice(None, item.gross or ZERO),)
            total = sum((part.amount for part in settled), ZERO)
            if item.gross is not None and total != item.gross:
                yield Remark(
                    row + 1, "TOTALS", f"payment {item.number}: settles {total:f} of invoices, but is of {item.gross:f}"
                )
            for number, part in enumerate(settled, start=1):
                row += 1
                yield _entry(item, part, row, ids.next(item.number if len(settled) == 1 else f"{item.number}/{number}"))
    except LedgerUnreadable as error:
        raise LandingRefused(f"{name}: {error}") from None
    if not receipts:
        raise LandingRefused(
            f"{name}: this SAF-T file has no payments in Portugal's layout, the only one that is read; a file without payments is declared "
            "by none"
        )


def _entry(receipt: Receipt, part: SettledInvoice, row: int, entry_id: str) -> Entry:
    """Return the payment of one invoice; what goes back to the customer is a refund."""
    received = part.amount >= 0
    return Entry(
        row,
        entry_id=entry_id,
        kind="payment" if received else "refund",
        sign="credit" if received else "debit",
        amount=f"{abs(part.amount):f}",
        currency=receipt.currency or "",
        status="succeeded" if receipt.counted else "information",
        booked_on=receipt.paid_on.isoformat(),
        value_on=receipt.paid_on.isoformat(),
        structured_reference=part.invoice_id,
        party_account=receipt.customer_id,
        statement=receipt.number,
    )
