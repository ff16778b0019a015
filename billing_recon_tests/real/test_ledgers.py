"""Ledgers of others: each balances as its author says."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile
from billing_recon.feeds.ledgers import as_json, read, recognise


def _read(realdata: Path, name: str) -> LedgerFile:
    path = realdata / "ledger" / name
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    form = recognise(path.read_bytes(), path.name)
    assert form is not None
    if form == "beancount":
        pytest.importorskip("beancount")
    return read(path, form)


def _sums(ledger: LedgerFile) -> dict[tuple[str, str | None], Decimal]:
    sums: Counter[tuple[str, str | None]] = Counter()
    for entry in ledger.entries:
        sums[entry.account, entry.currency] += entry.amount  # type: ignore[assignment]
    return dict(sums)  # type: ignore[arg-type]


def test_accrual_and_cash_books_settle_the_receivable(realdata: Path) -> None:
    for name in ("accrual.journal", "cash.journal"):
        ledger = _read(realdata, name)
        assert not ledger.findings
        sums = _sums(ledger)
        assert sums["assets:receivable:ab", "$"] == 0
        assert sums["assets:checking", "$"] == 1000
        assert sums["revenues:consulting:ab", "$"] == -1000
        assert ledger.entries[0].invoice_id == "201602ab"


@pytest.mark.parametrize("name", ["basic.beancount", "example.beancount"])
def test_beancount_examples_balance_and_meet_their_assertions(realdata: Path, name: str) -> None:
    ledger = _read(realdata, name)
    assert not ledger.findings
    text = (realdata / "ledger" / name).read_text(encoding="utf-8")
    written = re.findall(r"^[0-9]{4}-[0-9]{2}-[0-9]{2} +(?:txn|[*!]) ", text, re.MULTILINE)
    padded = len(re.findall(r"^[0-9]{4}-[0-9]{2}-[0-9]{2} +pad ", text, re.MULTILINE))
    journals = len({entry.journal_id for entry in ledger.entries})
    assert len(written) <= journals <= len(written) + 2 * padded


def test_the_datev_batch_is_two_bookings_of_february_2018(realdata: Path) -> None:
    ledger = _read(realdata, "datev_EXTF_Buchungsstapel.csv")
    assert not ledger.findings
    assert [(e.account, str(e.amount), str(e.posted_on), e.invoice_id) for e in ledger.entries] == [
        ("1200", "-24.95", "2018-02-21", None),
        ("4940", "24.95", "2018-02-21", None),
        ("10000", "5950.00", "2018-02-22", "RE201802-135"),
        ("8400", "-5950.00", "2018-02-22", "RE201802-135"),
    ]
    assert "Controlling für Dummies" in (ledger.entries[0].memo or "")


def test_the_norwegian_example_balances_and_its_invented_balances_do_not_roll_forward(realdata: Path) -> None:
    ledger = _read(realdata, "saft_no_financial_small.xml")
    shown = as_json(ledger)
    assert (shown["debit"], shown["credit"], shown["entries_count"]) == ("25000", "25000", 5)
    assert {finding.code for finding in ledger.findings} == {FindingCode.ROLL_FORWARD}
    assert {finding.where for finding in ledger.findings} == {f"account {n}" for n in (1925, 2400, 2740, 4000)}
    assert {entry.invoice_id for entry in ledger.entries} == {"123456"}
