"""A day of the ledger for beancount. Every posting names its currency, so one file holds all."""

from __future__ import annotations

from billing_recon.simulate.ledgers.journals import ACCOUNT_PATHS, Book


def beancount(book: Book) -> bytes:
    """The file is a complete ledger: it opens the accounts that it uses, on its day.

    journal_id, invoice_id and customer_id are metadata of the transaction, entry_id of its posting; the memo is the
    narration. Accounts are paths, which the home's feed maps to numbers.
    """
    out = [f'option "title" "{book.company}"', ""]
    out += [f"{book.day} open {ACCOUNT_PATHS[account]}" for account in sorted({e.account for e in book.entries})]
    for journal_id, entries in book.journals:
        first = entries[0]
        out += [
            "",
            f"{first.posted_on} * {_text(first.memo)} ^{first.invoice_id}",
            f"  journal_id: {_text(journal_id)}",
            f"  invoice_id: {_text(first.invoice_id)}",
            f"  customer_id: {_text(first.customer_id)}",
        ]
        for entry in entries:
            out += [
                f"  {ACCOUNT_PATHS[entry.account]}  {entry.signed:f} {entry.currency}",
                f"    entry_id: {_text(entry.entry_id)}",
            ]
    return ("\n".join(out) + "\n").encode()


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
