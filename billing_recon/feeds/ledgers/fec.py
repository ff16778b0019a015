"""France's FEC (fichier des écritures comptables, article A47 A-1 LPF): one line per posting, 18 named columns, tab or pipe between them.

Lines of one JournalCode, EcritureNum and EcritureDate are a journal, wherever they stand in the file. Columns are found by name,
in any order; amounts are Debit and Credit, or Montant and Sens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.journal import ZERO, Entry, Journal, LedgerOptions, LedgerUnreadable
from billing_recon.feeds.ledgers.csv_rows import encoding_of, rows_of
from billing_recon.feeds.ledgers.journal_table import Names, columns_in, decoded
from billing_recon.feeds.ledgers.ledger_figures import excerpt, grouped_figure
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note
from billing_recon.feeds.ledgers.number_series import Identities, identity

_DELIMITERS = ("\t", "|", ";", ",")
_NAMES: Names = {
    "code": ("journalcode",),
    "number": ("ecriturenum",),
    "day": ("ecrituredate",),
    "account": ("comptenum",),
    "account_name": ("comptelib",),
    "auxiliary": ("compauxnum",),
    "document": ("pieceref",),
    "memo": ("ecriturelib",),
    "debit": ("debit",),
    "credit": ("credit",),
    "amount": ("montant",),
    "side": ("sens",),
    "valid": ("validdate",),
    "foreign": ("montantdevise",),
    "currency": ("idevise",),
    "client": ("idclient",),
}
_NEEDED = frozenset({"code", "number", "day", "account", "document", "memo"})
_SIDES = {"D": True, "+1": True, "1": True, "C": False, "-1": False}
"""Montant is on the debit side; or not."""
_CUSTOMERS = "41"
"""Customers' accounts in the French chart: their auxiliary account is the customer."""
_EURO = "EUR"
_C1 = re.compile(rb"[\x80-\x9f]")
_UNGROUPED = re.compile(r"[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})")


def recognise(head: bytes, name: str) -> bool:
    """Recognise the header, which names its columns as the law does."""
    line = next(iter(decoded(head).splitlines()), "")
    return any(_named(columns_in(_cells(line, mark), _NAMES)) for mark in _DELIMITERS)


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _named(columns: dict[str, int]) -> bool:
    return columns.keys() >= _NEEDED and ({"debit", "credit"} <= columns.keys() or {"amount", "side"} <= columns.keys())


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file is written. Quotes mean nothing in a FEC, unless its header is in quotes."""

    path: Path
    encoding: str
    delimiter: str
    quoted: bool
    columns: dict[str, int]
    width: int

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the line and the cells of each posting. Raise LedgerUnreadable for a line with another number of cells."""
        for line, cells in rows_of(self.path, self.encoding, self.delimiter, quoted=self.quoted):
            if line == 1 or not any(cell.strip() for cell in cells):
                continue
            if len(cells) != self.width:
                raise LedgerUnreadable(
                    f"{self.path.name}: line {line} has {len(cells)} cells, the header {self.width}; a text holds the delimiter, or "
                    "the file was cut off: ask for a resend"
                )
            yield line, {ours: cells[at].strip() for ours, at in self.columns.items()}


def _layout(path: Path, options: LedgerOptions) -> _Layout:
    with path.open("rb") as stream:
        western = (
            "cp1252" if any(_C1.search(part) for part in iter(lambda: stream.read(1 << 20), b"")) else "iso8859-15"
        )
    encoding = encoding_of(path, options.encoding, western)
    with path.open(encoding=encoding, newline="") as text:
        header = text.readline().lstrip("\ufeff").rstrip("\r\n")
    marks = [options.delimiter] if options.delimiter else _DELIMITERS
    for mark in marks:
        cells = _cells(header, mark)
        if _named(columns := columns_in(cells, _NAMES)):
            return _Layout(path, encoding, mark, header.startswith('"'), columns, len(cells))
    raise LedgerUnreadable(
        f"{path.name}: line 1 does not name the columns of a FEC (JournalCode, EcritureNum, EcritureDate, CompteNum, PieceRef, "
        "EcritureLib, Debit and Credit or Montant and Sens)"
    )


Key = tuple[str, str, str]
"""JournalCode, EcritureNum, EcritureDate; of a provisional entry without a number its PieceRef stands for it."""


def _key(row: dict[str, str]) -> Key:
    return row["code"], row["number"] or f" {row['document']}", row["day"]


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield the header and the journals, in file order; those whose lines stand apart, at their first line."""
    layout = _layout(path, options)
    yield Header(version="FEC", currency=options.currency or _EURO)
    ids = Identities()
    lines = provisional = 0
    for group in _groups(layout):
        lines += len(group)
        provisional += sum("valid" in row and not row["valid"] for _, row in group)
        yield _journal(path, group, ids, options)
    if options.currency is None:
        yield Note(
            "A FEC names no currency of the books; they are taken to be in EUR. Declare currency if they are not."
        )
    if provisional:
        yield Note(f"{provisional} of {lines} lines have no ValidDate: they may still change.")


def _groups(layout: _Layout) -> Iterator[list[tuple[int, dict[str, str]]]]:
    """Yield the lines of each journal. The file is kept in memory only if a journal's lines do not follow one another."""
    if _scattered(layout):
        whole: dict[Key, list[tuple[int, dict[str, str]]]] = {}
        for line, row in layout.rows():
            whole.setdefault(_key(row), []).append((line, row))
        yield from whole.values()
        return
    group: list[tuple[int, dict[str, str]]] = []
    for line, row in layout.rows():
        if group and _key(group[0][1]) != _key(row):
            yield group
            group = []
        group.append((line, row))
    if group:
        yield group


def _scattered(layout: _Layout) -> bool:
    ended: set[Key] = set()
    last: Key | None = None
    for _, row in layout.rows():
        key = _key(row)
        if key != last:
            if key in ended:
                return True
            ended.add(key)
            last = key
    return False


def _journal(path: Path, group: list[tuple[int, dict[str, str]]], ids: Identities, options: LedgerOptions) -> Journal:
    line, first = group[0]
    where = f"{path.name}: line {line}"
    if not first["code"] or not (first["number"] or first["document"]):
        raise LedgerUnreadable(f"{where} has no JournalCode, or neither an EcritureNum nor a PieceRef")
    day = _day(first["day"], f"{where}: EcritureDate")
    number = first["number"]
    journal_id = ids.unique(identity(first["code"], number or f"{day}/{first['document']}"))
    invoice = _one({_document(row) for _, row in group})
    customer = _one({_customer(row) for _, row in group})
    return Journal(
        journal_id=journal_id,
        dated=day,
        entries=tuple(
            _entry(path, line, row, f"{journal_id}/{n}", journal_id, day, invoice, customer, options)
            for n, (line, row) in enumerate(group, 1)
        ),
        series=f"{first['code']}/{day.year}" if number else None,
        number=number or None,
    )


def _entry(
    path: Path,
    line: int,
    row: dict[str, str],
    entry_id: str,
    journal_id: str,
    day: date,
    invoice: str | None,
    customer: str | None,
    options: LedgerOptions,
) -> Entry:
    where = f"{path.name}: line {line}"
    if not row["account"]:
        raise LedgerUnreadable(f"{where} has no CompteNum")
    debit, credit = _sides(row, where, options.decimal_mark)
    books = options.currency or _EURO
    named = row.get("currency", "").upper()
    foreign = None
    if named and named != books and row.get("foreign"):
        # Some programs write it with the sign of its side, others without; the side is what the books say.
        foreign = _figure(row["foreign"], f"{where}: Montantdevise", options.decimal_mark)
        if debit or credit:
            foreign = foreign.copy_abs() if debit > credit else foreign.copy_abs().copy_negate()
    return Entry(
        entry_id=entry_id,
        journal_id=journal_id,
        posted_on=day,
        account=row["account"],
        account_name=row.get("account_name") or None,
        debit=debit,
        credit=credit,
        currency=books,
        document=row["document"] or None,
        invoice_id=_document(row) or invoice,
        customer_id=_customer(row) or customer,
        memo=row["memo"] or None,
        line=line,
        document_amount=foreign,
        document_currency=named if foreign is not None else None,
    )


def _document(row: dict[str, str]) -> str:
    """The PieceRef. The law wants one on every line, so programs write a dash where there is none."""
    return row["document"] if any(map(str.isalnum, row["document"])) else ""


def _customer(row: dict[str, str]) -> str:
    """The auxiliary account of a customer's account, or the client that a file of a profession states."""
    auxiliary = row.get("auxiliary", "") if row["account"].startswith(_CUSTOMERS) else ""
    return auxiliary or row.get("client", "")


def _one(texts: set[str]) -> str | None:
    distinct = texts - {""}
    return distinct.pop() if len(distinct) == 1 else None


def _sides(row: dict[str, str], where: str, mark: str | None) -> tuple[Decimal, Decimal]:
    if "debit" in row and "credit" in row:
        return _figure(row["debit"], f"{where}: Debit", mark), _figure(row["credit"], f"{where}: Credit", mark)
    side = _SIDES.get(row["side"].upper())
    if side is None:
        raise LedgerUnreadable(f"{where}: Sens is '{excerpt(row['side'])}'; it is D or C, or +1 or -1")
    amount = _figure(row["amount"], f"{where}: Montant", mark)
    return (amount, ZERO) if side else (ZERO, amount)


def _figure(text: str, where: str, mark: str | None) -> Decimal:
    """Parse an amount: a comma before the decimals, as the law has it, or a point where it can be nothing else."""
    if not text:
        return ZERO
    digits = text.lstrip("+-")
    if mark is None and "." in digits and "," not in digits:
        if not _UNGROUPED.fullmatch(digits):
            raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which could be read both ways; declare decimal_mark")
        mark = "."
    if len(text) - len(digits) > 1:
        raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not an amount")
    figure = grouped_figure(digits, mark or ",", where)
    return figure.copy_negate() if text.startswith("-") else figure


def _day(text: str, where: str) -> date:
    try:
        if not re.fullmatch(r"[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not a day written 20260302") from None
