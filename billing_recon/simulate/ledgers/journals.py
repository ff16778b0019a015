"""The input of a ledger writer: one day's rows of ledger_entries, and their books."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from billing_recon.core.errors import BillingReconError


class NotRepresentable(BillingReconError):
    """A ledger that a form cannot represent. States why, and which forms can."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A row of ledger_entries; one of debit and credit is nothing."""

    entry_id: str
    journal_id: str
    posted_on: date
    account: str
    role: str
    debit: Decimal
    credit: Decimal
    currency: str
    invoice_id: str
    customer_id: str
    memo: str

    @property
    def signed(self) -> Decimal:
        """Positive for a debit."""
        return self.debit - self.credit

    @property
    def credits(self) -> bool:
        """Its side. A posting of zero debits a receivable and credits anything else."""
        return self.signed < 0 or (not self.signed and self.role != "ar")


@dataclass(frozen=True, slots=True)
class Book:
    """One day of a ledger. `opening` is each (account, currency)'s balance before it, above zero for a debit."""

    company: str
    day: date
    entries: tuple[Posted, ...]
    opening: Mapping[tuple[str, str], Decimal]

    @property
    def journals(self) -> list[tuple[str, list[Posted]]]:
        """The entries by journal, in their order."""
        return [(journal, list(entries)) for journal, entries in groupby(self.entries, lambda e: e.journal_id)]

    @property
    def diaries(self) -> list[tuple[str, list[tuple[str, list[Posted]]]]]:
        """The journals by the series that their numbers begin with: JRN of JRN-000017."""
        found: dict[str, list[tuple[str, list[Posted]]]] = {}
        for journal_id, entries in self.journals:
            found.setdefault(journal_id.partition("-")[0], []).append((journal_id, entries))
        return sorted(found.items())

    def currency(self, form: str) -> str:
        """The book's only currency; NotRepresentable unless it has exactly one."""
        found = sorted({entry.currency for entry in self.entries})
        if len(found) != 1:
            raise NotRepresentable(
                f"{form} states one currency a file and {self.day} has {' and '.join(found) or 'no postings'}; "
                "write a file for each, or choose beancount, hledger, quickbooks, xero or csv, which name it on each posting"
            )
        return found[0]

    def in_currency(self, currency: str) -> Book:
        """The part of the book in one currency."""
        return Book(self.company, self.day, tuple(e for e in self.entries if e.currency == currency), self.opening)

    def closing(self) -> dict[tuple[str, str], Decimal]:
        """The balances after the day."""
        balances = dict(self.opening)
        for entry in self.entries:
            key = (entry.account, entry.currency)
            balances[key] = balances.get(key, Decimal(0)) + entry.signed
        return balances


ACCOUNT_NAMES: dict[str, str] = {
    "1000": "Cash",
    "1200": "Receivable",
    "2200": "Tax payable",
    "2300": "Customer credit",
    "4000": "Revenue",
}
"""The simulated chart of accounts, in words."""

ACCOUNT_PATHS: dict[str, str] = {
    "1000": "Assets:Cash",
    "1200": "Assets:Receivable",
    "2200": "Liabilities:Tax",
    "2300": "Liabilities:CustomerCredit",
    "4000": "Income:Revenue",
    "6800": "Expenses:PaymentFees",
}
"""The same for plain-text ledgers, whose accounts are paths."""


def postings_csv(book: Book, columns: Sequence[str], cells: Callable[[str, Posted, str, str], Sequence[str]]) -> bytes:
    """One CSV row per posting: its `cells` from its journal's id, itself, and its debit and credit as text."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(columns)
    for journal_id, entries in book.journals:
        for entry in entries:
            debit, credit = ("", f"{entry.credit:f}") if entry.credits else (f"{entry.debit:f}", "")
            rows.writerow(cells(journal_id, entry, debit, credit))
    return out.getvalue().encode()
