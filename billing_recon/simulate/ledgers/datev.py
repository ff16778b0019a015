"""A day of the ledger as a DATEV posting batch (EXTF 700, category 21). One batch has one currency."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from billing_recon.simulate.ledgers.journals import Book, NotRepresentable, Posted

COLUMNS: tuple[str, ...] = (
    "Umsatz (ohne Soll/Haben-Kz)",
    "Soll/Haben-Kennzeichen",
    "WKZ Umsatz",
    "Kurs",
    "Basis-Umsatz",
    "WKZ Basis-Umsatz",
    "Konto",
    "Gegenkonto (ohne BU-Schlüssel)",
    "BU-Schlüssel",
    "Belegdatum",
    "Belegfeld 1",
    "Belegfeld 2",
    "Skonto",
    "Buchungstext",
    "Postensperre",
    "Diverse Adressnummer",
    "Geschäftspartnerbank",
    "Sachverhalt",
    "Zinssperre",
    "Beleglink",
    *(f"Beleginfo - {part} {number}" for number in range(1, 9) for part in ("Art", "Inhalt")),
    "KOST1 - Kostenstelle",
    "KOST2 - Kostenstelle",
    "Kost-Menge",
    "EU-Land u. UStID",
    "EU-Steuersatz",
    "Abw. Versteuerungsart",
    "Sachverhalt L+L",
    "Funktionsergänzung L+L",
    "BU 49 Hauptfunktionstyp",
    "BU 49 Hauptfunktionsnummer",
    "BU 49 Funktionsergänzung",
    *(f"Zusatzinformation - {part} {number}" for number in range(1, 21) for part in ("Art", "Inhalt")),
    "Stück",
    "Gewicht",
    "Zahlweise",
    "Forderungsart",
    "Veranlagungsjahr",
    "Zugeordnete Fälligkeit",
    "Skontotyp",
    "Auftragsnummer",
    "Buchungstyp",
    "USt-Schlüssel (Anzahlungen)",
    "EU-Land (Anzahlungen)",
    "Sachverhalt L+L (Anzahlungen)",
    "EU-Steuersatz (Anzahlungen)",
    "Erlöskonto (Anzahlungen)",
    "Herkunft-Kz",
    "Buchungs GUID",
    "KOST-Datum",
    "SEPA-Mandatsreferenz",
    "Skontosperre",
    "Gesellschaftername",
    "Beteiligtennummer",
    "Identifikationsnummer",
    "Zeichnernummer",
    "Postensperre bis",
    "Bezeichnung SoBil-Sachverhalt",
    "Kennzeichen SoBil-Buchung",
    "Festschreibung",
    "Leistungsdatum",
    "Datum Zuord. Steuerperiode",
)
"""Version 9 of the format; its fields keep their places in later ones."""


@dataclass(frozen=True, slots=True)
class _Booking:
    """An amount booked from one entry of a journal to another; an entry's bookings sum to its amount."""

    debit: Posted
    credit: Posted
    amount: Decimal


def datev(book: Book) -> bytes:
    """The batch in Windows-1252 with CR LF line ends. NotRepresentable if a journal does not balance.

    DATEV books from one account to another, so a journal of three entries is two bookings. Their additional fields hold
    journal_id, both entries and the customer, so that a reader can reassemble the journal; the invoice is Belegfeld 1, the
    memo the Buchungstext.
    """
    currency = book.currency("DATEV")
    day = f"{book.day:%Y%m%d}"
    header = [
        *('"EXTF"', "700", "21", '"Buchungsstapel"', "9", f"{day}234000000", "", '"RE"', '""', '""', "1001", "1"),
        *(f"{book.day:%Y}0101", "4", day, day, f'"{book.day} {currency}"', '""', "1", "0", "0", f'"{currency}"'),
        *("", '""', "", "", '""', "", "", '""', '""'),
    ]
    bookings = (booking for journal_id, entries in book.journals for booking in _bookings(journal_id, entries))
    lines = [";".join(header), ";".join(COLUMNS), *map(_row, bookings)]
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def _bookings(journal_id: str, entries: list[Posted]) -> Iterator[_Booking]:
    """The journal's debits spread over its credits, both in their order; an entry of nothing is booked with nothing."""
    open_amounts = {entry.entry_id: abs(entry.signed) for entry in entries}
    debits = [entry for entry in entries if not entry.credits]
    credits = [entry for entry in entries if entry.credits]
    balanced = not sum((entry.signed for entry in entries), Decimal(0))
    if balanced and not (debits and credits):  # postings of zero, which may be on either side
        debits, credits = entries[:1], entries[1:]
    if not balanced or not credits:
        raise NotRepresentable(
            f"DATEV books from one account to another, and {journal_id} does not balance; "
            "choose beancount, hledger, quickbooks, xero or csv, which allow that"
        )
    booked: set[str] = set()
    for debit in debits:
        for credit in credits:
            amount = min(open_amounts[debit.entry_id], open_amounts[credit.entry_id])
            if amount or debit.entry_id not in booked or credit.entry_id not in booked:
                booked |= {debit.entry_id, credit.entry_id}
                open_amounts[debit.entry_id] -= amount
                open_amounts[credit.entry_id] -= amount
                yield _Booking(debit, credit, amount)


def _figure(amount: Decimal) -> str:
    """With a decimal comma and two decimals, the most that DATEV allows."""
    figure = amount.quantize(Decimal("0.01"))
    if figure != amount:
        raise NotRepresentable(f"DATEV states amounts with two decimals, and {amount:f} has more; choose another form")
    return f"{figure:f}".replace(".", ",")


def _row(booking: _Booking) -> str:
    entry = booking.debit
    cells = dict.fromkeys(COLUMNS, "")
    cells |= {
        COLUMNS[0]: _figure(booking.amount),
        COLUMNS[1]: _text("S"),
        "WKZ Umsatz": _text(entry.currency),
        "Konto": entry.account,
        COLUMNS[7]: booking.credit.account,
        "Belegdatum": f"{entry.posted_on:%d%m}",
        "Belegfeld 1": _text(entry.invoice_id),
        "Buchungstext": _text(entry.memo),
    }
    known = {
        "journal_id": entry.journal_id,
        "entry_id": entry.entry_id,
        "contra_entry_id": booking.credit.entry_id,
        "customer_id": entry.customer_id,
    }
    for number, (name, value) in enumerate(known.items(), 1):
        cells[f"Zusatzinformation - Art {number}"] = _text(name)
        cells[f"Zusatzinformation - Inhalt {number}"] = _text(value)
    return ";".join(cells.values())


def _text(value: str) -> str:
    escaped = value.replace('"', '""')
    return f'"{escaped}"'
