"""Read ledger files: recognise the format, convert entries to canonical rows, and audit them. One module per format.

    recognise(data, name) -> one of FORMS, or None; needs only the head of the file
    read(path, form, options=...) -> LedgerFile with its findings, in memory
    rows(path, form, options=...) -> canonical ledger_entries as text, one row per entry, lazily
    as_json(ledger) -> the output of `billing-recon read`

`read` and `rows` raise LedgerUnreadable (a LandingRefused) for a file that is not in the format `form`.
"""

from __future__ import annotations

from billing_recon.core.journal import LedgerOptions
from billing_recon.feeds.ledgers.formats import FORMS, read, recognise, rows
from billing_recon.feeds.ledgers.ledger_json import as_json

__all__ = ["FORMS", "LedgerOptions", "as_json", "read", "recognise", "rows"]
