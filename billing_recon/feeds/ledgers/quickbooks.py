"""QuickBooks: the Journal report (Online and Desktop) and the journal-entry import sheet, as CSV.

In a report, only the first row of a transaction has its day, type and number; a row of sums closes the transaction, and a
line TOTAL the report. A sheet has every field on every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Entry,
    Finding,
    FindingCode,
    Journal,
    LedgerOptions,
    LedgerUnreadable,
)
from billing_recon.feeds.ledgers.journal_table import Names, Row, Table, folded, header_in_head
from billing_recon.feeds.ledgers.ledger_figures import excerpt
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Stated
from billing_recon.feeds.ledgers.number_series import Identities

_NAMES: Names = {
    "journal": ("trans#", "transaction#", "transactionid", "journalid", "journalno", "journalnumber", "trans"),
    "entry": ("entryid", "lineid"),
    "date": ("date", "journaldate", "transactiondate", "postingdate"),
    "type": ("transactiontype", "type", "txntype"),
    "number": ("num", "no", "#", "number", "refno", "refnumber", "docnumber"),
    "invoice": ("invoiceid", "invoiceno", "invoicenumber", "invoice#", "invoice"),
    "customer": ("customerid", "customer"),
    "name": ("name", "payee", "entity"),
    "memo": ("memodescription", "memo", "description", "lined", "linedescription"),
    "code": ("accountno", "account#", "accountnumber", "accountcode"),
    "account": ("account", "accountname", "fullname", "distributionaccount"),
    "debit": ("debit", "debits", "debitamount"),
    "credit": ("credit", "credits", "creditamount"),
    "currency": ("currency", "currencycode"),
    "balance": ("balance", "runningbalance"),
}
_NEEDED = (
    frozenset({"date", "account", "debit", "credit", "type"}),
    frozenset({"date", "account", "debit", "credit", "journal"}),
    frozenset({"date", "account", "debit", "credit", "number"}),
    frozenset({"date", "account", "debit", "credit", "name"}),
    frozenset({"date", "account", "debit", "credit", "memo"}),
    frozenset({"date", "code", "debit", "credit", "journal"}),
)
_SALES = frozenset(
    {"invoice", "creditmemo", "salesreceipt", "refundreceipt", "refund", "creditnote", "statementcharge"}
)
_CUSTOMERS = _SALES | {"payment", "receivepayment"}
_OWN_NUMBERS = frozenset(
    {"invoice", "creditmemo", "salesreceipt", "creditnote", "refundreceipt", "journalentry", "generaljournal"}
)


def recognise(head: bytes, name: str) -> bool:
    """Recognise a header line with a day, an account, both sides, and a column that groups rows."""
    return header_in_head(head, _NAMES, _NEEDED)


@dataclass(slots=True)
class _Group:
    """Rows of one transaction."""

    key: tuple[str, ...]
    day: date
    head: Row
    entries: list[Entry] = field(default_factory=list)
    debit: Decimal = ZERO
    credit: Decimal = ZERO


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield the header, each transaction as a journal, and findings about the report's sums."""
    table = Table(path, options, _NAMES, _NEEDED)
    table.open()
    if "balance" in table.columns:
        raise LedgerUnreadable(
            f"{path.name}: it lists accounts with a running balance (a general ledger), in which the rows of a journal stand apart; "
            "export the Journal report, or declare format: csv and map its columns, journal_id from the number of the transaction"
        )
    yield Header(
        version="report" if table.titles else "sheet",
        company=table.titles[0] if table.titles and folded(table.titles[0]) != "journal" else None,
        currency=options.currency,
        period=table.period,
    )
    reader = _Reader(table, options)
    for row in table.rows():
        yield from reader.row(row)
    yield from reader.close()


class _Reader:
    """Groups rows into journals, one transaction at a time."""

    def __init__(self, table: Table, options: LedgerOptions) -> None:
        self.table = table
        self.options = options
        self.group: _Group | None = None
        self.ids = Identities()
        self.of_day: Counter[date] = Counter()

    def row(self, row: Row) -> Iterator[Item]:
        where = f"{self.table.path.name}: line {row.line}"
        debit, symbol = self.table.money(row, "debit")
        credit, other = self.table.money(row, "credit")
        account = row["code"] or row["account"]
        if not row.first:
            if self.group and not self._open():
                yield from self.close()
        elif folded(row.first) in ("total", "grandtotal", "totals"):
            yield from self.close()
            yield Stated("entries", "TOTAL", debit=debit, credit=credit)
        elif not account and (debit is not None or credit is not None):
            yield from self._sums(row, debit or ZERO, credit or ZERO)
        elif not account:
            if not row.only and row["date"] and not row.first.casefold().startswith("total"):
                raise LedgerUnreadable(f"{where} has no account: {excerpt(row.first)}")
            # A line of text: a footer with the basis and the time of the report, or a section's title.
        else:
            if self._begins(row):
                yield from self.close()
                if not row["date"]:
                    raise LedgerUnreadable(f"{where}: the first row of a transaction has no day")
                self.group = _Group(_key(row), self.table.day(row), row)
            assert self.group is not None
            self._post(self.group, row, debit or ZERO, credit or ZERO, symbol or other)

    def _open(self) -> bool:
        return self.group is not None and self.group.debit != self.group.credit

    def _begins(self, row: Row) -> bool:
        """Whether a row begins a transaction: it has a day, and another key or a balanced transaction of its key before it."""
        if self.group is None:
            return True
        if not row["date"]:
            return False
        if _key(row) != self.group.key:
            return True
        return not (row["journal"] or row["number"]) and not self._open()

    def _post(self, group: _Group, row: Row, debit: Decimal, credit: Decimal, symbol: str | None) -> None:
        head = group.head
        type_ = folded(head["type"])
        invoice = row["invoice"] or head["invoice"]
        if not invoice and (type_ in _SALES or "type" not in self.table.columns):
            invoice = head["number"]
        customer = row["customer"] or head["customer"]
        if not customer and (type_ in _CUSTOMERS or "type" not in self.table.columns):
            customer = row["name"] or head["name"]
        group.debit = EXACT.add(group.debit, debit)
        group.credit = EXACT.add(group.credit, credit)
        group.entries.append(
            Entry(
                entry_id=row["entry"],
                journal_id="",
                posted_on=self.table.day(row) if row["date"] else group.day,
                account=row["code"] or row["account"],
                account_name=row["account"] if row["code"] else None,
                debit=debit,
                credit=credit,
                currency=self.table.currency(row["currency"] or head["currency"], symbol),
                document=head["number"] or None,
                invoice_id=invoice or None,
                customer_id=customer or None,
                memo=row["memo"] or head["memo"] or None,
                line=row.line,
            )
        )

    def _sums(self, row: Row, debit: Decimal, credit: Decimal) -> Iterator[Item]:
        """Close the transaction at a row of sums; without an open transaction it is the report's total."""
        group = self.group
        if group is None:
            yield Stated("entries", f"line {row.line}", debit=debit, credit=credit)
            return
        journal = list(self.close())
        yield from journal
        for side, stated, computed in (("debits", debit, group.debit), ("credits", credit, group.credit)):
            if stated != computed:
                where = f"line {row.line}"
                sentence = f"{where} states {side} of {stated:f}; the rows before it sum to {computed:f}."
                yield Finding(FindingCode.TOTALS, where, f"{stated:f}", f"{computed:f}", sentence)

    def close(self) -> Iterator[Item]:
        """Yield the open transaction as a journal, if any."""
        group, self.group = self.group, None
        if group is None:
            return
        self.of_day[group.day] += 1
        journal_id = self.ids.unique(group.head["journal"] or f"{group.day}.{self.of_day[group.day]}")
        entries = tuple(
            replace(entry, journal_id=journal_id, entry_id=self.ids.unique(entry.entry_id or f"{journal_id}/{n}"))
            for n, entry in enumerate(group.entries, 1)
        )
        type_, number = group.head["type"], group.head["number"]
        numbered = self.options.numbered is not False and folded(type_) in _OWN_NUMBERS and bool(number)
        yield Journal(
            journal_id=journal_id,
            dated=group.day,
            entries=entries,
            series=type_ or None,
            number=number if numbered else None,
        )


def _key(row: Row) -> tuple[str, ...]:
    if row["journal"]:
        return (row["journal"],)
    return (row["date"], row["type"], row["number"])
