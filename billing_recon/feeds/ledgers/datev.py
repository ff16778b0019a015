"""DATEV's posting batch (EXTF or DTVF, Buchungsstapel): one booking per line, an account against a contra account.

A booking becomes two entries of its stated amount. Tax that DATEV would split by key or automatic account is not guessed.
If Beleginfo or Zusatzinformation names journal_id, entry_id, contra_entry_id or customer_id, these are used: consecutive
bookings of one journal_id are one journal, and amounts of one entry_id in it are netted. So a journal of several entries
can be written as bookings against one of its accounts and read back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Entry,
    Journal,
    LedgerOptions,
    LedgerUnreadable,
    Period,
)
from billing_recon.feeds.ledgers.csv_rows import encoding_of, rows_of
from billing_recon.feeds.ledgers.ledger_figures import excerpt, grouped_figure
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note
from billing_recon.feeds.ledgers.number_series import Identities

_START = re.compile(rb'^(?:\xef\xbb\xbf)?"?(?:EXTF|DTVF)"?;"?[0-9]{3}"?;"?[0-9]{1,3}"?;')
_POSTINGS = "21"
_COLUMNS: dict[str, tuple[int, tuple[str, ...]]] = {
    "amount": (0, ("umsatzohnesollhabenkz", "umsatz")),
    "side": (1, ("sollhabenkennzeichen", "sollhabenkz", "sh")),
    "currency": (2, ("wkzumsatz", "wkz")),
    "base_amount": (4, ("basisumsatz", "basisums")),
    "base_currency": (5, ("wkzbasisumsatz", "wkzbasisums")),
    "account": (6, ("konto", "kontonummer")),
    "contra": (7, ("gegenkontoohnebuschlüssel", "gegenkontoohnebuschluessel", "gegenkonto")),
    "key": (8, ("buschlüssel", "buschluessel")),
    "day": (9, ("belegdatum",)),
    "document": (10, ("belegfeld1",)),
    "text": (13, ("buchungstext",)),
    "final": (113, ("festschreibung",)),
    "reversal": (117, ("generalumkehr", "generalumkehrgu")),
}
"""Our name -> position in DATEV's specification, and possible column names."""
_INFO = (("beleginfo", range(20, 36, 2)), ("zusatzinformation", range(47, 87, 2)))
_INFO_NAMES = frozenset({"journal_id", "entry_id", "contra_entry_id", "customer_id"})
_DEBTORS = "123456"


def recognise(head: bytes, name: str) -> bool:
    """Recognise the header of a DATEV export of any category; `stream` refuses all but postings."""
    return _START.match(head) is not None


@dataclass(frozen=True, slots=True)
class _Batch:
    """The header line."""

    header: Header
    year_begins: date | None
    account_length: int
    final: bool


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield the header, then the bookings as journals, in file order."""
    encoding = encoding_of(path, options.encoding, "cp1252")
    rows = rows_of(path, encoding, options.delimiter or ";")
    _, first = next(rows, (1, []))
    batch = _batch(path, first, options)
    yield batch.header
    _, names = next(rows, (2, []))
    columns = _positions(path, names)
    infos = _info_positions(names)
    ids = Identities()
    count: Counter[date] = Counter()
    keys: Counter[str] = Counter()
    bookings = final = 0
    pending: list[_Booking] = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        booking = _booking(path, line, cells, columns, infos, batch)
        bookings += 1
        final += booking.final
        if booking.key:
            keys[booking.key] += 1
        named = booking.info.get("journal_id")
        if pending and (not named or named != pending[0].info.get("journal_id")):
            yield _journal(path, pending, ids, count, batch)
            pending = []
        pending.append(booking)
    if pending:
        yield _journal(path, pending, ids, count, batch)
    yield from _notes(bookings, final, keys)


def _notes(bookings: int, final: int, keys: Counter[str]) -> Iterator[Note]:
    which = ", ".join(f"{key} ({n})" for key, n in sorted(keys.items()))
    carry = f"; {sum(keys.values())} of {bookings} bookings carry a tax key: {which}" if keys else ""
    yield Note(
        "Each booking is two entries of its stated amount, including tax. Tax that DATEV splits by a tax key or an "
        f"automatic account is not split here{carry}."
    )
    if final < bookings:
        yield Note(f"{bookings - final} of {bookings} bookings are not final (Festschreibung): they may still change.")


def _batch(path: Path, cells: list[str], options: LedgerOptions) -> _Batch:
    cells = [cell.strip() for cell in cells] + [""] * 31
    if cells[0].lstrip("\ufeff") not in ("EXTF", "DTVF"):
        raise LedgerUnreadable(f"{path.name}: line 1 is not a DATEV header; it begins with EXTF")
    if cells[2] != _POSTINGS:
        raise LedgerUnreadable(
            f"{path.name}: it is a DATEV export of '{excerpt(cells[3] or cells[2])}', not of postings (Buchungsstapel)"
        )
    where = f"{path.name}: line 1"
    version = f"{cells[0]} {cells[1]}/{cells[4]}".replace("\ufeff", "")
    cells = _aligned(cells)
    first = _long_day(cells[14], f"{where}: period start")
    length = cells[13] or "4"
    if not re.fullmatch(r"[4-9]", length):
        raise LedgerUnreadable(f"{where}: the length of accounts is '{excerpt(length)}'; it is 4 to 9 digits")
    office, client = cells[10], cells[11]
    return _Batch(
        Header(
            version=version,
            company=f"{office}/{client}" if office and client else client or None,
            currency=next((cell for cell in cells[20:25] if re.fullmatch(r"[A-Z]{3}", cell)), options.currency),
            period=Period(first, _long_day(cells[15], f"{where}: period end")),
        ),
        year_begins=_long_day(cells[12], f"{where}: start of the fiscal year") or first,
        account_length=int(length),
        final=cells[20] == "1",
    )


def _aligned(cells: list[str]) -> list[str]:
    """Align the header so that the fiscal year is in its specified position; some programs write an extra field before it."""
    for at in (12, 13, 11, 14):
        if re.fullmatch(r"[0-9]{8};[4-9];[0-9]{8};[0-9]{8}", ";".join(cells[at : at + 4])):
            return cells[at - 12 :] if at > 12 else [""] * (12 - at) + cells
    return cells


def _long_day(text: str, where: str) -> date | None:
    if not text:
        return None
    try:
        if not re.fullmatch(r"[0-9]{8}", text):
            raise ValueError
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not a date; 20260302 is one") from None


def _folded(name: str) -> str:
    return re.sub(r"[^0-9a-zäöüß]", "", name.casefold())


def _positions(path: Path, names: list[str]) -> dict[str, int]:
    """Return the position of each column: by name if the line names the needed ones, else as specified by DATEV."""
    folded = [_folded(name) for name in names]
    named = {
        ours: folded.index(found)
        for ours, (_, theirs) in _COLUMNS.items()
        if (found := next((name for name in theirs if name in folded), None)) is not None
    }
    if {"amount", "side", "account", "contra", "day"} <= named.keys():
        return named
    if len(names) < 14:
        raise LedgerUnreadable(f"{path.name}: line 2 names {len(names)} columns; a posting batch has at least 14")
    return {ours: position for ours, (position, _) in _COLUMNS.items()}


def _info_positions(names: list[str]) -> list[tuple[int, int]]:
    """Return pairs of (kind, content) columns for free use."""
    folded = [_folded(name) for name in names]
    pairs = []
    for stem, positions in _INFO:
        for n, position in enumerate(positions, 1):
            kind, content = f"{stem}art{n}", f"{stem}inhalt{n}"
            if kind in folded and content in folded:
                pairs.append((folded.index(kind), folded.index(content)))
            elif position + 1 < len(names) and not any(name.startswith(stem) for name in folded):
                pairs.append((position, position + 1))
    return pairs


@dataclass(frozen=True, slots=True)
class _Booking:
    """One line of the batch. `amount` is the stated amount, negative for a reversal; `debits` is the account's side."""

    line: int
    day: date
    account: str
    contra: str
    amount: Decimal
    debits: bool
    currency: str | None
    document: str | None
    text: str | None
    key: str
    final: bool
    info: dict[str, str]
    document_amount: Decimal | None
    document_currency: str | None


def _booking(
    path: Path,
    line: int,
    cells: list[str],
    columns: dict[str, int],
    infos: list[tuple[int, int]],
    batch: _Batch,
) -> _Booking:
    where = f"{path.name}: line {line}"
    at = {ours: cells[n].strip() if n < len(cells) else "" for ours, n in columns.items()}
    side = at["side"].upper()
    if side not in ("S", "H"):
        raise LedgerUnreadable(f"{where}: Soll/Haben-Kennzeichen is '{excerpt(at['side'])}'; it is S or H")
    for name, label in (("account", "Konto"), ("contra", "Gegenkonto")):
        if not re.fullmatch(r"[0-9]{1,9}", at[name]):
            raise LedgerUnreadable(f"{where}: {label} is '{excerpt(at[name])}', which is not an account number")
    amount = _amount(at["amount"], f"{where}: Umsatz")
    currency = at.get("currency") or batch.header.currency
    document_amount, document_currency = None, None
    if at.get("base_amount"):
        document_amount, document_currency = amount, currency
        amount = _amount(at["base_amount"], f"{where}: Basisumsatz")
        currency = at.get("base_currency") or batch.header.currency
    if at.get("reversal", "").upper() in ("G", "1"):
        amount = amount.copy_negate()
        document_amount = None if document_amount is None else document_amount.copy_negate()
    info = {}
    for kind, content in infos:
        if max(kind, content) < len(cells) and cells[kind].strip().casefold() in _INFO_NAMES and cells[content].strip():
            info[cells[kind].strip().casefold()] = cells[content].strip()
    return _Booking(
        line=line,
        day=_short_day(at["day"], batch, f"{where}: Belegdatum"),
        account=at["account"],
        contra=at["contra"],
        amount=amount,
        debits=side == "S",
        currency=currency,
        document=at.get("document") or None,
        text=at.get("text") or None,
        key=at.get("key", ""),
        final=at["final"] == "1" if at.get("final") else batch.final,
        info=info,
        document_amount=document_amount,
        document_currency=document_currency,
    )


def _amount(text: str, where: str) -> Decimal:
    negative = text.startswith("-")
    figure = grouped_figure(text.lstrip("+-"), ",", where)
    return figure.copy_negate() if negative else figure


def _short_day(text: str, batch: _Batch, where: str) -> date:
    """Parse DDMM, often without its leading zero, in the fiscal year of the header; DDMMYYYY states its own year."""
    if re.fullmatch(r"[0-9]{3,4}", text) and batch.year_begins is not None:
        day, month = int(text[:-2]), int(text[-2:])
        for year in (batch.year_begins.year, batch.year_begins.year + 1):
            try:
                found = date(year, month, day)
            except ValueError:
                continue
            if found >= batch.year_begins:
                return found
    elif re.fullmatch(r"[0-9]{7,8}", text):
        try:
            return date(int(text[-4:]), int(text[-6:-4]), int(text[:-6]))
        except ValueError:
            pass
    elif batch.year_begins is None:
        raise LedgerUnreadable(
            f"{where} '{excerpt(text)}' has no year and line 1 does not say when the fiscal year begins"
        )
    raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not a date of the fiscal year; 2102 is 21 February")


def _journal(path: Path, bookings: list[_Booking], ids: Identities, count: Counter[date], batch: _Batch) -> Journal:
    """Return the bookings of one journal; a booking without id is a journal, named by its day and position."""
    first = bookings[0]
    count[first.day] += 1
    journal_id = ids.unique(first.info.get("journal_id") or f"{first.day}.{count[first.day]}")
    summed: dict[str, Entry] = {}
    for n, booking in enumerate(bookings):
        for entry in _entries(booking, journal_id, 2 * n + 1, batch):
            same = summed.get(entry.entry_id)
            summed[entry.entry_id] = entry if same is None else _sum(path, same, entry)
    entries = tuple(replace(entry, entry_id=ids.unique(entry.entry_id)) for entry in summed.values())
    return Journal(journal_id=journal_id, dated=first.day, entries=entries)


def _sum(path: Path, first: Entry, second: Entry) -> Entry:
    document = None
    if first.document_amount is not None and second.document_amount is not None:
        document = EXACT.add(first.document_amount, second.document_amount)
    if first.account != second.account or first.currency != second.currency:
        raise LedgerUnreadable(
            f"{path.name}: line {second.line}: the entry {second.entry_id} is on account {second.account}, before on {first.account}; "
            "one entry_id has one account and one currency"
        )
    net = EXACT.add(first.amount, second.amount)
    return replace(
        first,
        debit=net if net > 0 else ZERO,
        credit=net.copy_negate() if net < 0 else ZERO,
        document_amount=document,
    )


def _entries(booking: _Booking, journal_id: str, n: int, batch: _Batch) -> tuple[Entry, Entry]:
    """Return the entries of the account and of the contra account, which mirrors it."""
    customer = booking.info.get("customer_id") or next(
        (account for account in (booking.account, booking.contra) if _is_debtor(account, batch.account_length)), None
    )
    entry = Entry(
        entry_id=booking.info.get("entry_id") or f"{journal_id}/{n}",
        journal_id=journal_id,
        posted_on=booking.day,
        account=booking.account,
        debit=booking.amount if booking.debits else ZERO,
        credit=ZERO if booking.debits else booking.amount,
        currency=booking.currency,
        document=booking.document,
        invoice_id=booking.document,
        customer_id=customer,
        memo=booking.text,
        line=booking.line,
        document_amount=_signed(booking.document_amount, booking.debits),
        document_currency=booking.document_currency,
    )
    contra = replace(
        entry,
        entry_id=booking.info.get("contra_entry_id") or f"{journal_id}/{n + 1}",
        account=booking.contra,
        debit=entry.credit,
        credit=entry.debit,
        document_amount=_signed(booking.document_amount, not booking.debits),
    )
    return entry, contra


def _signed(amount: Decimal | None, debits: bool) -> Decimal | None:
    return amount if amount is None or debits else amount.copy_negate()


def _is_debtor(account: str, length: int) -> bool:
    """Personal accounts have one digit more than ledger accounts; those of customers begin with 1 to 6."""
    return len(account) == length + 1 and account[0] in _DEBTORS
