"""Ledger files: which format a file has, its entries as canonical rows, and its findings. One module a format.

    recognise(data, name) -> one of FORMS, or None; the head of the file is enough
    read(path, form, options=...) -> LedgerFile with its findings; all of it in memory
    rows(path, form, options=...) -> canonical ledger_entries as text, one row an entry, lazily
    as_json(ledger) -> what `billing-recon read` prints

`read` and `rows` raise LedgerUnreadable (a LandingRefused) for a file that is not what `form` message.
"""

from __future__ import annotations

from billing_recon.core.journal import LedgerOptions
from billing_recon.feeds.ledgers.formats import FORMS, read, recognise, rows
from billing_recon.feeds.ledgers.ledger_json import as_json

__all__ = ["FORMS", "LedgerOptions", "as_json", "read", "recognise", "rows"]
