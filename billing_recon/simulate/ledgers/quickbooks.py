"""A day of the ledger as QuickBooks Online takes journal entries: one CSV row per posting."""

from __future__ import annotations

import csv
import io

from billing_recon.simulate.ledgers.journals import Book

COLUMNS = ("Journal No", "Journal Date", "Currency", "Account", "Debits", "Credits", "Memo", "Name", "Ref No")


def quickbooks(book: Book) -> bytes:
    """journal_id is Journal No, memo Memo, invoice_id Ref No, customer_id Name.

    An entry is known by its place in its journal.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for journal_id, entries in book.journals:
        for entry in entries:
            debit, credit = ("", f"{entry.credit:f}") if entry.credits else (f"{entry.debit:f}", "")
            rows.writerow(
                [
                    journal_id,
                    entry.posted_on.isoformat(),
                    entry.currency,
                    entry.account,
                    debit,
                    credit,
                    entry.memo,
                    entry.customer_id,
                    entry.invoice_id,
                ]
            )
    return out.getvalue().encode()
