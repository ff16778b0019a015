"""DATEV posting batches: sides, days of the fiscal year, reversals, currencies, and what is said rather than guessed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile, LedgerUnreadable

Read = Callable[..., LedgerFile]

NAMES = (
    "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basisumsatz;WKZ Basisumsatz;Konto;"
    "Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext;Festschreibung;Generalumkehr"
)


def batch(
    *bookings: str, begins: str = "20260101", first: str = "20260101", last: str = "20261231", version: int = 700
) -> str:
    head = f'"EXTF";{version};21;"Buchungsstapel";9;20260301000000000;;"XY";"";"";1001;456;{begins};4;{first};{last};"B";"";1;;0;"EUR"'
    return "\r\n".join([head, NAMES, *bookings, ""])


def row(
    amount: str = "119,00",
    side: str = "S",
    account: str = "10000",
    contra: str = "8400",
    day: str = "0203",
    **more: str,
) -> str:
    cells = [
        amount,
        f'"{side}"',
        more.get("wkz", ""),
        "",
        more.get("base", ""),
        more.get("base_wkz", ""),
        account,
        contra,
    ]
    cells += [more.get("key", ""), day, f'"{more.get("invoice", "RE-1")}"', "", "", f'"{more.get("text", "Abo")}"']
    return ";".join([*cells, more.get("final", ""), more.get("reversal", "")])


@pytest.mark.parametrize("version", [510, 700])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-8"])
def test_a_booking_is_an_entry_and_its_mirror(ledger: Read, version: int, encoding: str) -> None:
    got = ledger("datev", batch(row(text="Übertrag"), version=version).encode(encoding))
    assert [(e.account, str(e.debit), str(e.credit), e.currency) for e in got.entries] == [
        ("10000", "119.00", "0", "EUR"),
        ("8400", "0", "119.00", "EUR"),
    ]
    assert {(e.invoice_id, e.customer_id, e.memo, e.line) for e in got.entries} == {("RE-1", "10000", "Übertrag", 3)}
    assert not got.findings
    assert (got.company, got.currency) == ("1001/456", "EUR")


def test_haben_credits_the_account(ledger: Read) -> None:
    got = ledger("datev", batch(row(side="H")))
    assert [(e.account, str(e.amount)) for e in got.entries] == [("10000", "-119.00"), ("8400", "119.00")]


def test_a_general_reversal_is_negative_on_the_same_side(ledger: Read) -> None:
    got = ledger("datev", batch(row(reversal="1"), row(reversal="G")))
    assert [(str(e.debit), str(e.credit)) for e in got.entries] == [("-119.00", "0"), ("0", "-119.00")] * 2


def test_days_lie_in_the_fiscal_year(ledger: Read) -> None:
    got = ledger(
        "datev",
        batch(row(day="107"), row(day="3006"), row(day="2902"), begins="20230701", first="20230701", last="20240630"),
    )
    assert [e.posted_on.isoformat() for e in got.entries[::2]] == ["2023-07-01", "2024-06-30", "2024-02-29"]
    assert [e.journal_id for e in got.entries[::2]] == ["2023-07-01.1", "2024-06-30.1", "2024-02-29.1"]


def test_a_header_with_a_field_too_many_before_the_fiscal_year(ledger: Read) -> None:
    got = ledger("datev", batch(row()).replace(";1001;456;", ";;1001;456;", 1))
    assert (got.company, got.currency, str(got.period.last)) == ("1001/456", "EUR", "2026-12-31")


def test_a_booking_outside_the_batchs_period(ledger: Read) -> None:
    (finding,) = ledger("datev", batch(row(day="0104"), last="20260331")).findings
    assert (finding.code, finding.computed) == (FindingCode.PERIOD, "2026-04-01")


def test_a_foreign_booking_keeps_both_amounts(ledger: Read) -> None:
    got = ledger("datev", batch(row(amount="110,00", wkz='"USD"', base="100,00", base_wkz='"EUR"')))
    first = got.entries[0]
    assert (str(first.debit), first.currency, str(first.document_amount), first.document_currency) == (
        "100.00", "EUR", "110.00", "USD",
    )  # fmt: skip
    assert ledger("datev", batch(row(wkz='"USD"'))).entries[0].currency == "USD"


def test_tax_keys_and_unfinished_bookings_are_said(ledger: Read) -> None:
    got = ledger("datev", batch(row(key="9"), row(final="1")))
    assert "1 of 2 bookings carry a tax key: 9 (1)" in got.notes[0]
    assert "1 of 2 bookings are not final" in got.notes[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (batch(row(side="X")), "line 3: Soll/Haben-Kennzeichen is 'X'"),
        (batch(row(), row(amount="1.19")), "line 4: Umsatz is '1.19'"),
        (batch(row(amount="119.00")), "line 3: Umsatz is '119.00'"),
        (batch(row(account="A")), "line 3: Konto is 'A'"),
        (batch(row(day="3002")), "line 3: Belegdatum is '3002'"),
        (batch(row(), '1;"S'), "line 4 is not a row"),
        (
            batch().replace(";21;", ";20;").replace("Buchungsstapel", "Kontenbeschriftungen"),
            "'Kontenbeschriftungen', not of postings",
        ),
        (batch(begins="2026"), "line 1: start of the fiscal year is '2026'"),
        ("EXTF;700;21;x;1\r\na;b\r\n", "line 2 names 2 columns"),
        ("", "line 1 is not a DATEV header"),
    ],
)
def test_what_is_broken_is_named(ledger: Read, text: str, says: str) -> None:
    with pytest.raises(LedgerUnreadable) as refused:
        ledger("datev", text)
    assert str(refused.value).startswith("ledger.csv: ")
    assert says in str(refused.value)
