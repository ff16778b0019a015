"""A real AWS bill of 1,281 rows becomes usage, a price list and invoice lines by configuration alone, and ties."""

from __future__ import annotations

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
from billing_recon.core.tables import BY_NAME
from billing_recon.feeds import land, read_price_lists

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
