"""A day of the ledger as QuickBooks Online takes journal entries: one CSV row per posting."""

from __future__ import annotations

from billing_recon.simulate.ledgers.journals import Book, Posted, postings_csv

COLUMNS = ("Journal No", "Journal Date", "Currency", "Account", "Debits", "Credits", "Memo", "Name", "Ref No")


def quickbooks(book: Book) -> bytes:
    """journal_id is Journal No, memo Memo, invoice_id Ref No, customer_id Name.

    An entry is known by its place in its journal.
    """

    def cells(journal_id: str, entry: Posted, debit: str, credit: str) -> list[str]:
        where = [journal_id, entry.posted_on.isoformat(), entry.currency, entry.account]
        return [*where, debit, credit, entry.memo, entry.customer_id, entry.invoice_id]

    return postings_csv(book, COLUMNS, cells)
