"""Seven months of a wholesaler's invoice lines land whole, and its credit notes find the purchases that they take back."""

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

from billing_recon.compute.engine import build, session
from billing_recon.compute.match import ENGINE_OUTPUT, REVERSALS
from billing_recon.compute.registration import register
from billing_recon.core.company import Company
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.schema import CURRENCIES, INVOICE_LINES, KEY_MAP
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.feeds.landing.pipeline import land

pytestmark = pytest.mark.long

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


@pytest.fixture(scope="module")
def whole(home: Path) -> tuple[duckdb.DuckDBPyConnection, LandingReport]:
    """The export as one opening file."""
    con = session()
    return con, landed(con, home, company(home, day_column=None), LAST, lookback=(LAST - FIRST).days)


def test_the_whole_export_lands_as_one_opening_file(
    whole: tuple[duckdb.DuckDBPyConnection, LandingReport], rows: list[Row]
) -> None:
    con, report = whole
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


Units = dict[tuple[int, int], Decimal]
"""Units taken, per row of the credit note and row of the purchase."""


def by_queue(rows: list[Row], line_ids: dict[int, str]) -> Units:
    """Credit notes against earlier purchases of one customer, product and price, by hand: a queue of purchases for each."""

    def order(number: int) -> tuple[str, bool, str, str]:
        row = rows[number - 1]
        return row["InvoiceDate"][:10], row["InvoiceNo"].startswith("C"), row["InvoiceNo"], line_ids[number]

    taken: Units = {}
    queues: dict[tuple[str, ...], list[list[int]]] = {}
    for number in sorted(line_ids, key=order):
        row = rows[number - 1]
        buyer = row["CustomerID"] or f"nobody known, {row['InvoiceNo']}"
        queue = queues.setdefault((buyer, row["StockCode"], str(Decimal(row["UnitPrice"]).normalize())), [])
        units = int(row["Quantity"])
        if units > 0:
            queue.append([number, units])
        while units < 0 and queue:
            found = min(-units, queue[0][1])
            taken[number, queue[0][0]] = Decimal(found)
            units += found
            queue[0][1] -= found
            if not queue[0][1]:
                queue.pop(0)
    return taken


def test_credit_notes_take_back_earlier_purchases_of_the_same_customer_product_and_price(
    whole: tuple[duckdb.DuckDBPyConnection, LandingReport], rows: list[Row]
) -> None:
    con, _ = whole
    con.execute(f"CREATE TABLE invoice_lines AS SELECT *, DATE '{LAST}' AS day FROM landed")
    register(con, KEY_MAP)
    register(con, CURRENCIES, [("GBP", 2, 2)])
    register(con, RUN_PARAMS, [RunParams(day=LAST).row()])
    needed = ("mapped_keys", "engine_superseded", "engine_lines")
    build(con, [*(r for r in ENGINE_OUTPUT if r.name in needed), *REVERSALS])

    known = con.execute("SELECT source_row, line_id, line_key FROM engine_lines").fetchall()
    line_ids = {row: line_id for row, line_id, _ in known}
    of_key = {key: row for row, _, key in known}
    found: Units = {
        (of_key[credit], of_key[charge]): units
        for credit, charge, units in con.execute("SELECT credit_key, charge_key, quantity FROM reversals").fetchall()
    }
    expected = by_queue(rows, line_ids)
    assert found == expected

    taken: Counter[int] = Counter()
    for (credit, _), units in expected.items():
        taken[credit] += int(units)
    sums: dict[str, list[Decimal]] = {}
    for number in line_ids:
        row = rows[number - 1]
        if row["InvoiceNo"].startswith("C"):
            units = -int(row["Quantity"])
            state = "covered" if taken[number] == units else "partly" if taken[number] else "uncovered"
            of_state = sums.setdefault(state, [Decimal(0)] * 4)
            covered = taken[number] * Decimal(row["UnitPrice"])
            for place, figure in enumerate((1, -amount(row), covered, -amount(row) - covered)):
                of_state[place] += figure
    reported = con.execute(
        "SELECT state, count(*), sum(credited), sum(covered), sum(uncovered) FROM credit_coverage GROUP BY state"
    ).fetchall()
    assert {state: list(figures) for state, *figures in reported} == sums
    assert {state: int(figures[0]) for state, figures in sums.items()} == {
        "covered": 3231,
        "partly": 23,
        "uncovered": 1219,
    }
