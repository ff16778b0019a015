"""One table from two systems: both are mapped by their own feed, a day lands whole, and one id in two forms is one id."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment
from billing_recon_tests.feeds.statements.test_statements import camt


def two_sources(home: Path) -> Desk:
    bank = {"format": "camt053", "path": "bank/{day}.xml"}
    return Desk(home, feeds={"payments": {"path": "cards/{day}_*.csv", "also": [bank]}})


def put(home: Path, name: str, content: str) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_rows_of_both_land_and_name_their_file(tmp_path: Path) -> None:
    desk = two_sources(tmp_path)
    put(tmp_path, f"cards/{DAY}_1.csv", "\n".join([PAYMENT, PAID, ""]))
    put(tmp_path, f"cards/{DAY}_2.csv", "\n".join([PAYMENT, payment(payment_id="P-2", amount="x"), ""]))
    put(tmp_path, f"bank/{DAY}.xml", camt("<Ntry><Amt>x</Amt></Ntry>", "1000.00"))
    report = desk.land()
    assert (report.rows_in, report.accepted, report.reasons) == (3, 1, {"BROKEN_ROW": 1, "UNPARSABLE": 1}), (
        report.message
    )
    assert desk.quarantined("source_file, source_row, reason") == [
        (f"bank/{DAY}.xml", 1, "BROKEN_ROW"),
        (f"cards/{DAY}_2.csv", 1, "UNPARSABLE"),
    ]
    assert desk.rows("source_file") == [(f"cards/{DAY}_1.csv",)]


def test_a_day_of_which_one_source_is_missing_is_refused(tmp_path: Path) -> None:
    desk = two_sources(tmp_path)
    put(tmp_path, f"cards/{DAY}_1.csv", "\n".join([PAYMENT, PAID, ""]))
    report = desk.land()
    assert (report.status, report.accepted) == (LandingStatus.REFUSED, 0)
    assert "bank/{day}.xml was not delivered for 2026-03-02, but the table's other files were" in report.message


def test_the_rules_and_findings_of_every_feed_count(tmp_path: Path) -> None:
    """The bank's statement does not lead to its closing balance, and the second feed sets aside what is large."""
    bank = {"format": "camt053", "path": "bank/{day}.xml", "set_aside": {"is too large": "figure(amount) > 100"}}
    desk = Desk(tmp_path, feeds={"payments": {"path": "cards/{day}.csv", "also": [bank]}})
    put(tmp_path, f"cards/{DAY}.csv", "\n".join([PAYMENT, PAID, ""]))
    put(tmp_path, f"bank/{DAY}.xml", camt(closing="1.00"))
    report = desk.land()
    assert "1 warning on rows that landed (1 ROLL_FORWARD)" in report.message
    assert desk.quarantined("source_file, reason") == [(f"bank/{DAY}.xml", "TABLE_RULE")]


def test_an_id_in_two_forms_of_unicode_is_one_id(desk: Desk) -> None:
    """Müller with one character or with two is one customer, and a payment id in both forms is delivered twice."""
    composed, decomposed = (unicodedata.normalize(form, "Müller-É") for form in ("NFC", "NFD"))
    assert composed != decomposed
    report = desk.payments(
        payment(payment_id=composed), payment(payment_id=decomposed), payment(customer_id=decomposed)
    )
    assert (report.accepted, report.duplicates) == (2, 1)
    assert desk.rows("DISTINCT customer_id") == [("C-1",), (composed,)]
