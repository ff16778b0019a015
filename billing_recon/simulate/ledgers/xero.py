"""A day of the ledger as Xero reports journals: one CSV row per posting."""

from __future__ import annotations

import csv
import io

from billing_recon.simulate.ledgers.journals import ACCOUNT_NAMES, Book

COLUMNS = (
    "Journal Number",
    "Date",
    "Source",
    "Account Code",
    "Account",
    "Description",
    "Reference",
    "Contact",
    "Currency",
    "Debit",
    "Credit",
)


def xero(book: Book) -> bytes:
    """journal_id is Journal Number, memo Description, invoice_id Reference, customer_id Contact.

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
                    "Manual journal",
                    entry.account,
                    ACCOUNT_NAMES.get(entry.account, entry.account),
                    entry.memo,
                    entry.invoice_id,
                    entry.customer_id,
                    entry.currency,
                    debit,
                    credit,
                ]
            )
    return out.getvalue().encode()
