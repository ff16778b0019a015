"""A company without bugs: equal seeds give equal bytes, and every layer ties to the next when added up from the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from billing_recon.core.catalog import CatalogFile
from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy
from billing_recon.core.reason import Code
from billing_recon.core.schema import BY_NAME
from billing_recon.simulate import SUPPORTED, offers, simulate
from billing_recon.simulate.files import COLUMNS

FIRST, LAST = date(2026, 1, 28), date(2026, 3, 13)


def made(out: Path, seed: int = 3, customers: int = 45, first: date = FIRST, last: date = LAST) -> Path:
    simulate(seed=seed, first=first, last=last, customers=customers, faults={}, out=out)
    return out


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("clean") / "home")


@pytest.fixture(scope="module")
def db(clean: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = opened(clean)
    yield con
    con.close()


def opened(home: Path) -> duckdb.DuckDBPyConnection:
    """Every table over all its days as text, cast by its canonical types, with `day`, the day of the file."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for table, header in COLUMNS.items():
        spec = BY_NAME[table]
        cast = ", ".join(f"CAST({c} AS {spec.column(c).sql_type}) AS {c}" for c in header.split(","))
        con.execute(
            f"CREATE TABLE {table} AS SELECT CAST(regexp_extract(filename, '(\\d{{4}}-\\d\\d-\\d\\d)\\.csv', 1) AS DATE) "
            f"AS file_day, {cast} FROM read_csv('{home}/landing/{table}/*.csv', all_varchar = true, header = true, "
            "filename = true, nullstr = '')"
        )
    return con


def one(con: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row[0]


def tree_hash(home: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(home)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    last = FIRST + timedelta(days=9)
    a, b, c = (made(tmp_path / name, seed, 12, last=last) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert tree_hash(a) == tree_hash(b)
    assert tree_hash(a) != tree_hash(c)


def test_configuration_is_valid_and_reads_as_written(clean: Path) -> None:
    def read(name: str) -> object:
        return yaml.safe_load((clean / name).read_text(encoding="utf-8"))

    company = Company.model_validate(read("company.yaml"))
    assert company.first_day == FIRST.isoformat()
    assert company.profile.issue_after_days == 2
    assert set(company.sources) == set(COLUMNS)
    policy = Policy.model_validate(read("policies/policy.yaml"))
    assert policy.windows.late_window_days == 2
    assert {approver.role for approver in policy.approvers} == {"finance", "product", "engineering"}
    assert "default" in policy.owners
    plans = CatalogFile.model_validate(read("catalog/plans.yaml")).plans
    taxes = CatalogFile.model_validate(read("catalog/taxes.yaml")).taxes
    assert (plans, taxes) == (offers.plans(), offers.taxes())
    versions = {(p.plan_id, p.currency) for p in plans}
    assert len(plans) == 2 * len(versions)
    assert {t.tax_region for t in taxes} >= {"DE", "GB", "JP", "US-CA", "US-NY", "FR"}


def test_every_table_has_a_file_a_day_and_every_day_has_invoices(clean: Path, db: duckdb.DuckDBPyConnection) -> None:
    days = (LAST - FIRST).days + 1
    for table, header in COLUMNS.items():
        files = sorted((clean / "landing" / table).iterdir())
        assert len(files) == days
        assert all(file.read_text().startswith(header + "\n") for file in files)
    for table in ("usage_events", "subscriptions", "invoice_lines", "rendered_invoices", "ledger_entries"):
        assert one(db, f"SELECT count(DISTINCT file_day) FROM {table}") == days, table
    assert (clean / "truth.csv").read_text() == "code,pair,invoice_id,line_id,subscription_id,day,delta\n"


@pytest.mark.parametrize("first", [date(2026, 2, 20), date(2027, 2, 25), date(2028, 2, 27), date(2026, 12, 20)])
def test_every_day_has_invoices_around_short_months_and_new_year(tmp_path: Path, first: date) -> None:
    home = made(tmp_path / "home", seed=1, customers=1, first=first, last=first + timedelta(days=16))
    con = opened(home)
    assert one(con, "SELECT count(DISTINCT issued_on) FROM invoice_lines") == 17
    numbers = "SELECT DISTINCT CAST(invoice_id[10:] AS INTEGER) AS n FROM invoice_lines"
    assert one(con, f"SELECT max(n) = count(*) AND min(n) = 1 FROM ({numbers})")
    assert one(con, "SELECT bool_and(invoice_id[5:8] = CAST(year(issued_on) AS VARCHAR)) FROM invoice_lines")


def test_the_population_has_everything_that_billing_has_to_cope_with(db: duckdb.DuckDBPyConnection) -> None:
    def values(sql: str) -> set[object]:
        return {row[0] for row in db.execute(sql).fetchall()}

    assert values("SELECT DISTINCT segment FROM subscriptions") == {"self_serve", "mid_market", "enterprise"}
    assert values("SELECT DISTINCT currency FROM invoice_lines") == {"USD", "EUR", "JPY"}
    assert values("SELECT DISTINCT status FROM subscriptions") == {"active", "trialing", "cancelled", "paused"}
    assert len(values("SELECT DISTINCT timezone FROM subscriptions")) == 5
    assert len(values("SELECT DISTINCT tax_region FROM subscriptions")) == 6
    assert values("SELECT DISTINCT kind FROM invoice_lines") == {
        "subscription",
        "proration",
        "usage",
        "minimum",
        "discount",
        "credit",
    }
    assert len(values("SELECT DISTINCT day(billing_anchor) FROM subscriptions")) == 31
    assert one(db, "SELECT count(DISTINCT subscription_id) FROM subscriptions") >= 62  # type: ignore[operator]
    assert one(db, "SELECT count(*) FROM usage_events WHERE corrects IS NOT NULL") > 0  # type: ignore[operator]
    assert one(db, "SELECT count(*) - count(DISTINCT (source, event_id)) FROM usage_events") > 0  # type: ignore[operator]
    assert one(db, "SELECT count(*) FROM usage_events WHERE received_at - event_time > INTERVAL 12 HOUR") > 0  # type: ignore[operator]
    assert values("SELECT DISTINCT status FROM payments") == {"succeeded", "failed"}
    assert values("SELECT DISTINCT kind FROM payments") == {"payment", "refund"}


def test_no_row_is_dated_after_its_file_and_no_id_is_used_twice(db: duckdb.DuckDBPyConnection) -> None:
    for table in COLUMNS:
        own = BY_NAME[table].own_day
        if own:
            assert one(db, f"SELECT count(*) FROM {table} WHERE CAST({own} AS DATE) > file_day") == 0, table
        if table not in ("usage_events", "subscriptions"):
            key = ", ".join(BY_NAME[table].key)
            assert one(db, f"SELECT count(*) - count(DISTINCT ({key})) FROM {table}") == 0, table
    assert one(db, "SELECT count(*) - count(DISTINCT line_id) FROM invoice_lines") == 0
    contents = "SELECT count(DISTINCT (quantity, event_time, received_at, corrects)) AS n FROM usage_events GROUP BY source, event_id"
    assert one(db, f"SELECT max(n) FROM ({contents})") == 1


def test_a_days_usage_file_has_what_was_received_on_it_or_came_again(db: duckdb.DuckDBPyConnection) -> None:
    first = "SELECT min(file_day) AS f, CAST(min(received_at) AS DATE) AS r FROM usage_events GROUP BY source, event_id"
    assert one(db, f"SELECT count(*) FROM ({first}) WHERE f <> greatest(r, DATE '{FIRST}')") == 0
    assert one(db, "SELECT max(received_at - event_time) <= INTERVAL 36 HOUR FROM usage_events")
    assert one(db, "SELECT min(received_at - event_time) > INTERVAL 0 HOUR FROM usage_events")
    assert one(db, f"SELECT min(CAST(event_time AS DATE)) >= DATE '{FIRST}' - 40 FROM usage_events")


def test_documents_add_up_to_the_engines_lines(db: duckdb.DuckDBPyConnection) -> None:
    billed = (
        "SELECT invoice_id, sum(gross) g, sum(discount) d, sum(tax) t, sum(total) p, sum(credit) c "
        "FROM invoice_lines GROUP BY invoice_id"
    )
    assert (
        one(
            db,
            f"SELECT count(*) FROM ({billed}) b FULL JOIN rendered_invoices r USING (invoice_id) WHERE "
            "(g, d, t, p, p + c) IS DISTINCT FROM (r.subtotal, r.discount, r.tax, r.payable, r.total)",
        )
        == 0
    )
    assert one(db, "SELECT count(*) FROM rendered_invoices WHERE total <> subtotal - discount + tax") == 0
    assert (
        one(
            db,
            "SELECT count(*) FROM invoice_lines i FULL JOIN rendered_lines r USING (line_id) "
            "WHERE i.gross - i.discount IS DISTINCT FROM r.amount OR i.tax IS DISTINCT FROM r.tax",
        )
        == 0
    )


def test_each_line_adds_up_and_is_settled_at_its_currency(db: duckdb.DuckDBPyConnection) -> None:
    assert (
        one(
            db,
            "SELECT count(*) FROM (SELECT *, CAST(taxable AS DECIMAL(20,2)) * CAST(tax_rate AS DECIMAL(12,8)) AS taxed "
            "FROM invoice_lines) WHERE taxable <> gross - discount OR total <> taxable + tax - credit "
            "OR tax <> CASE currency WHEN 'JPY' THEN round(taxed, 0) ELSE round(taxed, 2) END",
        )
        == 0
    )
    assert one(db, "SELECT count(*) FROM invoice_lines WHERE currency = 'JPY' AND total <> trunc(total)") == 0


def test_journals_balance_and_ar_is_the_invoice(db: duckdb.DuckDBPyConnection) -> None:
    journal = "SELECT journal_id FROM ledger_entries GROUP BY journal_id HAVING sum(debit) <> sum(credit)"
    assert db.execute(journal).fetchall() == []
    settling = "SELECT DISTINCT journal_id FROM ledger_entries WHERE role IN ('cash', 'refund')"
    booked = (
        "SELECT invoice_id, sum(debit - credit) FILTER (role = 'ar') a, sum(credit - debit) FILTER (role = 'revenue') r, "
        "coalesce(sum(credit - debit) FILTER (role = 'tax_payable'), 0) t, "
        "coalesce(sum(debit - credit) FILTER (role = 'customer_credit'), 0) c, max(posted_on) d "
        f"FROM ledger_entries WHERE journal_id NOT IN ({settling}) GROUP BY invoice_id"
    )
    billed = (
        "SELECT invoice_id, sum(total) a, sum(gross - discount) r, sum(tax) t, sum(credit) c, any_value(issued_on) d "
        "FROM invoice_lines GROUP BY invoice_id"
    )
    wrong = db.execute(
        f"SELECT i.*, l.* FROM ({billed}) i FULL JOIN ({booked}) l USING (invoice_id) WHERE "
        "(i.a, i.r, i.t, i.c) IS DISTINCT FROM (l.a, l.r, l.t, l.c) OR l.d NOT BETWEEN i.d AND i.d + 1"
    ).fetchall()
    assert all(row[5] == LAST for row in wrong), "only the last day's invoices may still be unposted"


def test_money_ties_to_the_invoice_within_five_days_of_the_first_payment(db: duckdb.DuckDBPyConnection) -> None:
    paid = (
        "SELECT invoice_id, sum(CASE kind WHEN 'refund' THEN -amount ELSE amount END) AS paid, "
        "min(CAST(processed_at AS DATE)) AS first_on, max(CAST(processed_at AS DATE)) AS last_on "
        "FROM payments WHERE status = 'succeeded' GROUP BY invoice_id"
    )
    billed = "SELECT invoice_id, sum(total) AS total FROM invoice_lines GROUP BY invoice_id"
    assert (
        one(
            db,
            f"SELECT count(*) FROM ({paid}) JOIN ({billed}) USING (invoice_id) "
            f"WHERE first_on + 5 <= DATE '{LAST}' AND (paid <> total OR last_on > first_on + 4)",
        )
        == 0
    )
    attempted = "SELECT DISTINCT invoice_id FROM payments"
    assert (
        one(
            db,
            f"SELECT count(*) FROM ({billed}) JOIN (SELECT DISTINCT invoice_id, issued_on FROM invoice_lines) "
            f"USING (invoice_id) WHERE issued_on + 4 <= DATE '{LAST}' "
            f"AND (total > 0) <> (invoice_id IN ({attempted}))",
        )
        == 0
    )
    cash = "SELECT sum(debit - credit) FROM ledger_entries WHERE role IN ('cash', 'fees')"
    moved = (
        "SELECT sum(CASE kind WHEN 'refund' THEN -amount ELSE amount END) FROM payments p WHERE status = 'succeeded' "
        "AND EXISTS (FROM ledger_entries l WHERE l.role = 'ar' AND l.invoice_id = p.invoice_id "
        "AND l.memo = concat(upper(p.kind[1]), p.kind[2:], ' ', p.invoice_id) "
        "AND l.debit + l.credit = p.amount AND l.posted_on BETWEEN CAST(processed_at AS DATE) "
        "AND CAST(processed_at AS DATE) + 1)"
    )
    assert one(db, cash) == one(db, moved)


COUNTED = """
WITH RECURSIVE events AS (
    SELECT source, event_id, any_value(subscription_id) AS subscription_id, any_value(meter) AS meter,
           any_value(quantity) AS quantity, any_value(event_time) AS event_time, any_value(received_at) AS received_at,
           any_value(corrects) AS corrects
    FROM usage_events GROUP BY source, event_id
), chain AS (
    SELECT source, event_id, event_id AS root FROM events WHERE corrects IS NULL
    UNION ALL
    SELECT e.source, e.event_id, chain.root FROM events e JOIN chain ON e.corrects = chain.event_id AND e.source = chain.source
), counted AS (
    SELECT root, arg_max(subscription_id, received_at) AS subscription_id, arg_max(meter, received_at) AS meter,
           arg_max(quantity, received_at) AS quantity, arg_max(event_time, received_at) AS event_time
    FROM chain JOIN events USING (source, event_id) GROUP BY source, root
), zones AS (SELECT DISTINCT subscription_id, timezone FROM subscriptions)
SELECT subscription_id, meter, CAST(event_time AT TIME ZONE timezone AS DATE) AS day, sum(quantity) AS quantity,
       count(*) AS events
FROM counted JOIN zones USING (subscription_id) GROUP BY ALL
"""


def test_what_the_engine_metered_is_what_was_used(db: duckdb.DuckDBPyConnection) -> None:
    assert (
        one(
            db,
            f"SELECT count(*) FROM ({COUNTED}) u FULL JOIN metered_usage m USING (subscription_id, meter, day) "
            f"WHERE coalesce(m.day, u.day) BETWEEN DATE '{FIRST}' AND DATE '{LAST}' - 2 "
            "AND (u.quantity, u.events) IS DISTINCT FROM (m.quantity, m.events)",
        )
        == 0
    )
    assert one(db, "SELECT bool_and(file_day = day + 2) FROM metered_usage")
    assert one(db, f"SELECT min(day) >= DATE '{FIRST}' FROM metered_usage")


def test_billed_usage_is_the_usage_of_the_lines_days(db: duckdb.DuckDBPyConnection) -> None:
    assert (
        one(
            db,
            f"WITH used AS ({COUNTED}) SELECT count(*) FROM (SELECT i.line_id, any_value(i.quantity) AS billed, "
            "sum(u.quantity) AS used FROM invoice_lines i LEFT JOIN used u ON u.subscription_id = i.subscription_id "
            "AND u.meter = i.meter AND u.day >= i.period_start AND u.day < i.period_end WHERE i.kind = 'usage' "
            "GROUP BY i.line_id) WHERE billed IS DISTINCT FROM used",
        )
        == 0
    )


def test_a_change_is_in_the_snapshot_from_its_own_day_on(db: duckdb.DuckDBPyConnection) -> None:
    known = "SELECT subscription_id, valid_from, min(file_day) AS since FROM subscriptions GROUP BY subscription_id, valid_from"
    assert (
        one(db, f"SELECT count(*) FROM ({known}) WHERE since <> greatest(CAST(valid_from AS DATE), DATE '{FIRST}')")
        == 0
    )
    assert one(db, "SELECT count(*) FROM subscriptions WHERE CAST(valid_to AS DATE) > file_day") == 0
    overlapping = (
        "SELECT count(*) FROM (SELECT *, lead(valid_from) OVER (PARTITION BY file_day, subscription_id ORDER BY "
        "valid_from) AS next_from FROM subscriptions) WHERE valid_to IS DISTINCT FROM next_from"
    )
    assert one(db, overlapping) == 0


def test_a_former_simulation_is_replaced_and_anything_else_refused(tmp_path: Path) -> None:
    home = made(tmp_path / "home", customers=2, last=FIRST)
    (home / ".state").mkdir()
    made(home, seed=4, customers=2, last=FIRST)
    assert not (home / ".state").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "company.yaml").write_text("name: Real\n")
    with pytest.raises(ConfigurationError, match="is neither empty nor an earlier simulation"):
        made(other)
    with pytest.raises(ConfigurationError, match="is a file"):
        made(other / "company.yaml")
    assert [p.name for p in other.iterdir()] == ["company.yaml"]


def test_what_makes_no_company_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="before it starts"):
        made(tmp_path / "x", first=LAST, last=FIRST)
    with pytest.raises(ConfigurationError, match="0 customers"):
        made(tmp_path / "x", customers=0)
    assert not (tmp_path / "x").exists()


def test_progress_tells_every_stage_up_to_its_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    tell: Callable[[str, int, int], None] = lambda *args: told.append(args)  # noqa: E731
    simulate(seed=1, first=FIRST, last=FIRST, customers=1, faults={}, out=tmp_path / "h", progress=tell)
    finished = {stage for stage, done, of in told if done == of}
    assert finished == {stage for stage, _, _ in told} == {"customers use", "engine bills", "write files"}


def test_supported_faults_are_reason_codes_once_each() -> None:
    assert len(set(SUPPORTED)) == len(SUPPORTED) >= 13
    assert all(isinstance(code, Code) for code in SUPPORTED)
