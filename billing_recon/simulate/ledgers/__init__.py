"""The ledger as real files: one module per form; equal books give equal bytes.

Forms with one currency per file (SAF-T, DATEV) are written as a file per currency. Each module states where it writes a
row's columns; none writes `role`, which follows from the account (company.yaml, roles).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from billing_recon.simulate.ledgers.journals import Book, NotRepresentable, Posted

__all__ = ["Book", "BookedAs", "NotRepresentable", "Posted", "write"]


class BookedAs(StrEnum):
    """How the simulator lands its ledger."""

    CSV = "csv"
    """Rows in the canonical columns."""
    SAFT_NO = "saft-no"
    SAFT_PT = "saft-pt"
    DATEV = "datev"
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"
    QUICKBOOKS = "quickbooks"
    XERO = "xero"


def write(book: Book, form: BookedAs) -> Iterator[tuple[str, bytes]]:
    """A day's files, each with the end of its name: ("beancount", ...), or ("EUR.xml", ...) per currency.

    A form's libraries are loaded when it is first written. Rows (csv) are written elsewhere.
    """
    match form:
        case BookedAs.SAFT_NO:
            from billing_recon.simulate.ledgers.saft import norwegian

            yield from ((f"{currency}.xml", norwegian(part)) for currency, part in _by_currency(book))
        case BookedAs.SAFT_PT:
            from billing_recon.simulate.ledgers.saft import portuguese

            yield from ((f"{currency}.xml", portuguese(part)) for currency, part in _by_currency(book))
        case BookedAs.DATEV:
            from billing_recon.simulate.ledgers.datev import datev

            yield from ((f"{currency}.csv", datev(part)) for currency, part in _by_currency(book))
        case BookedAs.BEANCOUNT:
            from billing_recon.simulate.ledgers.beancount import beancount

            yield "beancount", beancount(book)
        case BookedAs.HLEDGER:
            from billing_recon.simulate.ledgers.hledger import hledger

            yield "journal", hledger(book)
        case BookedAs.QUICKBOOKS:
            from billing_recon.simulate.ledgers.quickbooks import quickbooks

            yield "csv", quickbooks(book)
        case BookedAs.XERO:
            from billing_recon.simulate.ledgers.xero import xero

            yield "csv", xero(book)
        case BookedAs.CSV:
            raise ValueError("rows are written by simulate.files")


def _by_currency(book: Book) -> Iterator[tuple[str, Book]]:
    for currency in sorted({entry.currency for entry in book.entries}):
        yield currency, book.in_currency(currency)
