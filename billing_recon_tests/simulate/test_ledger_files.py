"""Simulated ledgers as files: what a ledger's own reader makes of them is what was posted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from lxml import etree

from billing_recon.core.journal import FindingCode, LedgerFile
from billing_recon.feeds.ledgers import read, recognise
from billing_recon.simulate.ledgers import Book, BookedAs, NotRepresentable, Posted, write
from billing_recon.simulate.ledgers.datev import datev
from billing_recon.simulate.ledgers.journals import ACCOUNT_PATHS
from billing_recon.simulate.ledgers.saft import norwegian, portuguese

DAY = date(2026, 3, 2)
FORMS = [form for form in BookedAs if form is not BookedAs.CSV]
ACCOUNTS = {"ar": "1200", "cash": "1000", "customer_credit": "2300", "tax_payable": "2200", "revenue": "4000"}


def journal(number: int, currency: str, *sides: tuple[str, str, str], memo: str = "Invoice") -> list[Posted]:
    """Postings as (role, debit, credit)."""
    return [
        Posted(
            entry_id=f"JRN-{number:06d}/{n}",
            journal_id=f"JRN-{number:06d}",
            posted_on=DAY,
            account=ACCOUNTS[role],
            role=role,
            debit=Decimal(debit),
            credit=Decimal(credit),
            currency=currency,
            invoice_id=f"INV-{number}",
            customer_id=f"CUS-{number}",
            memo=f"{memo} INV-{number}",
        )
        for n, (role, debit, credit) in enumerate(sides, 1)
    ]


EUROS = (
    *journal(1, "EUR", ("ar", "119.00", "0.00"), ("revenue", "0.00", "100.00"), ("tax_payable", "0.00", "19.00")),
    # A credit used: two debits against two credits.
    *journal(
        2,
        "EUR",
        ("ar", "90.00", "0.00"),
        ("customer_credit", "29.00", "0.00"),
        ("revenue", "0.00", "100.00"),
        ("tax_payable", "0.00", "19.00"),
    ),
    # An invoice of nothing.
    *journal(3, "EUR", ("ar", "0.00", "0.00"), ("revenue", "0.00", "0.00")),
    *journal(4, "EUR", ("cash", "119.00", "0.00"), ("ar", "0.00", "119.00"), memo="Payment"),
    *journal(5, "EUR", ("ar", "12.50", "0.00"), ("cash", "0.00", "12.50"), memo="Refund"),
)
YEN = tuple(journal(6, "JPY", ("ar", "24112", "0"), ("revenue", "0", "24112")))
BOOK = Book(
    "Northwind Metrics", DAY, (*EUROS, *YEN), {("1200", "EUR"): Decimal("5.00"), ("4000", "EUR"): Decimal("-5.00")}
)


def as_read(form: BookedAs, folder: Path, book: Book = BOOK) -> list[LedgerFile]:
    if form is BookedAs.BEANCOUNT:
        pytest.importorskip("beancount", reason="beancount is an extra: pip install billing-recon[beancount]")
    files = []
    for ending, content in write(book, form):
        path = folder / f"{book.day}.{ending}"
        path.write_bytes(content)
        found = recognise(content, path.name)
        assert found == {"saft-no": "saft", "saft-pt": "saft"}.get(form, form.value)
        files.append(read(path, found))
    return files


@pytest.mark.parametrize("form", FORMS)
def test_every_posting_comes_back_as_it_was_posted(form: BookedAs, tmp_path: Path) -> None:
    files = as_read(form, tmp_path)
    entries = {entry.entry_id.split()[-1]: entry for file in files for entry in file.entries}
    assert entries.keys() == {posted.entry_id for posted in BOOK.entries}
    for posted in BOOK.entries:
        entry = entries[posted.entry_id]
        by_path = form in (BookedAs.BEANCOUNT, BookedAs.HLEDGER)
        assert entry.account == (ACCOUNT_PATHS[posted.account] if by_path else posted.account)
        assert (entry.debit, entry.credit, entry.currency) == (posted.debit, posted.credit, posted.currency)
        assert (entry.posted_on, entry.journal_id.split()[-1]) == (posted.posted_on, posted.journal_id)
        assert (entry.invoice_id, entry.customer_id, entry.memo) == (posted.invoice_id, posted.customer_id, posted.memo)
    assert [finding for file in files for finding in file.findings] == []


def drawn(rng: Random, number: int) -> list[Posted]:
    """A balanced journal of two to nine sides; the last one settles the rest."""

    def cents(amount: int) -> str:
        return f"{Decimal(amount).scaleb(-2):f}"

    amounts = [rng.choice((0, rng.randrange(-(10**6), 10**6))) for _ in range(rng.randrange(1, 9))]
    sides = [(rng.choice(list(ACCOUNTS)), max(amount, 0), max(-amount, 0)) for amount in amounts]
    sides.append(("revenue", max(-sum(amounts), 0), max(sum(amounts), 0)))
    return journal(number, "EUR", *((role, cents(debit), cents(credit)) for role, debit, credit in sides))


@pytest.mark.parametrize("form", FORMS)
def test_journals_of_any_shape_come_back(form: BookedAs, tmp_path: Path) -> None:
    rng = Random(20260302)
    book = replace(BOOK, entries=tuple(posted for number in range(1, 60) for posted in drawn(rng, number)))
    (file,) = as_read(form, tmp_path, book)
    read_back = {entry.entry_id.split()[-1]: (entry.debit, entry.credit) for entry in file.entries}
    assert read_back == {posted.entry_id: (posted.debit, posted.credit) for posted in book.entries}
    assert file.findings == ()


@pytest.mark.parametrize("form", FORMS)
def test_equal_books_give_equal_bytes(form: BookedAs) -> None:
    assert list(write(BOOK, form)) == list(write(replace(BOOK), form))


def test_a_book_of_several_currencies_is_a_file_for_each_where_a_file_has_one() -> None:
    assert [ending for ending, _ in write(BOOK, BookedAs.SAFT_NO)] == ["EUR.xml", "JPY.xml"]
    assert [ending for ending, _ in write(BOOK, BookedAs.DATEV)] == ["EUR.csv", "JPY.csv"]
    assert [ending for ending, _ in write(BOOK, BookedAs.BEANCOUNT)] == ["beancount"]
    for writer in (norwegian, portuguese, datev):
        with pytest.raises(NotRepresentable, match="one currency a file and 2026-03-02 has EUR and JPY"):
            writer(BOOK)


def test_opening_and_movement_give_closing() -> None:
    root = etree.fromstring(norwegian(BOOK.in_currency("EUR")))
    balances = {
        account.findtext("{*}AccountID"): (
            account.findtext("{*}OpeningDebitBalance") or f"-{account.findtext('{*}OpeningCreditBalance')}",
            account.findtext("{*}ClosingDebitBalance") or f"-{account.findtext('{*}ClosingCreditBalance')}",
        )
        for account in root.iter("{*}Account")
    }
    assert balances["1200"] == ("5.00", "107.50")
    assert balances["4000"] == ("-5.00", "-205.00")


def test_a_wrong_journal_stays_wrong(tmp_path: Path) -> None:
    """A journal that does not balance is written as it is, and found by the ledger's reader."""
    lopsided = replace(EUROS[1], credit=Decimal("93.00"))
    book = replace(BOOK, entries=(EUROS[0], lopsided, *EUROS[2:]))
    for form in FORMS:
        if form is BookedAs.DATEV:
            continue
        folder = tmp_path / form
        folder.mkdir()
        codes = {finding.code for file in as_read(form, folder, book) for finding in file.findings}
        assert FindingCode.UNBALANCED in codes, form


def test_what_datev_has_no_place_for_is_refused() -> None:
    one_sided = replace(BOOK, entries=(replace(EUROS[0], debit=Decimal("112.00")), *EUROS[1:3]))
    with pytest.raises(NotRepresentable, match="JRN-000001 does not balance"):
        datev(one_sided)
    dinars = tuple(journal(7, "KWD", ("ar", "1.005", "0"), ("revenue", "0", "1.005")))
    with pytest.raises(NotRepresentable, match=r"two decimals, and 1\.005 has more"):
        datev(replace(BOOK, entries=dinars))
