"""Xero: the manual-journal import sheet and the journal report, as CSV.

The sheet has one signed amount per row, debits positive; rows of one narration and day are a journal. The report has both
sides, and either a journal number on every row or a line "ID 123 ..." above each journal's rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
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
from billing_recon.feeds.ledgers import sheet_days
from billing_recon.feeds.ledgers.journal_table import Names, Row, Table, folded, header_in_head
from billing_recon.feeds.ledgers.ledger_figures import excerpt
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, Stated
from billing_recon.feeds.ledgers.number_series import Identities

_NAMES: Names = {
    "journal": ("journalnumber", "journalno", "journalid", "journal#", "journal", "id"),
    "entry": ("entryid", "journallineid", "lineid"),
    "date": ("date", "journaldate"),
    "narration": ("narration",),
    "memo": ("description", "linedescription"),
    "code": ("accountcode", "code"),
    "account": ("account", "accountname"),
    "tax": ("taxrate", "taxtype", "taxname", "taxratename"),
    "amount": ("netamount", "amount", "net"),
    "debit": ("debit", "debits"),
    "credit": ("credit", "credits"),
    "invoice": ("invoicenumber", "invoiceno", "invoiceid", "reference", "sourcereference", "journalreference"),
    "customer": ("contactid", "customerid", "contact", "contactname", "customer"),
    "source": ("source", "sourcetype"),
    "currency": ("currency", "currencycode"),
}
_NEEDED = (
    frozenset({"narration", "date", "code", "amount"}),
    frozenset({"narration", "date", "code", "debit", "credit"}),
    frozenset({"journal", "date", "code", "amount"}),
    frozenset({"journal", "date", "code", "debit", "credit", "source"}),
    frozenset({"journal", "date", "code", "debit", "credit", "account"}),
    frozenset({"code", "account", "debit", "credit", "tax"}),
)
_UNTAXED = frozenset({"", "none", "taxexempt", "notax", "taxexempt0", "basexcluded", "novat", "zero", "exempt"})
_ABOVE = re.compile(r"\bID\s*:?\s*([0-9]+)")


def recognise(head: bytes, name: str) -> bool:
    """Recognise a header line with account codes and a narration or a journal number, as Xero writes them."""
    return header_in_head(head, _NAMES, _NEEDED)


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield the header, then each journal."""
    table = Table(path, options, _NAMES, _NEEDED)
    table.open()
    yield Header(
        version="report" if "narration" not in table.columns else "sheet",
        company=next((t for t in table.titles if "journal" not in t.casefold() and not sheet_days.period_of(t)), None),
        currency=options.currency,
        period=table.period,
    )
    reader = _Reader(table, options)
    for row in table.rows():
        yield from reader.row(row)
    yield from reader.close()
    if reader.taxed:
        yield Note(
            f"{reader.taxed} rows carry a tax rate. Xero books their tax when it imports the sheet; here each row has "
            "its stated amount."
        )


class _Reader:
    """Groups rows into journals, one at a time."""

    def __init__(self, table: Table, options: LedgerOptions) -> None:
        self.table = table
        self.options = options
        self.ids = Identities()
        self.of_day: Counter[date] = Counter()
        self.taxed = 0
        self.above: tuple[str, date | None] | None = None
        self.key: tuple[str, ...] | None = None
        self.rows: list[tuple[Row, Decimal, Decimal, str | None]] = []

    def row(self, row: Row) -> Iterator[Item]:
        where = f"{self.table.path.name}: line {row.line}"
        account = row["code"] or row["account"]
        if not row.first:
            return
        if row.only and (match := _ABOVE.search(row.first)):
            yield from self.close()
            self.above = (match.group(1), sheet_days.day_within(row.first))
            return
        sides = self._sides(row)
        if folded(row.first).startswith("total"):
            yield from self._total(row, sides)
            return
        if sides is None or not account:
            if sides is not None and (sides[0] or sides[1]):
                raise LedgerUnreadable(f"{where} has an amount and no account: {excerpt(row.first)}")
            return
        if self._key(row) != self.key:
            yield from self.close(keep_above=True)
            self.key = self._key(row)
        self.taxed += "narration" in self.table.columns and folded(row["tax"]) not in _UNTAXED
        self.rows.append((row, *sides))

    def _key(self, row: Row) -> tuple[str, ...]:
        if row["journal"]:
            return (row["journal"],)
        return (row["narration"], row["date"]) if row["narration"] else self.key or ()

    def _sides(self, row: Row) -> tuple[Decimal, Decimal, str | None] | None:
        """Return debit and credit of a row; None if it has neither."""
        if "debit" in self.table.columns:
            debit, symbol = self.table.money(row, "debit")
            credit, other = self.table.money(row, "credit")
            if debit is None and credit is None:
                return None
            return debit or ZERO, credit or ZERO, symbol or other
        amount, symbol = self.table.money(row, "amount")
        if amount is None:
            return None
        return (amount, ZERO, symbol) if amount > 0 else (ZERO, amount.copy_negate(), symbol)

    def _total(self, row: Row, sides: tuple[Decimal, Decimal, str | None] | None) -> Iterator[Item]:
        """Close a journal at a line Total; without open rows it is the report's total."""
        held = self.rows
        yield from self.close()
        if sides is None or "debit" not in self.table.columns:
            return
        if not held:
            yield Stated("entries", "Total", debit=sides[0], credit=sides[1])
            return
        for side, stated, at in (("debits", sides[0], 1), ("credits", sides[1], 2)):
            computed = ZERO
            for line in held:
                computed = EXACT.add(computed, line[at])  # type: ignore[arg-type]
            if stated != computed:
                where = f"line {row.line}"
                sentence = f"{where} states {side} of {stated:f}; the rows before it sum to {computed:f}."
                yield Finding(FindingCode.TOTALS, where, f"{stated:f}", f"{computed:f}", sentence)

    def close(self, *, keep_above: bool = False) -> Iterator[Item]:
        """Yield the open journal, if any."""
        held, self.rows, self.key = self.rows, [], None
        above = self.above
        if not keep_above or held:
            self.above = None
        if not held:
            return
        first = held[0][0]
        dated = self._day(first, above)
        self.of_day[dated] += 1
        number = first["journal"] or (above[0] if above else "")
        journal_id = self.ids.unique(number or f"{dated}.{self.of_day[dated]}")
        entries = []
        for n, (row, debit, credit, symbol) in enumerate(held, 1):
            entries.append(
                Entry(
                    entry_id=self.ids.unique(row["entry"] or f"{journal_id}/{n}"),
                    journal_id=journal_id,
                    posted_on=self.table.day(row) if row["date"] else dated,
                    account=row["code"] or row["account"],
                    account_name=row["account"] if row["code"] and row["account"] else None,
                    debit=debit,
                    credit=credit,
                    currency=self.table.currency(row["currency"] or first["currency"], symbol),
                    document=row["invoice"] or first["invoice"] or None,
                    invoice_id=row["invoice"] or first["invoice"] or None,
                    customer_id=row["customer"] or first["customer"] or None,
                    memo=row["memo"] or row["narration"] or first["memo"] or None,
                    line=row.line,
                )
            )
        yield Journal(
            journal_id=journal_id,
            dated=dated,
            entries=tuple(entries),
            number=number or None if self.options.numbered is not False else None,
        )

    def _day(self, row: Row, above: tuple[str, date | None] | None) -> date:
        if row["date"]:
            return self.table.day(row)
        if above and above[1]:
            return above[1]
        raise LedgerUnreadable(f"{self.table.path.name}: line {row.line}: the journal has no day")
