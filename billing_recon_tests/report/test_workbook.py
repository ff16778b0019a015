"""The workbook: typed tables, a tie-out of formulas that foots, and no cell of the data that a spreadsheet would run."""

from __future__ import annotations

import re
import shutil
import zipfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.compute.engine import session
from billing_recon.core.schema import BREAKS
from billing_recon.day import Home
from billing_recon.day.month_books import month_books
from billing_recon.report import workbook
from billing_recon.report.workbook import _fits, write_workbook
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.report.books import CONTROL, DAY, TOO_DEAR, UNBOOKED, keep_books, put

HOSTILE = '=HYPERLINK("http://evil.example","click")'


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The parts of a workbook of a day; one break has a customer whose id would be a formula."""
    home = keep_books(tmp_path_factory.mktemp("books") / "home")
    con = session()
    put(con, home, BREAKS, DAY, [{**TOO_DEAR, "customer_id": HOSTILE}, UNBOOKED])
    con.close()
    path = write_workbook(home, DAY, DAY, home.path / "march.xlsx")
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def sheet(book: dict[str, str], number: int) -> str:
    return book[f"xl/worksheets/sheet{number}.xml"]


def test_the_sheets_are_tables_whose_headings_stay_in_sight(book: dict[str, str]) -> None:
    names = re.findall(r'<sheet name="([^"]+)"', book["xl/workbook.xml"])
    assert names == ["Tie-out", "Breaks", "Exceptions", "Control totals", "Landing"]
    assert sum(name.startswith("xl/tables/") for name in book) == 4
    assert all('state="frozen"' in sheet(book, number) for number in range(1, 6))


def test_the_tie_out_is_formulas_and_foots(book: dict[str, str]) -> None:
    text = sheet(book, 1)
    assert len(re.findall(r"<f>", text)) == 12
    assert "SUMIFS(Breaks[Delta]" in text
    assert re.findall(r"<f>IF\(G\d=0[^<]*</f><v>(\w+)</v>", text) == ["yes", "yes"]
    assert CONTROL[0]["delta"] == "17.85"
    assert "<v>17.85</v>" in text


def test_whole_months_have_roll_forwards_that_foot_and_tie(
    january: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    shutil.copytree(january[0], tmp_path / "home")
    home = Home.open(tmp_path / "home")
    path = write_workbook(home, FIRST, FIRST + timedelta(days=6), tmp_path / "january.xlsx")
    with zipfile.ZipFile(path) as file:
        assert "Roll-forward" in re.findall(r'<sheet name="([^"]+)"', file.read("xl/workbook.xml").decode())[4]
        text = file.read("xl/worksheets/sheet5.xml").decode()
    rolls = month_books(home, "2026-01").roll_forwards
    assert len(rolls) > 2
    for row, one in enumerate(rolls, start=5):
        first, last, closing = re.findall(rf"<f>SUM\(([A-Z]){row}:([A-Z]){row}\)</f><v>([^<]*)</v>", text)[0]
        added = re.findall(rf'<c r="([{first}-{last}]){row}" s="\d+"><v>([^<]*)</v></c>', text)
        assert sum(Decimal(value) for _, value in added) == one.closing
        assert Decimal(closing) == one.closing
    assert re.findall(r"<f>IF\(AND[^<]*</f><v>(\w+)</v>", text) == ["yes"] * len(rolls)
    with zipfile.ZipFile(write_workbook(home, FIRST, FIRST, tmp_path / "day.xlsx")) as file:
        assert "Roll-forward" not in file.read("xl/workbook.xml").decode(), "of a part of a month there is none"
    home.control.close()


def test_no_cell_of_the_data_is_a_formula_or_a_link(book: dict[str, str]) -> None:
    assert "HYPERLINK" in book["xl/sharedStrings.xml"], "the text itself is there"
    for number in range(2, 6):
        assert "<f>" not in sheet(book, number)
        assert "<hyperlink" not in sheet(book, number)


def test_amounts_are_numbers_and_days_are_dates(book: dict[str, str]) -> None:
    assert re.search(r'<c r="P6" s="\d+"><v>17.85</v></c>', sheet(book, 2))
    assert re.search(r'<c r="B6" s="\d+"><v>46083</v></c>', sheet(book, 2)), "2026-03-02"


def test_an_amount_that_excel_cannot_hold_exactly_is_text() -> None:
    from decimal import Decimal

    assert _fits(Decimal("1234567890123.45"))
    assert not _fits(Decimal("12345678901234.567"))


def test_differences_beyond_the_bound_are_added_up_so_that_the_sheets_still_foot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "LISTED", 3)
    home = keep_books(tmp_path / "home")
    con = session()
    put(con, home, BREAKS, DAY, [{**TOO_DEAR, "break_id": f"b{n}", "delta": f"{n}.50"} for n in range(1, 7)])
    con.close()
    rows = workbook._breaks(home, DAY, DAY)
    assert [row["break_id"] for row in rows] == ["b6", "b5", "b4", "3 more"]
    assert sum(row["delta"] for row in rows) == Decimal("24.00")
    assert rows[-1]["pair"] == "expected_billed"
