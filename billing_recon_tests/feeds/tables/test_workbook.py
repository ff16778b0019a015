"""A sheet lands as what is stored in its cells, exactly; what is not stored, or could be read in two ways, never lands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, Desk
from billing_recon_tests.feeds.sheets import DATE, FIVE_DIGITS, PERCENT, TIME, Cell, Failed, Formula, Number, workbook

HEADER: list[Cell] = ["payment_id", "kind", "customer_id", "amount", "currency", "status", "processed_at"]
NAME = f"{DAY}.xlsx"


def paid(number: str, amount: Cell, at: Cell = "2026-03-02T10:00:00Z") -> list[Cell]:
    return [number, "payment", "C-1", amount, "EUR", "succeeded", at]


def desk_for(tmp_path: Path, **feed: Any) -> Desk:
    return Desk(tmp_path, timezone="Europe/Berlin", feeds={"payments": feed} if feed else {})


def sheet(*rows: Sequence[Cell]) -> bytes:
    return workbook(("Report", [HEADER, *rows]))


def test_figures_land_as_they_are_stored_and_not_as_floats(tmp_path: Path) -> None:
    desk = desk_for(tmp_path)
    desk.put(
        sheet(
            paid("P-1", Number("0.1")),
            paid("P-2", Number("19.989999999999998")),  # what a spreadsheet stores for 19.99
            paid("P-3", Number("123456789.0123456789")),
            paid("P-4", Number("1.5E3")),
            paid("P-5", "7.25"),
        ),
        name=NAME,
    )
    assert desk.land().accepted == 5
    assert desk.rows("payment_id, amount::VARCHAR") == [
        ("P-1", "0.100000000000"),
        ("P-2", "19.990000000000"),
        ("P-3", "123456789.012345678900"),
        ("P-4", "1500.000000000000"),
        ("P-5", "7.250000000000"),
    ]


def test_days_and_times_of_the_calendar_are_read_and_texts_in_the_declared_notation_too(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", dates=["%d.%m.%Y %H:%M"], timezone="Europe/Berlin")
    desk.put(
        sheet(
            paid("P-1", Number("1"), Number("46083.5", TIME)),
            paid("P-2", Number("1"), Number("46083", DATE)),
            paid("P-3", Number("1"), "02.03.2026 23:30"),
        ),
        name=NAME,
    )
    desk.land()
    assert desk.rows("payment_id, CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)") == [
        ("P-1", "2026-03-02 11:00:00"),
        ("P-2", "2026-03-01 23:00:00"),
        ("P-3", "2026-03-02 22:30:00"),
    ]


def test_a_number_cell_is_not_read_in_the_notation_of_text_cells(tmp_path: Path) -> None:
    """1.234 in a sheet whose texts use points between thousands is one and a bit, not a thousand."""
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", decimal_mark=",", thousands_mark=".")
    desk.put(sheet(paid("P-1", Number("1.234")), paid("P-2", "1.234"), paid("P-3", "1.234,50")), name=NAME)
    desk.land()
    assert desk.rows("payment_id, amount::VARCHAR") == [
        ("P-1", "1.234000000000"),
        ("P-2", "1234.000000000000"),
        ("P-3", "1234.500000000000"),
    ]


def test_a_percentage_cell_is_a_percentage(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", unknown_columns="ignore", percent=True)
    desk.put(workbook(("R", [[*HEADER, "rate"], [*paid("P-1", Number("3")), Number("0.19", PERCENT)]])), name=NAME)
    assert desk.land().accepted == 1


def test_a_formula_without_a_result_sets_its_row_aside(tmp_path: Path) -> None:
    desk = desk_for(tmp_path)
    desk.put(sheet(paid("P-1", Formula("A1+B1")), paid("P-2", Formula("1+1", "2"))), name=NAME)
    report = desk.land()
    assert (report.accepted, report.reasons) == (1, {"BROKEN_ROW": 1})
    assert "has the formula =A1+B1 without a stored result in 'amount'" in desk.messages()[0]


def test_an_id_is_what_the_spreadsheet_shows_or_its_row_is_set_aside(tmp_path: Path) -> None:
    """Zeros that a format adds belong to the id; digits that a spreadsheet dropped, and errors, are no id."""
    desk = desk_for(tmp_path)
    desk.put(
        sheet(
            [Number("123", FIVE_DIGITS), *paid("", Number("19.99", FIVE_DIGITS))[1:]],
            [Number("9007199254740992"), *paid("", Number("1"))[1:]],
            [Number("1.234567890123457E+19"), *paid("", Number("1"))[1:]],
            [Failed("#N/A"), *paid("", Number("1"))[1:]],
        ),
        name=NAME,
    )
    assert desk.land().equation_holds
    assert desk.rows("payment_id, amount::VARCHAR") == [
        ("00123", "19.990000000000"),
        ("9007199254740992", "1.000000000000"),
    ]
    third, fourth = desk.messages()
    assert (
        "has the number 1.234567890123457E+19 in 'payment_id', of which a spreadsheet keeps the first 15 digits only"
        in third
    )
    assert "has the error #N/A in 'payment_id'" in fourth


def test_an_error_in_a_column_that_nothing_reads_keeps_no_row_out(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", unknown_columns="ignore")
    desk.put(workbook(("R", [[*HEADER, "Lookup"], [*paid("P-1", Number("3")), Failed("#N/A")]])), name=NAME)
    assert desk.land().accepted == 1


def test_rows_are_numbered_from_the_header_and_skipped_rows_are_counted(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", skip=3, skip_last=1)
    rows: list[list[Cell]] = [
        ["Statement"],
        [],
        ["of March"],
        HEADER,
        paid("P-1", Number("1")),
        [],
        paid("P-2", "x"),
        ["Total"],
    ]
    desk.put(workbook(("Report", rows)), name=NAME)
    report = desk.land()
    assert (report.accepted, report.quarantined, report.skipped) == (1, 1, 3)
    assert desk.quarantined() == [(3, "UNPARSABLE", "amount")]


def test_a_last_row_that_reads_as_a_payment_is_not_left_out(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", skip_last=1)
    desk.put(sheet(paid("P-1", Number("1")), paid("P-2", Number("2"))), name=NAME)
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "the file may have come without its end" in report.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            workbook(("A", [HEADER, paid("P-1", "1")]), ("B", [HEADER])),
            "has the sheets A, B; declare one in the feed: sheet: A",
        ),
        (workbook(("A", [])), "has no row with a header"),
        (workbook(("A", [["a", "a"]])), "the header names a twice"),
        (sheet(paid("P-1", "1"))[:-40], "cannot be unpacked"),
        (b"a,b\n1,2\n", "not an .xlsx workbook"),
    ],
)
def test_what_is_open_or_broken_is_refused_with_the_cure(tmp_path: Path, content: bytes, says: str) -> None:
    desk = desk_for(tmp_path)
    desk.put(content, name=NAME)
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


def test_a_hidden_or_named_sheet_is_no_question(tmp_path: Path) -> None:
    hidden = workbook(("A", [HEADER, paid("P-1", "1")]), ("B", [HEADER]), state={"B": "hidden"})
    desk = desk_for(tmp_path)
    desk.put(hidden, name=NAME)
    assert desk.land().accepted == 1
    named = desk_for(tmp_path, path="landing/payments/{day}.xlsx", sheet="B")
    assert named.land().status is LandingStatus.EMPTY


def test_blank_continuation_rows_repeat_the_value_above(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, path="landing/payments/{day}.xlsx", fill_down=["customer_id", "processed_at"])
    first, second = paid("P-1", "1"), paid("P-2", "2", None)
    second[2] = None
    desk.put(sheet(first, second), name=NAME)
    assert desk.land().accepted == 2
    assert desk.rows("payment_id, customer_id") == [("P-1", "C-1"), ("P-2", "C-1")]
