"""France's FEC as programs write it: sides or signs, quotes that mean nothing, lines that stand apart, provisional entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile, LedgerOptions, LedgerUnreadable
from billing_recon.core.landing import LandingStatus
from billing_recon.feeds.ledgers import recognise, rows
from billing_recon_tests.feeds.desk import Desk

Read = Callable[..., LedgerFile]

NAMES = (
    "JournalCode|JournalLib|EcritureNum|EcritureDate|CompteNum|CompteLib|CompAuxNum|CompAuxLib|PieceRef|PieceDate|EcritureLib|"
    "Debit|Credit|EcritureLet|DateLet|ValidDate|Montantdevise|Idevise"
)
SALE = (
    'VE|Ventes|1|20260302|41100000|Clients|C0042|Sœur & Cie|FA-7|20260302|Abonnement "Pro|120,00|0,00|||20260305||',
    'VE|Ventes|1|20260302|70600000|Prestations|||FA-7|20260302|Abonnement "Pro|0,00|100,00|||20260305||',
    'VE|Ventes|1|20260302|44571000|TVA|||FA-7|20260302|Abonnement "Pro|0,00|20,00|||20260305||',
)


def fec(*lines: str, names: str = NAMES) -> str:
    return "\r\n".join([names, *lines, ""])


def landed(path: Path, options: LedgerOptions | None = None) -> list[tuple[str | None, ...]]:
    names = ("journal_id", "posted_on", "account", "debit", "credit", "currency", "invoice_id", "customer_id")
    return [tuple(row[name] for name in names) for row in rows(path, "fec", options or LedgerOptions())]


def test_a_sale_is_one_journal_and_its_customer_is_that_of_the_receivable(ledger: Read, tmp_path: Path) -> None:
    text = fec(*SALE).encode("iso8859-15")
    assert recognise(text, "552100554FEC20261231.txt") == "fec"
    (path := tmp_path / "552100554FEC20261231.txt").write_bytes(text)
    assert landed(path) == [
        ("VE/1", "2026-03-02", "41100000", "120.00", "0.00", "EUR", "FA-7", "C0042"),
        ("VE/1", "2026-03-02", "70600000", "0.00", "100.00", "EUR", "FA-7", "C0042"),
        ("VE/1", "2026-03-02", "44571000", "0.00", "20.00", "EUR", "FA-7", "C0042"),
    ]
    book = ledger("fec", text)
    assert book.findings == ()
    assert book.entries[0].memo == 'Abonnement "Pro', "a quote in a text begins nothing"


def test_a_dash_for_a_document_is_none(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text(fec(*(line.replace("|FA-7|", "|-|") for line in SALE)))
    assert {row[6] for row in landed(tmp_path / "f.txt")} == {None}
    mixed = fec(SALE[0], *(line.replace("|FA-7|", "|-|") for line in SALE[1:]))
    (tmp_path / "f.txt").write_text(mixed)
    assert {row[6] for row in landed(tmp_path / "f.txt")} == {"FA-7"}


def test_montant_and_sens_say_the_same_as_debit_and_credit(tmp_path: Path) -> None:
    names = NAMES.replace("Debit|Credit", "Montant|Sens")
    for debit, credit in (("D", "C"), ("+1", "-1")):
        signed = [line.replace("120,00|0,00", f"120,00|{debit}") for line in SALE]
        signed = [
            line.replace("|0,00|100,00", f"|100,00|{credit}").replace("|0,00|20,00", f"|20,00|{credit}")
            for line in signed
        ]
        (path := tmp_path / "signed.txt").write_text(fec(*signed, names=names), encoding="utf-8")
        assert [row[3:5] for row in landed(path)] == [("120.00", "0"), ("0", "100.00"), ("0", "20.00")]


def test_lines_of_an_entry_that_stand_apart_are_one_journal(ledger: Read) -> None:
    """Sorted by account, as a general ledger is."""
    other = [line.replace("|1|", "|2|").replace("FA-7", "FA-8") for line in SALE]
    book = ledger("fec", fec(SALE[0], other[0], SALE[2], other[2], SALE[1], other[1]).encode())
    assert book.findings == ()
    assert [entry.journal_id for entry in book.entries] == ["VE/1"] * 3 + ["VE/2"] * 3


def test_a_missing_number_and_a_cent_are_findings_and_provisional_lines_are_noted(ledger: Read) -> None:
    third = [line.replace("|1|", "|3|").replace("20260305", "") for line in SALE]
    fourth = [line.replace("|1|", "|4|").replace("|20,00|", "|20,01|") for line in SALE]
    book = ledger("fec", fec(*SALE, *third, *fourth).encode())
    assert [(one.code, one.where) for one in book.findings] == [
        (FindingCode.UNBALANCED, "journal VE/4"),
        (FindingCode.NUMBER_GAP, "journal series VE/2026"),
    ]
    assert "3 of 9 lines have no ValidDate" in " ".join(book.notes)


def test_an_amount_in_another_currency_lands_on_request_and_has_the_side_of_the_books(tmp_path: Path) -> None:
    usd = [
        SALE[0].replace("||", "||", 1)[:-2] + "|-131,40|USD",
        SALE[1][:-2] + "|109,50|USD",
        SALE[2][:-2] + "|21,90|EUR",
    ]
    (path := tmp_path / "usd.txt").write_text(fec(*usd), encoding="utf-8")
    assert [row[3:6] for row in landed(path)] == [
        ("120.00", "0.00", "EUR"),
        ("0.00", "100.00", "EUR"),
        ("0.00", "20.00", "EUR"),
    ]
    assert [row[3:6] for row in landed(path, LedgerOptions(amounts="document"))] == [
        ("131.40", "0", "USD"),
        ("0", "109.50", "USD"),
        ("0.00", "20.00", "EUR"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('Abonnement "Pro|120', "Abonnement|Pro|120", "line 2 has 19 cells, the header 18; a text holds the delimiter"),
        ("120,00|0,00|||20260305||", "120,00|0,00", "line 2 has 13 cells"),
        ("120,00", "1.200", "line 2: Debit is '1.200', which could be read both ways; declare decimal_mark"),
        ("120,00", "120 EUR", "is not a figure with ','"),
        (
            "20260302|41100000",
            "02/03/2026|41100000",
            "line 2: EcritureDate is '02/03/2026', which is not a day written 20260302",
        ),
        ("41100000", "", "line 2 has no CompteNum"),
    ],
)
def test_what_could_be_read_wrongly_is_refused_with_its_line(ledger: Read, old: str, new: str, said: str) -> None:
    with pytest.raises(LedgerUnreadable, match="book") as refused:
        ledger("fec", fec(SALE[0].replace(old, new), *SALE[1:]).encode(), "book.txt")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1200,5", "1200.5"), ("1 200,50", "1200.50"), ("1200.50", "1200.50"), ("-3,00", "-3.00"), (",5", "0.5")],
)
def test_amounts_have_a_comma_or_a_point_that_can_be_nothing_else(ledger: Read, text: str, value: str) -> None:
    book = ledger("fec", fec(SALE[0].replace("120,00", text)).encode())
    assert book.entries[0].debit == Decimal(value)


def test_a_year_lands_day_by_day_with_roles_by_pattern(tmp_path: Path) -> None:
    other = [line.replace("|1|", "|2|").replace("20260302", "20260303").replace("FA-7", "FA-8") for line in SALE]
    feed = {"format": "ledger", "path": "books/552100554FEC*.txt", "day_column": "posted_on"}
    desk = Desk(
        tmp_path, feeds={"ledger_entries": feed}, roles={"411*": "ar", "70*": "revenue", "4457*": "tax_payable"}
    )
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "552100554FEC20261231.txt").write_bytes(
        fec(*SALE, *other).replace("\r\n", "\n").encode("utf-16")
    )
    report = desk.land("ledger_entries", date(2026, 3, 3))
    assert (report.status, report.accepted, report.quarantined) == (LandingStatus.PRESENT, 3, 0), report
    assert desk.rows("role, debit, credit, invoice_id, customer_id") == [
        ("ar", Decimal(120), 0, "FA-8", "C0042"),
        ("revenue", 0, Decimal(100), "FA-8", "C0042"),
        ("tax_payable", 0, Decimal(20), "FA-8", "C0042"),
    ]
