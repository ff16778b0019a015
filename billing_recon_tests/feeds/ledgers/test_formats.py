"""What holds for every ledger format alike: balanced books give no finding, a cent off gives that one, rows are canonical."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon.core.journal import FindingCode
from billing_recon.feeds.ledgers import FORMS, LedgerOptions, as_json, read, recognise, rows
from billing_recon_tests.feeds.ledgers import books as written
from billing_recon_tests.feeds.ledgers.books import Book, books, expected_rows

OPTIONS = LedgerOptions(currency="EUR", dates="mdy", commodities={"$": "EUR"})
EACH = pytest.mark.parametrize("form", list(written.FORMS))
EXAMPLES = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def put(folder: Path, form: str, book: Book) -> Path:
    name, write = written.FORMS[form]
    path = folder / name
    path.write_text(write(book), encoding="utf-8", newline="")
    return path


def test_every_format_is_tried() -> None:
    assert set(written.FORMS) == set(FORMS)


@EACH
@EXAMPLES
@given(book=books)
def test_balanced_books_give_no_finding(form: str, book: Book, tmp_path: Path) -> None:
    path = put(tmp_path, form, book)
    assert recognise(path.read_bytes(), path.name) == form
    assert read(path, form, options=OPTIONS).findings == ()


@EACH
@EXAMPLES
@given(book=books)
def test_rows_are_the_canonical_ones(form: str, book: Book, tmp_path: Path) -> None:
    path = put(tmp_path, form, book)
    got = list(rows(path, form, OPTIONS))
    for row in got:
        assert row.pop("role") is None
        assert row.pop("payment_id") is None
        assert int(row.pop("source_row") or "0") > 0
    values = [{**row, "debit": Decimal(row["debit"] or ""), "credit": Decimal(row["credit"] or "")} for row in got]
    if form == "beancount":
        values = [{**row, "account": str(row["account"]).removeprefix("Assets:A")} for row in values]
    if form == "datev":
        values.sort(key=lambda row: str(row["entry_id"]))
    assert values == expected_rows(book)


@pytest.mark.parametrize("form", ["saft", "fec", "beancount", "hledger", "quickbooks", "xero"])
@EXAMPLES
@given(book=books, data=st.data())
def test_one_cent_off_is_exactly_that_finding(form: str, book: Book, data: st.DataObject, tmp_path: Path) -> None:
    at = data.draw(st.integers(0, len(book) - 1))
    first = book[at].postings[0]
    nudged = replace(first, cents=first.cents + (1 if first.cents > 0 else -1))
    off = (*book[:at], replace(book[at], postings=(nudged, *book[at].postings[1:])), *book[at + 1 :])
    ledger = read(put(tmp_path, form, off), form, options=OPTIONS)
    (finding,) = ledger.findings
    assert finding.code is FindingCode.UNBALANCED
    assert finding.where == f"journal {book[at].id}"
    apart = Decimal(finding.stated) - Decimal(finding.computed)
    assert apart == (Decimal("0.01") if first.cents > 0 else Decimal("-0.01"))


@EACH
@EXAMPLES
@given(book=books)
def test_entries_have_ids_of_their_own(form: str, book: Book, tmp_path: Path) -> None:
    ids = [entry.entry_id for entry in read(put(tmp_path, form, book), form, options=OPTIONS).entries]
    assert len(ids) == len(set(ids)) == sum(len(voucher.postings) for voucher in book)


@EACH
@settings(EXAMPLES, max_examples=5)
@given(book=books)
def test_the_object_that_is_printed_has_totals_as_text(form: str, book: Book, tmp_path: Path) -> None:
    shown = as_json(read(put(tmp_path, form, book), form, options=OPTIONS))
    debit = sum(p.cents for v in book for p in v.postings if p.cents > 0)
    assert shown["kind"] == "ledger"
    assert shown["currency"] == "EUR"
    assert Decimal(str(shown["debit"])) == Decimal(str(shown["credit"])) == Decimal(debit) / 100
    assert shown["findings"] == []
