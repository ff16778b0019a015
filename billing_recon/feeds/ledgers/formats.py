"""Recognise and read a ledger of any format. core.feed.LedgerForm lists the formats; each has a module of its name."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import cast

from billing_recon.core.feed import LEDGER_FORMS
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
from billing_recon.feeds.ledgers.ledger_audit import Audit
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, Reader

FORMS: tuple[str, ...] = tuple(form for form in LEDGER_FORMS if form != "ledger")
"""Every format, in the order in which `recognise` tries them."""
READERS: dict[str, Reader] = {form: cast("Reader", import_module(f"{__package__}.{form}")) for form in FORMS}
HEAD_BYTES = 1 << 16
"""Bytes that decide the format of a file."""
_DEFAULTS = LedgerOptions()


def recognise(data: bytes, name: str = "") -> str | None:
    """Return the format of a ledger by its content; the name decides only between text journals. Never raises."""
    head = data[:HEAD_BYTES]
    return next((form for form, reader in READERS.items() if reader.recognise(head, name)), None)


def read(path: Path, form: str, *, options: LedgerOptions = _DEFAULTS) -> LedgerFile:
    """Read the whole ledger with its findings. Raise LedgerUnreadable."""
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
    """Yield the file's items in order, keeping none. To check files larger than memory, pass the items to an Audit."""
    reader = READERS.get(form)
    if reader is None:
        raise LedgerUnreadable(f"{path.name}: '{form}' is not a ledger format; use one of {', '.join(FORMS)}")
    return reader.stream(path, options)


def rows(
    path: Path, form: str, options: LedgerOptions = _DEFAULTS, audit: Audit | None = None
) -> Iterator[dict[str, str | None]]:
    """Yield canonical ledger_entries: their columns as text, and `source_row` (see Entry.line). An `audit` takes all items.

    A posting has one side: a negative debit becomes a credit. `role` is empty; the chart of accounts supplies it.
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
        debit, credit = (amount, Decimal(0)) if amount > 0 else (Decimal(0), amount.copy_abs())
    if debit < 0 or credit < 0:
        debit, credit = _on_positive_side(debit, credit)
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
        "payment_id": None,  # no format names the payment of an entry
        "customer_id": entry.customer_id,
        "memo": entry.memo,
        "source_row": str(entry.line),
    }


def _on_positive_side(debit: Decimal, credit: Decimal) -> tuple[Decimal, Decimal]:
    """Move a negative side to the other side if that is empty; an entry with both sides is left for the contract to refuse."""
    if not credit:
        return Decimal(0), debit.copy_negate()
    if not debit:
        return credit.copy_negate(), Decimal(0)
    return debit, credit
