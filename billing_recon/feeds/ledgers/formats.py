"""The formats, in the order in which a file is tried, and what is done with any of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from billing_recon.core.journal import (
    Account,
    Entry,
    Journal,
    LedgerFile,
    LedgerOptions,
    LedgerUnreadable,
    Receipt,
    SalesInvoice,
)
from billing_recon.feeds.ledgers import beancount, datev, hledger, quickbooks, saft, xero
from billing_recon.feeds.ledgers.ledger_audit import Audit
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, Reader

READERS: tuple[Reader, ...] = (saft, datev, xero, quickbooks, beancount, hledger)
FORMS: tuple[str, ...] = tuple(reader.FORM for reader in READERS)
"""Every format that `recognise` can answer."""
HEAD_BYTES = 1 << 16
"""How much of a file is looked at to tell its format."""
_DEFAULTS = LedgerOptions()


def recognise(data: bytes, name: str = "") -> str | None:
    """The format of a ledger by its content, its name deciding only between the text journals. Never raises."""
    head = data[:HEAD_BYTES]
    return next((reader.FORM for reader in READERS if reader.recognise(head, name)), None)


def read(path: Path, form: str, *, options: LedgerOptions = _DEFAULTS) -> LedgerFile:
    """The whole ledger with its findings. Raises LedgerUnreadable."""
    header = Header()
    audit = Audit()
    accounts: list[Account] = []
    entries: list[Entry] = []
    invoices: list[SalesInvoice] = []
    payments: list[Receipt] = []
    notes: list[str] = []
    for item in stream(path, form, options):
        audit.take(item)
        match item:
            case Header():
                header = item
            case Account():
                accounts.append(item)
            case Journal():
                entries.extend(item.entries)
            case SalesInvoice():
                invoices.append(item)
            case Receipt():
                payments.append(item)
            case Note():
                notes.append(item.sentence)
            case _:
                pass
    return LedgerFile(
        file=path.name,
        format=form,
        version=header.version,
        company=header.company,
        currency=header.currency,
        period=header.period,
        accounts=tuple(accounts),
        entries=tuple(entries),
        invoices=tuple(invoices),
        payments=tuple(payments),
        findings=audit.findings(),
        notes=tuple(notes),
    )


def stream(path: Path, form: str, options: LedgerOptions = _DEFAULTS) -> Iterator[Item]:
    """The file's items in order, none kept. For checks of files that do not fit into memory, feed them to an Audit."""
    reader = next((reader for reader in READERS if form == reader.FORM), None)
    if reader is None:
        raise LedgerUnreadable(f"{path.name}: '{form}' is no ledger format; use one of {', '.join(FORMS)}")
    return reader.stream(path, options)


def rows(
    path: Path, form: str, options: LedgerOptions = _DEFAULTS, audit: Audit | None = None
) -> Iterator[dict[str, str | None]]:
    """Canonical ledger_entries, lazily: their columns as text, and `source_row` (see Entry.line). An `audit` hears all items.

    A posting stands on one side: a negative debit is a credit here. `role` is empty: the chart of accounts gives it.
    """
    for item in stream(path, form, options):
        if audit is not None:
            audit.take(item)
        if isinstance(item, Journal):
            for entry in item.entries:
                yield _row(entry, options)


def _row(entry: Entry, options: LedgerOptions) -> dict[str, str | None]:
    debit, credit, currency = entry.debit, entry.credit, entry.currency
    if options.amounts == "document" and entry.document_amount is not None:
        amount, currency = entry.document_amount, entry.document_currency
        debit, credit = (amount, Decimal(0)) if amount > 0 else (Decimal(0), amount.copy_negate())
    if debit < 0 or credit < 0:
        debit, credit = _turned(debit, credit)
    return {
        "entry_id": entry.entry_id,
        "journal_id": entry.journal_id,
        "posted_on": entry.posted_on.isoformat(),
        "account": entry.account,
        "role": None,
        "debit": f"{debit:f}",
        "credit": f"{credit:f}",
        "currency": currency,
        "invoice_id": entry.invoice_id,
        "customer_id": entry.customer_id,
        "memo": entry.memo,
        "source_row": str(entry.line),
    }


def _turned(debit: Decimal, credit: Decimal) -> tuple[Decimal, Decimal]:
    """Negative sides on the other side, where it is free; what stands on both sides is left for the contract to refuse."""
    if not credit:
        return Decimal(0), debit.copy_negate()
    if not debit:
        return credit.copy_negate(), Decimal(0)
    return debit, credit
