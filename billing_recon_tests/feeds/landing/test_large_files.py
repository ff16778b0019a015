"""A file too large to copy is read where it lies, and a partition too large for the writer is put down by DuckDB: same rows."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from billing_recon.core.schema import USAGE_EVENTS
from billing_recon.feeds.landing import loaded_file
from billing_recon.warehouse import Warehouse, delta
from billing_recon_tests.feeds.desk import DAY, Desk

EVENTS = """
SELECT 'E-' || n AS event_id, 'api' AS source, {customer} AS customer_id, 'S-1' AS subscription_id, 'calls' AS meter,
    CAST(CASE WHEN n = 5 THEN -1 ELSE n END AS DECIMAL(28,10)) AS quantity,
    TIMESTAMPTZ '2026-03-02 10:00:00Z' AS event_time, TIMESTAMPTZ '2026-03-02 11:00:00Z' AS received_at,
    CASE WHEN n = 7 THEN 'E-3' END AS corrects
FROM (SELECT unnest([0, 1, 2, 3, 4, 4, 5, 6, 6, 7]) AS n, unnest([1, 1, 1, 1, 1, 1, 1, 1, 2, 1]) AS place)
"""


def send(desk: Desk, customer: str = "'C-1'") -> None:
    path = desk.put("", table="usage_events", name=f"{DAY}.parquet")
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"COPY ({EVENTS.format(customer=customer)}) TO '{path}' (FORMAT parquet)")
    con.close()


@pytest.mark.parametrize(
    "customer",
    [
        "'C-1'", "CASE WHEN n = 2 THEN ' ' ELSE 'C-1' END", "'C-1' || chr(160)", "chr(9) || 'C-1'", "'C-1 '", "chr(10) || 'C-1'", "chr(1)", "'Mu' || chr(776) || 'ller'",
    ],
)  # fmt: skip
def test_a_large_file_lands_as_a_small_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, customer: str) -> None:
    found = []
    for number, large in enumerate((10**9, 0)):
        monkeypatch.setattr(loaded_file, "LARGE_BYTES", large)
        desk = Desk(tmp_path / str(number))
        send(desk, customer)
        report = desk.land("usage_events")
        found.append(
            (report, desk.rows(), desk.quarantined("source_row, reason, field"), desk.rows(of="landed_duplicates"))
        )
    assert found[0] == found[1]
    assert found[0][0].duplicates == 2
    assert found[0][2][0] == (7, "OUT_OF_RANGE", "quantity") or customer != "'C-1'"


def test_what_repeats_an_earlier_day_and_what_repeats_itself_are_both_kept_as_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Duplicates within a day are kept from the rows compared, those of an earlier day from the file: nobody loses the others."""
    found = []
    for number, large in enumerate((10**9, 0)):
        monkeypatch.setattr(loaded_file, "LARGE_BYTES", large)
        desk = Desk(tmp_path / str(number))
        send(desk)
        events = EVENTS.format(customer="'C-1'")
        desk.con.execute(
            "CREATE TABLE known AS SELECT *, NULL AS dimensions, DATE '2026-03-01' AS landed_on, 'earlier.csv' AS source_file, 9 AS source_row "
            f"FROM ({events}) WHERE event_id IN ('E-1', 'E-2')"
        )
        report = desk.land("usage_events", known_usage="known")
        found.append(
            (report.duplicates, report.accepted, desk.rows("event_id, kept_file, kept_row", of="landed_duplicates"))
        )
    assert found[0] == found[1]
    assert found[0][2] == [
        ("E-1", "earlier.csv", 9), ("E-2", "earlier.csv", 9), ("E-4", f"landing/usage_events/{DAY}.parquet", 5), ("E-6", f"landing/usage_events/{DAY}.parquet", 8),
    ]  # fmt: skip
    assert found[0][0] == 4


def test_a_file_with_our_columns_is_not_read_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_file, "LARGE_BYTES", 0)
    desk = Desk(tmp_path)
    send(desk)
    desk.land("usage_events")
    (kind,) = desk.rows(
        "table_type",
        of="(SELECT * FROM information_schema.tables WHERE table_schema = current_schema() "
        f"AND table_name = '{loaded_file.TYPED}')",
    )
    assert kind == ("VIEW",)


def test_a_large_partition_replaces_its_day_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    send(desk)
    desk.land("usage_events")
    small, large = Warehouse(tmp_path / "small"), Warehouse(tmp_path / "large")
    days = [DAY, DAY + timedelta(days=1)]
    for warehouse, rows in ((small, 10**9), (large, 1)):
        monkeypatch.setattr(delta, "LARGE_ROWS", rows)
        written = [warehouse.replace(desk.con, USAGE_EVENTS, day, "landed") for day in (*days, DAY)]
        assert written[0] == written[2]

    def held(warehouse: Warehouse, first: date, last: date) -> list[tuple[object, ...]]:
        return desk.con.execute(f"{warehouse.scan(USAGE_EVENTS, first, last)} ORDER BY ALL").fetchall()

    assert held(small, *days) == held(large, *days)
    assert len(held(large, DAY, DAY)) == len(desk.rows())
    monkeypatch.setattr(delta, "LARGE_ROWS", 10**9)
    desk.con.execute("CREATE VIEW fewer AS SELECT * FROM landed LIMIT 1")
    large.replace(desk.con, USAGE_EVENTS, DAY, "fewer")
    assert (len(held(large, DAY, DAY)), len(held(large, *days))) == (1, 1 + len(desk.rows()))
