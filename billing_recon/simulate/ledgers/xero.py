"""A day of the ledger as Xero reports journals: one CSV row per posting."""

from __future__ import annotations

from billing_recon.simulate.ledgers.journals import ACCOUNT_NAMES, Book, Posted, postings_csv

COLUMNS = (
    *("Journal Number", "Date", "Source", "Account Code", "Account", "Description", "Reference", "Contact"),
    *("Currency", "Debit", "Credit"),
)


def xero(book: Book) -> bytes:
    """journal_id is Journal Number, memo Description, invoice_id Reference, customer_id Contact.

    An entry is known by its place in its journal.
    """

    def cells(journal_id: str, entry: Posted, debit: str, credit: str) -> list[str]:
        day, account = entry.posted_on.isoformat(), ACCOUNT_NAMES.get(entry.account, entry.account)
        where = [journal_id, day, "Manual journal", entry.account, account]
        return [*where, entry.memo, entry.invoice_id, entry.customer_id, entry.currency, debit, credit]

    return postings_csv(book, COLUMNS, cells)
