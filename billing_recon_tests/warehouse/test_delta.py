"""Partitions are replaced one at a time, in tables of this version and of earlier ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billing_recon.core.schema import Column, Kind, TableSpec
from billing_recon.core.schema.table import Part
from billing_recon.warehouse import Warehouse, delta
from billing_recon_tests.sessions import session

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)


def table(*columns: Column) -> TableSpec:
    return TableSpec("lines", columns, key=("line_id",), part=Part.COMPUTED, daily=True)


BEFORE = table(Column("line_id"), Column("amount", Kind.AMOUNT), Column("sentence"))
NOW = table(Column("line_id"), Column("amount", Kind.AMOUNT), Column("unit", nullable=True))


def test_a_table_of_an_earlier_version_takes_new_partitions_and_keeps_its_old_ones(tmp_path: Path) -> None:
    warehouse, con = Warehouse(tmp_path), session()
    con.execute("CREATE TABLE lines AS SELECT 'a' AS line_id, 1.5 AS amount, 'as it was' AS sentence")
    warehouse.replace(con, BEFORE, FIRST, "lines")
    con.execute("CREATE OR REPLACE TABLE lines AS SELECT 'b' AS line_id, 2.5 AS amount, 'GB' AS unit")
    warehouse.replace(con, NOW, SECOND, "lines")
    warehouse.replace(con, NOW, SECOND, "lines")
    query = "SELECT line_id, CAST(amount AS VARCHAR) FROM ({}) ORDER BY line_id"
    assert con.execute(query.format(warehouse.scan(BEFORE, FIRST, FIRST))).fetchall() == [("a", "1.500000000000")]
    assert con.execute(query.format(warehouse.scan(NOW, SECOND, SECOND))).fetchall() == [("b", "2.500000000000")]
    both = table(*NOW.columns[:2])
    assert con.execute(query.format(warehouse.scan(both, FIRST, SECOND))).fetchall() == [
        ("a", "1.500000000000"),
        ("b", "2.500000000000"),
    ]


@pytest.mark.parametrize("folder", ["My Company", "Müller & Söhne", "100% ours", "a+b#c"])
def test_a_warehouse_may_be_below_a_folder_of_any_name(folder: str, tmp_path: Path) -> None:
    warehouse, con = Warehouse(tmp_path / folder), session()
    con.execute("CREATE TABLE lines AS SELECT 'a' AS line_id, 1.5 AS amount, 'GB' AS unit")
    warehouse.replace(con, NOW, FIRST, "lines")
    assert con.execute(f"SELECT line_id FROM ({warehouse.scan(NOW, FIRST, FIRST)})").fetchall() == [("a",)]
    assert all(Path(file).is_file() for file in warehouse.files("lines", FIRST, FIRST))


@pytest.mark.parametrize("large", [0, 10**9], ids=["large", "small"])
def test_what_is_recorded_of_a_partitions_files_is_what_is_there(
    large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the gate would read every row of a large day again each time that it is asked."""
    monkeypatch.setattr(delta, "LARGE_ROWS", large)
    warehouse, con = Warehouse(tmp_path), session()
    for letter in "ab":
        con.execute(f"CREATE OR REPLACE TABLE lines AS SELECT '{letter}' AS line_id, 1.5 AS amount, 'GB' AS unit")
        written = warehouse.replace(con, NOW, FIRST, "lines")
        there = warehouse.fingerprints("lines", FIRST, FIRST)[FIRST]
        assert written.files == f"{there.written} {warehouse.bytes_digest('lines', FIRST)}"


def test_many_rows_are_written_in_groups_that_several_threads_can_read(tmp_path: Path) -> None:
    warehouse, con = Warehouse(tmp_path), session()
    con.execute(
        "CREATE TABLE lines AS SELECT 'a' || n AS line_id, 1.5 AS amount, 'GB' AS unit FROM range(450000) AS made(n)"
    )
    warehouse.replace(con, NOW, FIRST, "lines")
    (file,) = warehouse.files("lines", FIRST, FIRST)
    groups = con.execute(
        "SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata($file)", {"file": file}
    )
    assert max(rows for _, rows in groups.fetchall()) <= delta.ROW_GROUP
