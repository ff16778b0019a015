"""Audit a ledger of any format: balance, roll-forward, numbering, stated totals, period.

Takes a stream of items once; memory grows with accounts, currencies and findings, not with entries.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Account,
    Entry,
    Finding,
    FindingCode,
    InvoiceLine,
    Journal,
    Receipt,
    SalesInvoice,
)
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, Section, Stated
from billing_recon.feeds.ledgers.number_series import Numbering

LIMIT = 1000
"""Findings per code that are listed; a last one counts the rest."""


@dataclass(slots=True)
class _Sums:
    """Totals of both sides."""

    debit: Decimal = ZERO
    credit: Decimal = ZERO
    count: int = 0

    def add(self, debit: Decimal, credit: Decimal) -> None:
        self.debit = EXACT.add(self.debit, debit)
        self.credit = EXACT.add(self.credit, credit)


@dataclass(slots=True)
class _Open:
    """The sums of a journal that does not balance yet, per currency."""

    sums: dict[str | None, _Sums] = field(default_factory=dict)
    tolerance: dict[str | None, Decimal] = field(default_factory=dict)


class Audit:
    """Takes every item in order, then returns the findings."""

    def __init__(self) -> None:
        self._header = Header()
        self._accounts: dict[str, Account] = {}
        self._moved: dict[str, Decimal] = {}
        self._open: dict[str, _Open] = {}
        self._stated: dict[Section, Stated] = {}
        self._sums: dict[Section, _Sums] = {"entries": _Sums(), "invoices": _Sums(), "payments": _Sums()}
        self._lines = 0
        self._numbers: dict[str, Numbering] = {}
        self._found: list[Finding] = []
        self._counts: Counter[FindingCode] = Counter()

    def take(self, item: Item) -> None:
        """Take one item of the stream."""
        match item:
            case Journal():
                self._journal(item)
            case Header():
                self._header = item
            case Account():
                self._accounts[item.account] = item
            case SalesInvoice():
                self._invoice(item)
            case Receipt():
                self._receipt(item)
            case Stated():
                self._stated[item.section] = item
            case Finding():
                self._add(item)
            case Note():
                pass

    def findings(self) -> tuple[Finding, ...]:
        """Return all findings. They depend on the file only."""
        for journal_id, pending in self._open.items():
            for finding in _unbalanced(journal_id, pending):
                self._add(finding)
        for finding in self._roll_forward():
            self._add(finding)
        for numbering in self._numbers.values():
            for finding in numbering.gaps():
                self._add(finding)
        for stated in self._stated.values():
            for finding in self._totals(stated):
                self._add(finding)
        beyond = tuple(
            Finding(code, "file", "", str(count - LIMIT), f"{count - LIMIT} more findings of {code} are not listed.")
            for code, count in self._counts.items()
            if count > LIMIT
        )
        self._open, self._stated, self._accounts, self._numbers = {}, {}, {}, {}
        return (*self._found, *beyond)

    def _add(self, finding: Finding) -> None:
        self._counts[finding.code] += 1
        if self._counts[finding.code] <= LIMIT:
            self._found.append(finding)

    def _journal(self, journal: Journal) -> None:
        pending = self._open.pop(journal.journal_id, None) or _Open()
        totals = self._sums["entries"]
        totals.count += 1
        for entry in journal.entries:
            self._lines += 1
            totals.add(entry.debit, entry.credit)
            if entry.account in self._accounts:
                moved = self._moved.get(entry.account, ZERO)
                self._moved[entry.account] = EXACT.add(moved, entry.amount)
            if not entry.virtual:
                _weigh(pending, entry)
        pending.tolerance.update(journal.tolerance)
        if any(_is_unbalanced(pending, currency) for currency in pending.sums):
            self._open[journal.journal_id] = pending
        self._within(f"journal {journal.journal_id}", journal.dated, journal.period)
        if journal.number:
            self._number("journal", journal.series or "", journal.number, consecutive=journal.consecutive)

    def _number(self, what: str, series: str, number: str, *, consecutive: bool = True) -> None:
        finding = self._numbers.setdefault(what, Numbering(what)).take(series, number, consecutive=consecutive)
        if finding is not None:
            self._add(finding)

    def _within(self, where: str, day: date, period: tuple[int, int] | None = None) -> None:
        declared = self._header.period
        if period is not None and declared.first_period is not None and declared.last_period is not None:
            if not _opened(declared.first_period) <= period <= _closed(declared.last_period):
                is_in, covers = (
                    _numbered(period),
                    f"{_numbered(declared.first_period)} to {_numbered(declared.last_period)}",
                )
                sentence = f"{where} is posted in period {is_in}, but the file covers {covers}."
                self._add(Finding(FindingCode.PERIOD, where, covers, is_in, sentence))
            return
        if (declared.first and day < declared.first) or (declared.last and day > declared.last):
            covers = f"{declared.first or ''} to {declared.last or ''}".strip()
            sentence = f"{where} is posted on {day}, but the file covers {covers}."
            self._add(Finding(FindingCode.PERIOD, where, covers, day.isoformat(), sentence))

    def _invoice(self, invoice: SalesInvoice) -> None:
        self._document("invoices", invoice)
        self._number("invoice", "", invoice.number)
        self._within(f"invoice {invoice.number}", invoice.issued_on)
        for finding in _document_totals(invoice):
            self._add(finding)

    def _receipt(self, receipt: Receipt) -> None:
        self._document("payments", receipt)
        self._number("payment", "", receipt.number)
        self._within(f"payment {receipt.number}", receipt.paid_on)

    def _document(self, section: Section, document: SalesInvoice | Receipt) -> None:
        sums = self._sums[section]
        sums.count += 1
        if document.counted:
            sums.add(document.debit, document.credit)

    def _roll_forward(self) -> list[Finding]:
        moved = self._with_parents()
        findings = []
        for account in self._accounts.values():
            if account.opening is None or account.closing is None:
                continue
            movement = moved.get(account.account, ZERO)
            computed = EXACT.add(account.opening, movement)
            if computed == account.closing:
                continue
            apart = EXACT.subtract(account.closing, computed)
            money = self._header.currency or ""
            sentence = (
                f"account {account.account}: opening {account.opening:f} + movements {movement:f} = {computed:f}; "
                f"the file states a closing balance of {account.closing:f}, {apart:f} {money}".rstrip()
                + " apart (debits positive)."
            )
            where = f"account {account.account}"
            findings.append(Finding(FindingCode.ROLL_FORWARD, where, f"{account.closing:f}", f"{computed:f}", sentence))
        return findings

    def _with_parents(self) -> dict[str, Decimal]:
        """Return movements including those of each account's subaccounts."""
        moved = dict(self._moved)
        for name, amount in self._moved.items():
            seen = {name}
            parent = self._accounts[name].parent
            while parent is not None and parent not in seen and parent in self._accounts:
                moved[parent] = EXACT.add(moved.get(parent, ZERO), amount)
                seen.add(parent)
                parent = self._accounts[parent].parent
        return moved

    def _totals(self, stated: Stated) -> list[Finding]:
        sums = self._sums[stated.section]
        findings = []
        counts = (sums.count, self._lines) if stated.section == "entries" else (sums.count,)
        if stated.count is not None and stated.count not in counts:
            has = str(sums.count) if len(counts) == 1 else f"{sums.count} journals of {self._lines} entries"
            sentence = f"{stated.name}: the file states {stated.count} records and has {has}."
            findings.append(Finding(FindingCode.TOTALS, stated.name, str(stated.count), str(sums.count), sentence))
        for side, total, has_sum in (("debit", stated.debit, sums.debit), ("credit", stated.credit, sums.credit)):
            if total is not None and total != has_sum:
                sentence = (
                    f"{stated.name}: the file states a total {side} of {total:f}; its records sum to {has_sum:f}, "
                    f"{EXACT.subtract(has_sum, total):f} more."
                )
                findings.append(Finding(FindingCode.TOTALS, stated.name, f"{total:f}", f"{has_sum:f}", sentence))
        return findings


def _weigh(pending: _Open, entry: Entry) -> None:
    """Add an entry to the journal's balance. One with a weight in another currency counts there, on its own side."""
    if entry.weight is None:
        pending.sums.setdefault(entry.currency, _Sums()).add(entry.debit, entry.credit)
        return
    amount, currency = entry.weight
    sums = pending.sums.setdefault(currency, _Sums())
    sums.add(amount, ZERO) if amount > 0 else sums.add(ZERO, amount.copy_negate())


def _is_unbalanced(pending: _Open, currency: str | None) -> bool:
    sums = pending.sums[currency]
    if sums.debit == sums.credit:
        return False
    difference = EXACT.subtract(sums.debit, sums.credit).copy_abs()
    return difference > pending.tolerance.get(currency, ZERO)


def _unbalanced(journal_id: str, pending: _Open) -> list[Finding]:
    findings = []
    for currency, sums in pending.sums.items():
        if not _is_unbalanced(pending, currency):
            continue
        money = f" {currency}" if currency else ""
        difference = EXACT.subtract(sums.debit, sums.credit)
        sentence = (
            f"journal {journal_id}: debits are {sums.debit:f}{money} and credits {sums.credit:f}{money}, "
            f"{difference:f}{money} apart (debits less credits)."
        )
        where = f"journal {journal_id}"
        findings.append(Finding(FindingCode.UNBALANCED, where, f"{sums.debit:f}", f"{sums.credit:f}", sentence))
    return findings


def _document_totals(invoice: SalesInvoice) -> list[Finding]:
    """Check net + tax = gross, and that the lines add up to net within the rounding of unrounded lines."""
    findings = []
    where = f"invoice {invoice.number}"
    if invoice.net is not None and invoice.tax is not None and invoice.gross is not None:
        computed = EXACT.add(invoice.net, invoice.tax)
        if computed != invoice.gross:
            sentence = (
                f"{where}: net {invoice.net:f} and tax {invoice.tax:f} make {computed:f}; it states {invoice.gross:f}."
            )
            findings.append(Finding(FindingCode.TOTALS, where, f"{invoice.gross:f}", f"{computed:f}", sentence))
    amounts = [line.amount for line in invoice.lines if line.amount is not None]
    if invoice.net is not None and amounts:
        computed = ZERO
        for amount in amounts:
            computed = EXACT.add(computed, amount)
        unrounded = sum(_places(amount) > _places(invoice.net) for amount in amounts)
        slack = Decimal(5 * unrounded).scaleb(-_places(invoice.net) - 1)
        if EXACT.subtract(computed, invoice.net).copy_abs() > slack:
            sentence = f"{where}: the lines sum to {computed:f}; it states a net total of {invoice.net:f}."
            findings.append(Finding(FindingCode.TOTALS, where, f"{invoice.net:f}", f"{computed:f}", sentence))
    taxed = [(_tax_base(line), line.tax_rate) for line in invoice.lines]
    if invoice.tax is not None and taxed:
        computed = ZERO
        for base, rate in taxed:
            if base is None or rate is None:
                return findings
            computed = EXACT.add(computed, EXACT.multiply(base, rate.scaleb(-2)))
        slack = Decimal(5 * len(taxed)).scaleb(-_places(invoice.tax) - 1)
        if EXACT.subtract(computed, invoice.tax).copy_abs() > slack:
            sentence = f"{where}: the lines at their rates bear tax of {computed:f}; it states {invoice.tax:f}."
            findings.append(Finding(FindingCode.TOTALS, where, f"{invoice.tax:f}", f"{computed:f}", sentence))
    return findings


def _tax_base(line: InvoiceLine) -> Decimal | None:
    return line.amount if line.tax_base is None else line.tax_base


def _places(figure: Decimal) -> int:
    return max(0, -int(figure.as_tuple().exponent))


def _opened(period: tuple[int, int]) -> tuple[int, int]:
    """Extend the first period by that of opening entries, which some systems number 0."""
    return (period[0], 0) if period[1] == 1 else period


def _closed(period: tuple[int, int]) -> tuple[int, int]:
    """Extend the last period by those of closing entries, which some systems number from 13."""
    return (period[0], 99) if period[1] >= 12 else period


def _numbered(period: tuple[int, int]) -> str:
    return f"{period[0]}-{period[1]:02d}"
