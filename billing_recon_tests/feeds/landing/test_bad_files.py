"""One file that cannot be read refuses the days that it may hold, and no others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon.feeds.landing.delivered_files import delivered_otherwise
from billing_recon_tests.feeds.desk import PAYMENT, Desk, payment

FEED = {"path": "bank/*.csv", "day_column": "processed_at"}


def statement(*days: str) -> str:
    rows = [payment(payment_id=f"P-{day}", processed_at=f"{day}T10:00:00Z") for day in days]
    return "\n".join([PAYMENT, *rows, ""])


BAD = statement("2026-03-02").replace("amount", "Betrag")
GOOD = {"konto_2026-02.csv": statement("2026-02-05", "2026-02-27"), "konto_2026-04.csv": statement("2026-04-01")}


def desk_with(home: Path, **files: str) -> Desk:
    (home / "bank").mkdir()
    for name, content in files.items():
        (home / "bank" / name).write_text(content)
    return Desk(home, feeds={"payments": FEED})


def test_a_bad_file_whose_name_is_of_another_month_refuses_no_day_of_this_one(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, **GOOD, **{"konto_2026-03.csv": BAD})
    report = desk.land(day=date(2026, 2, 27))
    assert (report.status, report.accepted) == (LandingStatus.PRESENT, 1)
    assert report.equation_holds
    assert "left out, for another day: bank/konto_2026-03.csv: 1 needed column is missing: amount" in report.message
    assert "bank/konto_2026-03.csv" in dict(report.files)
    assert not delivered_otherwise(tmp_path, desk.company, report)
    refused = desk.land(day=date(2026, 3, 2))
    assert refused.status is LandingStatus.REFUSED
    (tmp_path / "bank" / "konto_2026-03.csv").write_text(statement("2026-03-02"))
    assert delivered_otherwise(tmp_path, desk.company, report)


@pytest.mark.parametrize(
    "files",
    [
        {"rest.csv": BAD},  # its name says nothing
        {
            "konto_2026-03.csv": BAD,
            "konto_2026-01.csv": statement("2026-02-01"),
        },  # names of this folder are not to be believed
        {"konto_2026-03.csv": BAD, "more.csv": statement("2026-02-06")},
    ],
)
def test_a_bad_file_that_may_hold_rows_of_the_day_refuses_it(tmp_path: Path, files: dict[str, str]) -> None:
    assert desk_with(tmp_path, **GOOD, **files).land(day=date(2026, 2, 27)).status is LandingStatus.REFUSED


def test_a_name_alone_is_no_proof(tmp_path: Path) -> None:
    """Without a single file that holds what its name says, the name of a bad one is not believed."""
    desk = desk_with(tmp_path, **{"konto_2026-02.csv": PAYMENT + "\n", "konto_2026-03.csv": BAD})
    assert desk.land(day=date(2026, 2, 27)).status is LandingStatus.REFUSED


def test_a_bad_ledger_of_another_month_is_left_out_too(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    entry = "2026-0{month}-02 Sale\n    A:ar  5 EUR\n    I:sales\n"
    for month in (2, 4):
        (tmp_path / "books" / f"2026-0{month}.journal").write_text(entry.format(month=month))
    (tmp_path / "books" / "2026-03.journal").write_text("2026-03-02 Sale\n    A:ar  5 EUR\n    I:sales  1,234 EUR\n")
    feed = {"format": "hledger", "path": "books/*.journal", "day_column": "posted_on"}
    desk = Desk(tmp_path, feeds={"ledger_entries": feed}, roles={"A*": "ar", "I*": "revenue"})
    assert desk.land("ledger_entries", date(2026, 2, 2)).accepted == 2
    assert desk.land("ledger_entries", date(2026, 3, 2)).status is LandingStatus.REFUSED
