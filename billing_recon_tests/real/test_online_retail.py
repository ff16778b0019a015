"""Seven months of a wholesaler's invoice lines land whole, as one file or by their days: every row is accounted for."""

from __future__ import annotations

import csv
import lzma
import shutil
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from billing_recon.compute.engine import session
from billing_recon.core.company import Company
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.tables import INVOICE_LINES
from billing_recon.feeds import land

HOME = Path(__file__).parent / "retail_home"
NAME = "online_retail_to_2011-06.csv.xz"
FIRST, LAST = date(2010, 12, 1), date(2011, 6, 30)
ROWS = 245_903
Row = dict[str, str]


@pytest.fixture(scope="module")
def home(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("retail") / "home"
    shutil.copytree(HOME, out)
    (out / "exports").mkdir()
    shutil.copy(realdata / "transactions" / NAME, out / "exports")
    return out


@pytest.fixture(scope="module")
def rows(home: Path) -> list[Row]:
    """The export, read by other means."""
    with lzma.open(home / "exports" / NAME, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def company(home: Path, **changed: object) -> Company:
    content = yaml.safe_load((home / "company.yaml").read_text())
    content["feeds"]["invoice_lines"] |= changed
    return Company.model_validate(content)


def landed(con: duckdb.DuckDBPyConnection, home: Path, company: Company, day: date, lookback: int) -> LandingReport:
    return land(
        con,
        home=home,
        company=company,
        spec=INVOICE_LINES,
        day=day,
        lookback_days=lookback,
        known_usage=None,
        owner="finance",
    )


def amount(row: Row) -> Decimal:
    return Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])


def test_the_whole_export_lands_as_one_opening_file(home: Path, rows: list[Row]) -> None:
    con = session()
    report = landed(con, home, company(home, day_column=None), LAST, lookback=(LAST - FIRST).days)
    distinct = {tuple(row.values()): row for row in rows}
    odd = [row for row in rows if row["Quantity"].startswith("-") and not row["InvoiceNo"].startswith("C")]
    assert len(rows) == report.rows_in == ROWS
    assert report.equation_holds
    assert (report.quarantined, report.duplicates) == (len(odd), ROWS - len(distinct)) == (758, 2012)
    assert report.accepted == ROWS - 758 - 2012

    kept = [row for row in distinct.values() if row not in odd]
    expected = {
        kind: (len(group), sum((amount(row) for row in group), Decimal(0)))
        for kind, group in (
            ("credit_note", [row for row in kept if row["InvoiceNo"].startswith("C")]),
            ("invoice", [row for row in kept if not row["InvoiceNo"].startswith("C")]),
        )
    }
    found = con.execute("SELECT invoice_kind, count(*), sum(total) FROM landed GROUP BY invoice_kind").fetchall()
    assert {kind: (count, total) for kind, count, total in found} == expected
    assert expected["credit_note"][0] == 4494 - 21

    aside = con.execute("SELECT source_row, reason, message FROM landed_quarantine ORDER BY source_row").fetchall()
    assert [row for row, _, _ in aside] == [number for number, row in enumerate(rows, 1) if row in odd]
    assert {reason for _, reason, _ in aside} == {"TABLE_RULE"}
    assert aside[0][2].endswith("the row is negative on an invoice that is no credit note")


def test_each_day_lands_its_own_rows_of_the_export(home: Path, rows: list[Row]) -> None:
    of_day = Counter(row["InvoiceDate"][:10] for row in rows)
    con = session()
    days = [FIRST, date(2010, 12, 4), date(2011, 3, 7), LAST, LAST + timedelta(days=1)]
    reports = {day: landed(con, home, company(home), day, lookback=62) for day in days}
    assert [reports[day].rows_in for day in days] == [of_day[str(day)] for day in days]
    assert [reports[day].status.value for day in days] == ["present", "empty", "present", "present", "missing"]
    assert all(report.equation_holds for report in reports.values())
    assert sum(of_day.values()) == ROWS
    assert reports[days[1]].status is LandingStatus.EMPTY, "no invoice was written on that Saturday"
