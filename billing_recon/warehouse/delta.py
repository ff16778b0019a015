"""Reading and replacing day partitions of Delta tables through DuckDB. What the rows mean is decided elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake

from billing_recon.compute.engine import beside
from billing_recon.core.tables import Column


@dataclass(frozen=True, slots=True)
class Written:
    """One partition as it now stands. `digest` depends on the rows alone, not on order, file or version."""

    table: str
    day: date
    rows: int
    digest: str


class Warehouse:
    """The Delta tables below one folder, each partitioned by `day`.

    Replacing a partition is one atomic commit: readers see the old rows or the new ones, and a process killed in
    between leaves the old ones. Concurrent commits to other days are kept (Delta's optimistic concurrency).
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, DeltaTable] = {}

    def _table(self, name: str) -> DeltaTable | None:
        table = self._open.get(name)
        if table is None:
            path = self._root / name
            if not (path / "_delta_log").is_dir():
                return None
            table = self._open[name] = DeltaTable(str(path))
        else:
            table.update_incremental()
        return table

    def _create(self, name: str, schema: pa.Schema) -> DeltaTable:
        """An empty table, or the one that another process has just made."""
        return DeltaTable.create(
            str(self._root / name),
            schema=schema,
            mode="ignore",
            partition_by=["day"],
            configuration={"delta.checkpointInterval": "50"},
        )

    def files(self, name: str, first: date, last: date) -> list[str]:
        """The files that hold the days `first` to `last` (both counted) as of now, in the order of their names."""
        table = self._table(name)
        if table is None:
            return []
        return sorted(table.file_uris(file_pruning_predicate=f"day >= '{first}' AND day <= '{last}'"))

    def scan(self, name: str, columns: tuple[Column, ...], first: date, last: date) -> str:
        """SQL for the rows of the days `first` to `last` (both counted) with column `day`; typed and empty if none.

        The file list is resolved now, so the SQL keeps reading the version of this moment.
        """
        files = self.files(name, first, last)
        if files:
            return self.reading(files, columns)
        nulls = ", ".join(f'CAST(NULL AS {c.sql_type}) AS "{c.name}"' for c in columns if c.name != "day")
        return f"SELECT CAST(NULL AS DATE) AS day, {nulls} WHERE false"

    @staticmethod
    def reading(files: list[str], columns: tuple[Column, ...]) -> str:
        """SQL for the rows of some files, with column `day` from the partition."""
        names = ", ".join(["day", *(f'"{c.name}"' for c in columns if c.name != "day")])
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        return f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning = true, hive_types = {{'day': DATE}})"

    def days(self, name: str) -> list[date]:
        """Days that have at least one row, in order."""
        table = self._table(name)
        if table is None:
            return []
        return sorted({date.fromisoformat(str(p["day"])) for p in table.partitions()})

    def replace(
        self, con: duckdb.DuckDBPyConnection, name: str, columns: tuple[Column, ...], day: date, source: str
    ) -> Written:
        """Replace the partition `day` of `name` by the rows of the relation `source`, held to `columns` and their types.

        `source` must be a table or view, not a temporary one: rows stream through a second cursor.
        """
        kept = [c for c in columns if c.name != "day"]
        typed = ", ".join(f'CAST("{c.name}" AS {c.sql_type}) AS "{c.name}"' for c in kept)
        rows, digest = content_digest(con, f"SELECT {typed} FROM {source}", kept)
        table = self._table(name)
        exists = table is not None and bool(table.file_uris(file_pruning_predicate=f"day = '{day}'"))
        if rows or exists:
            query = f"SELECT DATE '{day}' AS day, {typed} FROM {source}"
            reader = beside(con).sql(query).to_arrow_reader(100_000)
            if table is None:
                table = self._create(name, reader.schema)
            write_deltalake(
                table,
                reader,
                mode="overwrite",
                predicate=f"day = '{day}'",
                commit_properties=CommitProperties(custom_metadata={"digest": digest}),
            )
        return Written(name, day, rows, digest)


def content_digest(con: duckdb.DuckDBPyConnection, query: str, columns: list[Column]) -> tuple[int, str]:
    """Rows and digest of a relation: equal multisets of rows give equal digests, whatever their order.

    Each row's text is hashed (MD5, 128 bits) and the halves are summed over the rows; the sums and the count are hashed
    again with SHA-256. Decimals print at their declared scale, so equal figures always print alike.
    """
    parts = ", ".join(f'coalesce(CAST("{c.name}" AS VARCHAR), chr(1))' for c in columns)
    row = con.execute(
        f"WITH texts AS (SELECT concat_ws(chr(31), {parts}) AS t FROM ({query})) "
        "SELECT count(*), coalesce(sum(CAST(md5_number_lower(t) AS HUGEINT)), 0), "
        "coalesce(sum(CAST(md5_number_upper(t) AS HUGEINT)), 0) FROM texts"
    ).fetchone()
    assert row is not None
    return int(row[0]), hashlib.sha256(f"{row[0]}:{row[1]}:{row[2]}".encode()).hexdigest()
