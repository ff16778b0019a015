"""The same rows as CSV, JSON lines and Parquet give the same canonical rows; figures stay exact in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon.core.schema import PAYMENTS
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment

ROWS = (
    PAID,
    payment(payment_id="P-2", amount="0.1", fee="", invoice_id=""),
    payment(payment_id="P-3", amount="999999999999999.999999999999", processed_at="2026-03-01T23:59:59.123456Z"),
    payment(payment_id="P-4", amount="-1"),
    payment(payment_id="P-5", amount="0.30000000000000004"),
    payment(payment_id="P-6", status="lost", customer_id="Zoë"),
    PAID,
)
NAMES = PAYMENT.split(",")
WITHOUT_FILE = ", ".join((*PAYMENTS.names, "observed_on", "source_row"))


def objects(rows: tuple[str, ...]) -> list[dict[str, str | None]]:
    return [{name: value or None for name, value in zip(NAMES, row.split(","), strict=True)} for row in rows]


def outcome(desk: Desk, content: str | bytes, ending: str) -> tuple[Any, ...]:
    for old in (desk.home / "landing" / "payments").glob("*"):
        old.unlink()
    desk.put(content, name=f"{DAY}.{ending}")
    report = desk.land()
    counts = (report.rows_in, report.accepted, report.quarantined, report.duplicates, report.reasons)
    return (
        counts,
        desk.rows(WITHOUT_FILE),
        desk.quarantined("source_row, reason, field, value, money_at_risk, currency"),
    )


def test_csv_json_lines_and_parquet_land_alike(desk: Desk, tmp_path: Path) -> None:
    csv = "\n".join([PAYMENT, *ROWS, ""])
    jsonl = "".join(json.dumps(row) + "\n" for row in objects(ROWS))
    (tmp_path / "rows.csv").write_text(csv)
    target = tmp_path / "rows.parquet"
    desk.con.execute(
        f"COPY (SELECT * FROM read_csv('{tmp_path}/rows.csv', all_varchar = true, parallel = false)) TO '{target}'"
    )
    as_csv = outcome(desk, csv, "csv")
    assert as_csv[0] == (7, 3, 3, 1, {"NOT_ALLOWED": 1, "OUT_OF_RANGE": 1, "TOO_MANY_DECIMALS": 1})
    assert outcome(desk, jsonl, "jsonl") == as_csv
    assert outcome(desk, target.read_bytes(), "parquet") == as_csv


def test_parquet_with_our_own_types_lands_as_it_is(desk: Desk, tmp_path: Path) -> None:
    typed = ", ".join(f"TRY_CAST({c.name} AS {c.sql_type}) AS {c.name}" for c in PAYMENTS.columns)
    rows = tuple(row for row in ROWS if "0.30000000000000004" not in row)
    (tmp_path / "rows.csv").write_text("\n".join([PAYMENT, *rows, ""]))
    source = f"read_csv('{tmp_path}/rows.csv', all_varchar = true)"
    desk.con.execute(f"COPY (SELECT {typed} FROM {source}) TO '{tmp_path}/typed.parquet'")
    as_csv = outcome(desk, (tmp_path / "rows.csv").read_bytes(), "csv")
    counts, landed, aside = outcome(desk, (tmp_path / "typed.parquet").read_bytes(), "parquet")
    assert (counts, landed) == as_csv[:2]
    assert [row[:3] for row in aside] == [row[:3] for row in as_csv[2]]


def test_a_binary_figure_in_parquet_is_the_decimal_that_it_shows(desk: Desk, tmp_path: Path) -> None:
    texts = ", ".join(
        f"'{value}' AS {name}" for name, value in zip(NAMES, PAID.split(","), strict=True) if name != "amount"
    )
    amounts = "(VALUES (0.1::DOUBLE), (0.1::DOUBLE + 0.2::DOUBLE), ('nan'::DOUBLE), (1e300::DOUBLE)) t(amount)"
    desk.con.execute(
        f"COPY (SELECT {texts.replace(chr(39) + 'P-1' + chr(39), 'amount::VARCHAR')}, amount FROM {amounts}) "
        f"TO '{tmp_path}/d.parquet'"
    )
    _, landed, aside = outcome(desk, (tmp_path / "d.parquet").read_bytes(), "parquet")
    assert [row[4] for row in landed] == [Decimal("0.1")]
    assert [row[1] for row in aside] == ["TOO_MANY_DECIMALS", "UNPARSABLE", "OUT_OF_RANGE"]


@pytest.mark.parametrize(
    ("written", "amount"),
    [("10.50", "10.50"), ("1e2", "100"), ("0.123456789012", "0.123456789012"), ("123456789012345.123456789012", None)],
)
def test_a_json_number_never_passes_through_a_binary_float(desk: Desk, written: str, amount: str | None) -> None:
    row = objects((PAID,))[0]
    text = json.dumps(row).replace('"10.50"', written)
    desk.put(text + "\n", name=f"{DAY}.jsonl")
    assert desk.land().accepted == 1
    assert desk.rows("amount") == [(Decimal(amount or written),)]


def test_a_long_number_in_a_json_text_stays_text(desk: Desk) -> None:
    row = objects((PAID,))[0] | {"customer_id": 'a "1234567890.12345678", b: 12345678901234567890', "amount": "10.5"}
    desk.put(json.dumps(row) + "\n", name=f"{DAY}.jsonl")
    desk.land()
    assert desk.rows("customer_id") == [(row["customer_id"],)]


def test_lines_that_are_no_objects_are_set_aside_by_their_number(desk: Desk) -> None:
    good = json.dumps(objects((PAID,))[0])
    other = json.dumps(objects((payment(payment_id="P-2"),))[0])
    lines = [good, "", "[1]", '{"payment_id":', good[:-1] + ', "kind": "refund"}', "null", other]
    desk.put("\n".join(lines) + "\n", name=f"{DAY}.jsonl")
    report = desk.land()
    assert desk.quarantined() == [(n, "BROKEN_ROW", None) for n in (3, 4, 5, 6)]
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-2", 7)]
    assert report.rows_in == 6
    assert json.loads(desk.quarantined("payload")[1][0]) == '{"payment_id":'


def test_a_key_that_no_column_has_refuses_the_file(desk: Desk) -> None:
    good = json.dumps(objects((PAID,))[0])
    desk.put(f'{good}\n{good[:-1]}, "tip": 1}}\n', name=f"{DAY}.jsonl")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "1 unknown column: tip" in report.message


def test_an_empty_json_lines_file_is_a_day_without_rows(desk: Desk) -> None:
    desk.put("", name=f"{DAY}.jsonl")
    assert desk.land().status is LandingStatus.EMPTY


def test_nested_json_is_kept_as_json_text(desk: Desk) -> None:
    event = {
        "event_id": "E-1",
        "source": "api",
        "customer_id": "C",
        "subscription_id": "S",
        "meter": "calls",
        "quantity": 1,
        "event_time": "2026-03-02T10:00:00Z",
        "received_at": "2026-03-02T10:00:00Z",
        "dimensions": {"region": "eu", "n": [1, 2]},
    }
    desk.put(json.dumps(event) + "\n", table="usage_events", name=f"{DAY}.jsonl")
    assert desk.land("usage_events").accepted == 1
    assert json.loads(desk.rows("dimensions")[0][0]) == event["dimensions"]


def test_a_large_file_keeps_the_numbers_of_its_rows(desk: Desk) -> None:
    rows = [payment(payment_id=f"P-{n}", invoice_id=f'"I,{n}"') for n in range(1, 40_001)]
    rows[9_999] = "broken"
    rows[19_999] = payment(payment_id="P-20000", amount="x")
    report = desk.payments(*rows)
    assert (report.rows_in, report.accepted, report.quarantined) == (40_000, 39_998, 2)
    wrong = "SELECT count(*) FROM landed WHERE payment_id <> 'P-' || source_row"
    assert desk.con.execute(wrong).fetchall() == [(0,)]
    assert desk.quarantined() == [(10_000, "BROKEN_ROW", None), (20_000, "UNPARSABLE", "amount")]


def test_landing_again_gives_the_same_tables(desk_of: Callable[..., Desk], tmp_path: Path) -> None:
    results = []
    for _ in range(2):
        desk = desk_of()
        report = desk.payments(*ROWS, "a,b", *ROWS)
        results.append((report, desk.rows(), desk.quarantined("*")))
    assert results[0] == results[1]
