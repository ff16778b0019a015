"""A day of the ledger for hledger and ledger. Every posting names its currency, so one file holds all."""

from __future__ import annotations

from billing_recon.simulate.ledgers.journals import ACCOUNT_PATHS, Book


def hledger(book: Book) -> bytes:
    """The file is a complete journal.

    invoice_id is the code and the memo the description; journal_id and customer_id are tags of the transaction, entry_id
    one of its posting. Accounts are paths, which the home's feed maps to numbers.
    """
    out = [f"; {book.company}, {book.day}"]
    for journal_id, entries in book.journals:
        first = entries[0]
        out += [
            "",
            f"{first.posted_on} * ({first.invoice_id}) {first.memo}"
            f"  ; journal_id:{journal_id}, customer_id:{first.customer_id}",
        ]
        out += [
            f"    {ACCOUNT_PATHS[entry.account]}  {entry.signed:f} {entry.currency}  ; entry_id:{entry.entry_id}"
            for entry in entries
        ]
    return ("\n".join(out) + "\n").encode()
