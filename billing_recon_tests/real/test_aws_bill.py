"""A real AWS bill of 1,281 rows becomes usage, a price list and invoice lines by configuration alone, and ties."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from billing_recon.compute.engine import session
from billing_recon.core.company import Company
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.money import Rounding, settle_at
from billing_recon.core.schema import BY_NAME, CONTROL_TOTALS, EXPECTED_LINES
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.feeds.landing.pipeline import land
from billing_recon.feeds.price_list import read_price_lists
from billing_recon_tests.day.run import breaks, rows, run_day

pytestmark = pytest.mark.long

ISSUED = date(2023, 12, 1)
HERE = Path(__file__).parent


@pytest.fixture
def home(realdata: Path, tmp_path: Path) -> Path:
    """The configured home with the bill in it, as both the day's file and the price list."""
    out = tmp_path / "aws"
    shutil.copytree(HERE / "aws_home", out)
    for place in (f"bills/{ISSUED}.csv", "rates/2023-11.csv"):
        (out / place).parent.mkdir()
        shutil.copy(realdata / "cloud_bills" / "aws_cur_anonymous.csv", out / place)
    return out


@pytest.fixture
def company(home: Path) -> Company:
    return Company.model_validate(yaml.safe_load((home / "company.yaml").read_text()))


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return session()


def landed(con: duckdb.DuckDBPyConnection, home: Path, company: Company, table: str) -> LandingReport:
    """Land a table of the bill and keep it under its own name."""
    report = land(
        con,
        home=home,
        company=company,
        spec=BY_NAME[table],
        day=ISSUED,
        lookback_days=62,
        known_usage=None,
        owner="finance",
    )
    con.execute(f"CREATE TABLE {table} AS SELECT {', '.join(BY_NAME[table].names)} FROM landed")
    return report


def test_every_row_of_the_bill_lands(con: duckdb.DuckDBPyConnection, home: Path, company: Company) -> None:
    usage = landed(con, home, company, "usage_events")
    assert (usage.status, usage.rows_in, usage.accepted) == (LandingStatus.PRESENT, 1269, 1269), usage.message
    lines = landed(con, home, company, "invoice_lines")
    assert (lines.rows_in, lines.accepted) == (1281, 1281), lines.message
    products = landed(con, home, company, "subscriptions")
    assert (products.rows_in, products.accepted, products.duplicates) == (1269, 13, 1256), products.message


def test_each_line_is_usage_times_rate(con: duckdb.DuckDBPyConnection, home: Path, company: Company) -> None:
    landed(con, home, company, "usage_events")
    landed(con, home, company, "invoice_lines")
    plans = read_price_lists(con, home, company)
    con.execute("CREATE TABLE prices (plan_id VARCHAR, meter VARCHAR, unit_price DECIMAL(24,12))")
    con.executemany(
        "INSERT INTO prices VALUES (?, ?, ?)", [(p.plan_id, c.meter, c.unit_price) for p in plans for c in p.charges]
    )
    total, rows, exact, near = con.execute(
        "SELECT sum(l.gross), count(*), count(*) FILTER (WHERE extend(u.quantity, p.unit_price) = l.gross), "
        "count(*) FILTER (WHERE abs(extend(u.quantity, p.unit_price) - CAST(l.gross AS DECIMAL(38,22))) "
        "<= CAST('0.000000001' AS DECIMAL(38,22))) "
        "FROM usage_events u JOIN prices p ON p.meter = u.meter JOIN invoice_lines l ON l.meter = u.meter "
        "AND l.plan_id = p.plan_id AND l.subscription_id = u.subscription_id AND l.kind = 'usage'"
    ).fetchall()[0]
    assert total == Decimal("1.60230869740")
    assert (rows, near, exact) == (1269, 1269, 857)


def test_tax_is_five_percent_of_each_product_rounded_half_up(
    con: duckdb.DuckDBPyConnection, home: Path, company: Company
) -> None:
    landed(con, home, company, "invoice_lines")
    ties = con.execute(
        "SELECT count(*) FILTER (WHERE kind = 'adjustment'), sum(tax), bool_and(tax = due) FROM ("
        "SELECT invoice_id, any_value(kind ORDER BY kind) AS kind, sum(tax) AS tax, "
        "settle(apply_rate(sum(taxable), CAST('0.05' AS DECIMAL(12,8))), 2, 'half_up') AS due "
        "FROM invoice_lines GROUP BY invoice_id)"
    ).fetchall()[0]
    assert ties == (12, Decimal("0.08"), True)


def test_every_rate_code_has_one_price(con: duckdb.DuckDBPyConnection, home: Path, company: Company) -> None:
    plans = read_price_lists(con, home, company)
    prices: dict[str, set[Decimal | None]] = {}
    for charge in (charge for plan in plans for charge in plan.charges):
        prices.setdefault(str(charge.meter).split("/")[0], set()).add(charge.unit_price)
    assert len(prices) == 192
    assert all(len(found) == 1 for found in prices.values())


def test_the_bill_reconciles_end_to_end(home: Path) -> None:
    """1,269 usage lines and the tax of 12 products: what differs at all is AWS's own tenth decimal, within tolerance."""
    opened = Home.open(home)
    assert run_day(opened, ISSUED).verdict is Verdict.PASS
    totals = {row["pair"]: row for row in rows(opened, CONTROL_TOTALS, ISSUED)}["expected_billed"]
    assert totals["right_count"] == 1281
    assert totals["right_amount"] == Decimal("1.60230869740") + Decimal("0.08")
    found = breaks(opened, ISSUED)
    assert {b["disposition"] for b in found} <= {"ACCEPTED_TOLERANCE"}
    assert all(abs(b["delta"]) <= Decimal("0.000000001") for b in found)
    expected = rows(opened, EXPECTED_LINES, ISSUED)
    assert sum(line["tax"] for line in expected) == Decimal("0.08")


def test_one_rate_raised_by_a_tenth_breaks_exactly_its_lines(home: Path) -> None:
    path = home / "rates" / "2023-11.csv"
    with path.open(newline="", encoding="utf-8") as file:
        bill = list(csv.DictReader(file))
    usage = [row for row in bill if row["lineItem/LineItemType"] == "Usage"]
    rate = max(usage, key=lambda row: Decimal(row["lineItem/UnblendedCost"]))["pricing/RateCode"]
    tenth = Decimal("1.1")
    hit: dict[str, tuple[Decimal, Decimal]] = {}
    for row in bill:
        if row["pricing/RateCode"] != rate:
            continue
        raised = Decimal(row["lineItem/UnblendedRate"]) * tenth
        row["lineItem/UnblendedRate"] = f"{raised:f}"
        due = settle_at(Decimal(row["lineItem/UsageAmount"]) * raised, 10, Rounding.HALF_UP)
        billed = Decimal(row["lineItem/UnblendedCost"])
        if billed != due:
            hit[f"{row['identity/LineItemId']}/{row['lineItem/UsageStartDate']}"] = (billed - due, due)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, bill[0].keys())
        writer.writeheader()
        writer.writerows(bill)
    opened = Home.open(home)
    assert run_day(opened, ISSUED).verdict is Verdict.FAIL
    found = {b["line_id"]: b for b in breaks(opened, ISSUED) if b["disposition"] == "OPEN"}
    assert found.keys() == hit.keys()
    assert {b["code"] for b in found.values()} == {"PRICE_VERSION"}
    assert {line: (b["delta"], b["expected"]) for line, b in found.items()} == hit
