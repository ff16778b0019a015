"""Rows of a database are a day's rows like a file's: exact, in their own order, and its password is nowhere to be seen."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, make_url, text

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingStatus
from billing_recon.core.yaml_text import read_yaml
from billing_recon.feeds.tables.credentials import hidden, secrets_of
from billing_recon_tests.feeds.desk import Desk

Desks = Callable[..., Desk]
SECRET = "s3cr3t/p@ss word"
ENV = "ACME_BILLING_DB"
TABLE = """
CREATE TABLE received (
    payment_id text, kind text, customer_id text, invoice_id text, amount numeric(20, 6), currency char(3), status text,
    processed_at timestamptz, attempt integer, fee numeric
)"""
ROWS = """
INSERT INTO received VALUES
    ('P-1', 'payment', 'C-1', 'I-1', 999999999999.123456, 'EUR', 'succeeded', '2026-03-02 00:00:00+01', 1, 0.1),
    ('P-2', 'payment', 'C-2', NULL, 0.1, 'EUR', 'succeeded', '2026-03-02 23:59:59.999999+01', NULL, NULL),
    ('P-0', 'payment', 'C-0', 'I-0', 5, 'EUR', 'succeeded', '2026-03-01 23:59:59.999999+01', 1, 0),
    ('P-3', 'refund', 'C-3', 'I-3', 5, 'EUR', 'succeeded', '2026-03-03 00:00:00+01', 1, 0)"""


def ask(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def received(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database with the table; one database for all tests, the table anew for each."""
    url = postgres_server.replace("postgresql://", "postgresql+psycopg2://")
    ask(url, TABLE, ROWS)
    monkeypatch.setenv(ENV, url)
    yield url
    ask(url, "DROP TABLE received")


def of_database(desk_of: Desks, timezone: str = "Europe/Berlin", **feed: Any) -> Desk:
    feed = {"url_env": ENV} | feed
    return desk_of(timezone=timezone, feeds={"payments": feed})


BY_TABLE = {"table": "public.received", "day_column": "processed_at"}
BY_QUERY = {
    "query": "SELECT *, '{\"a\": 1}'::jsonb AS more FROM received WHERE processed_at >= :day_start AND processed_at < :day_end",
    "unknown_columns": "ignore",
}


@pytest.mark.parametrize("feed", [BY_TABLE, BY_QUERY])
def test_the_rows_of_a_day_are_those_of_the_companys_day(desk_of: Desks, received: str, feed: dict[str, Any]) -> None:
    desk = of_database(desk_of, **feed)
    report = desk.land()
    assert (report.status, report.rows_in, report.accepted) == (LandingStatus.PRESENT, 2, 2), report.message
    assert desk.rows("payment_id, invoice_id, amount, attempt, fee, CAST(processed_at AS VARCHAR)") == [
        ("P-1", "I-1", Decimal("999999999999.123456"), 1, Decimal("0.1"), "2026-03-01 23:00:00+00"),
        ("P-2", None, Decimal("0.1"), None, None, "2026-03-02 22:59:59.999999+00"),
    ]
    assert [name for name, _ in report.files] == [f"{ENV}:{feed.get('table', 'query')}"]


def test_the_days_share_the_table_out(desk_of: Desks, received: str) -> None:
    desk = of_database(desk_of, **BY_TABLE)
    assert [desk.land(day=date(2026, 3, day)).rows_in for day in range(1, 5)] == [1, 2, 1, 0]
    assert desk.land(day=date(2026, 3, 4)).status is LandingStatus.EMPTY


def test_the_evidence_does_not_depend_on_the_order_of_the_database(desk_of: Desks, received: str) -> None:
    desk = of_database(desk_of, **BY_TABLE)
    first, rows = desk.land(), desk.rows()
    ask(received, "CREATE TABLE again AS SELECT * FROM received ORDER BY payment_id DESC", "DROP TABLE received")
    ask(received, "ALTER TABLE again RENAME TO received")
    again = desk.land()
    assert (again, desk.rows()) == (first, rows)
    ask(received, "UPDATE received SET fee = 0.2 WHERE payment_id = 'P-1'")
    assert desk.land().files != first.files


def test_rows_without_a_day_are_told_of(desk_of: Desks, received: str) -> None:
    ask(received, "INSERT INTO received (payment_id) VALUES ('P-9')")
    report = of_database(desk_of, **BY_TABLE).land()
    assert report.message == f"1 row has no processed_at and lands in no partition: {ENV}:public.received"


def test_a_binary_float_is_no_money(desk_of: Desks, received: str) -> None:
    ask(received, "ALTER TABLE received ALTER amount TYPE double precision, ALTER attempt TYPE real")
    report = of_database(desk_of, **BY_TABLE).land()
    assert report.status is LandingStatus.REFUSED
    assert (
        "the column 'amount' named by feeds.payments.columns.amount is a binary float, which loses cents"
        in report.message
    )
    assert "attempt" not in report.message, "a whole number may be one"


def test_the_servers_money_type_is_not_read_as_cents(desk_of: Desks, received: str) -> None:
    ask(received, "ALTER TABLE received ALTER fee TYPE money USING 12.5::numeric::money")
    desk = of_database(desk_of, **BY_TABLE, columns={"fee": {"column": "fee", "symbols": ["$"], "thousands_mark": ","}})
    assert desk.land().accepted == 2, desk.messages()
    assert desk.rows("DISTINCT fee") == [(Decimal("12.5"),)]


def test_naive_timestamps_are_in_the_feeds_time_zone(desk_of: Desks, received: str) -> None:
    ask(received, "ALTER TABLE received ALTER processed_at TYPE timestamp USING processed_at AT TIME ZONE 'Asia/Tokyo'")
    desk = desk_of(timezone="Europe/Berlin", feeds={"payments": {"url_env": ENV, "timezone": "Asia/Tokyo"} | BY_TABLE})
    assert desk.land().accepted == 2, desk.messages()
    assert desk.rows("payment_id, CAST(processed_at AS VARCHAR)")[0] == ("P-1", "2026-03-01 23:00:00+00")


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ({"table": "nowhere", "day_column": "at"}, "the database has no table nowhere"),
        ({"table": "received"}, "name the column that gives the day of a row: feeds.payments.day_column"),
        ({"table": "received", "day_column": "at"}, "feeds.payments.day_column 'at' is not one of payment_id, kind"),
        (
            {"table": "received", "day_column": "attempt"},
            "attempt has type INTEGER, which is neither a date nor a timestamp",
        ),
        (
            {"table": "received", "day_column": "status"},
            "status is text in UTC, but the company's days are in Europe/Berlin",
        ),
        ({"query": "SELECT * FROM received"}, "the query has no day"),
        ({"query": "SELECT * FROM received WHERE processed_at > :when"}, "the query uses :when"),
        ({"query": "SELECT kind, kind FROM received WHERE processed_at > :day_start"}, "has kind twice"),
        ({"query": "SELEC 1 WHERE now() > :day_start"}, "syntax error"),
        ({"query": "DELETE FROM received WHERE processed_at > :day RETURNING *"}, ""),
    ],
)
def test_what_cannot_be_asked_is_refused(desk_of: Desks, received: str, feed: dict[str, Any], says: str) -> None:
    report = of_database(desk_of, **feed).land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message
    engine = create_engine(received)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM received")).scalar_one() == 4
    engine.dispose()


def test_many_rows_come_in_batches(desk_of: Desks, received: str) -> None:
    ask(
        received,
        "INSERT INTO received SELECT 'Q-' || n, 'payment', 'C', 'I', n * 0.01, 'EUR', 'succeeded', '2026-03-02 12:00Z', 1, 0 "
        "FROM generate_series(1, 50000) n",
    )
    desk = of_database(desk_of, **BY_TABLE)
    assert desk.land().accepted == 50_002
    assert desk.rows("sum(amount)", of="landed WHERE payment_id LIKE 'Q-%'") == [(Decimal("12500250"),)]


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "billing.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE received (id text, cents integer, amount real, day date, at text)")
        connection.executemany(
            "INSERT INTO received VALUES (?, ?, ?, ?, ?)",
            [
                ("P-1", 1050, 10.5, "2026-03-02", "2026-03-02T00:00:00Z"),
                ("P-2", 7, 0.07, "2026-03-02", "2026-03-02 23:59:59"),
                ("P-3", 7, 0.07, "2026-03-03", "2026-03-03 00:00:00"),
                ("P-4", 7, 0.07, None, None),
            ],
        )
    monkeypatch.setenv(ENV, f"sqlite:///{path}")
    return path


THEIRS: dict[str, Any] = {
    "payment_id": "id",
    "kind": {"value": "payment"},
    "customer_id": {"value": "C-1"},
    "amount": {"column": "cents", "minor_units": True},
    "currency": {"value": "EUR"},
    "status": {"value": "succeeded"},
    "processed_at": "at",
}


@pytest.mark.parametrize("day_column", ["day", "at"])
def test_sqlite_keeps_days_as_text_and_cents_as_integers(desk_of: Desks, sqlite: Path, day_column: str) -> None:
    desk = of_database(
        desk_of, "UTC", table="received", day_column=day_column, columns=THEIRS, unknown_columns="ignore"
    )
    report = desk.land()
    assert report.accepted == 2, desk.messages()
    assert desk.rows("payment_id, amount") == [("P-1", Decimal("10.50")), ("P-2", Decimal("0.07"))]
    assert report.message.startswith(f"1 row has no {day_column}")


def test_a_float_of_sqlite_is_no_money_either(desk_of: Desks, sqlite: Path) -> None:
    columns = THEIRS | {"amount": "amount"}
    desk = of_database(desk_of, "UTC", table="received", day_column="at", columns=columns, unknown_columns="ignore")
    assert "'amount' named by feeds.payments.columns.amount is a binary float" in desk.land().message


def test_an_expression_does_not_hide_that_a_numeric_column_of_sqlite_is_a_float(desk_of: Desks, sqlite: Path) -> None:
    """SQLite stores NUMERIC with decimals as a binary float, so 1234567890123456.78 has lost its cents before it is read."""
    with closing(sqlite3.connect(sqlite)) as connection, connection:
        connection.execute("CREATE TABLE numbers (id text, amount numeric(38, 12), at text)")
        connection.execute("INSERT INTO numbers VALUES ('P-1', '1234567890123456.78', '2026-03-02T00:00:00Z')")
    columns = THEIRS | {"amount": {"sql": "figure(amount)"}}
    desk = of_database(desk_of, "UTC", table="numbers", day_column="at", columns=columns, unknown_columns="ignore")
    assert "'amount' named by feeds.payments.columns.amount.sql is a binary float" in desk.land().message


def test_a_driver_that_is_not_installed_is_named(desk_of: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("mysql+nodriver://ann@localhost/billing", "nosuchbase://localhost/billing"):
        monkeypatch.setenv(ENV, url)
        message = of_database(desk_of, "UTC", table="received", day_column="at", columns=THEIRS).land().message
        assert f"the driver of {url.partition(':')[0]}:// is not installed" in message


def test_a_query_of_sqlite_has_its_days_as_text(desk_of: Desks, sqlite: Path) -> None:
    query = "SELECT id, cents, at FROM received WHERE at >= :day AND at < :next_day;"
    assert of_database(desk_of, "UTC", query=query, columns=THEIRS).land().accepted == 2


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@localhost:1/billing",
        "postgresql://ann:s3cr3t%2Fp%40ss word@localhost:1/billing",
        f"postgresql://ann@localhost:1/billing?password={SECRET}",
        f"postgresql+psycopg2://ann:{SECRET}@/billing?host=/nowhere",
        f"postgresql://ann:{SECRET}@no host/billing",
        f"mysql+nodriver://ann:{SECRET}@localhost/billing",
        f"nothing//ann:{SECRET}@localhost",
        f"postgresql://ann:{SECRET}@localhost:port/billing",
    ],
)
def test_a_password_is_in_no_message_log_or_traceback(
    desk_of: Desks,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(ENV, url)
    report = of_database(desk_of, **BY_TABLE).land()
    assert report.status is LandingStatus.REFUSED
    said = repr(report) + caplog.text + "".join(capfd.readouterr())
    for piece in ("s3cr3t", "p@ss", "p%40ss", "ss word"):
        assert piece not in said
    assert ENV in report.message


def test_a_wrong_password_is_told_without_it(desk_of: Desks, received: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_url(received).set(username="nobody", password="s3cr3t")
    monkeypatch.setenv(ENV, url.render_as_string(hide_password=False))
    report = of_database(desk_of, **BY_TABLE).land()
    assert report.status is LandingStatus.REFUSED
    assert "nobody" in report.message
    assert "s3cr3t" not in repr(report)


def test_without_the_variable_it_is_named(desk_of: Desks) -> None:
    message = of_database(desk_of, **BY_TABLE).land().message
    assert f"the environment variable {ENV} is not set" in message


@pytest.mark.parametrize(
    "url", ["postgresql://ann:s3cr3t@db/billing", "mysql://db/billing?password=s3cr3t", "postgresql://ann:s3cr3t@[/x"]
)
def test_a_password_in_company_yaml_is_refused_and_not_repeated(url: str) -> None:
    content = {"name": "Acme", "currencies": ["EUR"], "feeds": {"payments": {"url": url, "table": "t"}}}
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(Company, yaml.safe_dump(content), "company.yaml")
    assert "put the URL into an environment variable" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ({"url_env": "A", "url": "sqlite:///x.db", "table": "t"}, "give url or url_env, not both"),
        ({"url_env": "A"}, "exactly one of table and query"),
        ({"url_env": "A", "table": "t", "query": "SELECT 1"}, "exactly one of table and query"),
        ({"url_env": "A", "table": "t", "path": "x.csv"}, "path and format are of files"),
        ({"url_env": "A", "query": "SELECT 1", "day_column": "x"}, "a query names its days itself"),
        ({"table": "t"}, "give url_env"),
    ],
)
def test_a_feed_that_is_half_a_database_is_a_configuration_error(feed: dict[str, Any], says: str) -> None:
    content = {"name": "Acme", "currencies": ["EUR"], "feeds": {"payments": feed}}
    with pytest.raises(ConfigurationError, match=says):
        read_yaml(Company, yaml.safe_dump(content), "company.yaml")


def test_every_piece_of_a_password_is_a_secret() -> None:
    assert hidden('no host "ss:word@db"', secrets_of("postgresql://ann:p@ss:word@db/billing")) == 'no host "***:***@db"'
    assert hidden("for p%40ss or p@ss", secrets_of("postgresql://ann:p%40ss@db/billing")) == "for *** or ***"
    assert secrets_of("sqlite:///x.db") == ()
