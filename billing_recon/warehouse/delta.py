"""Read and replace day partitions of Delta tables through DuckDB. What the rows mean is decided elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import duckdb

from billing_recon.compute.engine import beside
from billing_recon.core.schema import Column, TableSpec
from billing_recon.warehouse.listings import Listing, Listings

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

LARGE_ROWS = 2_000_000
"""Above this many rows DuckDB writes the partition's file and deltalake only commits it: deltalake's own writer keeps much of
the data in memory (20 million events: 2.9 GB against 0.3)."""


ROW_GROUP = 200_000
"""Rows of a Parquet row group. DuckDB reads a file's groups on several threads, and one group on one."""


@dataclass(frozen=True, slots=True)
class Written:
    """One partition as it is now. `digest` depends on the rows alone, not on order, file or version.

    `files` are the day's fingerprint and the digest of the files' bytes, with a blank between.
    """

    table: str
    day: date
    rows: int
    digest: str
    files: str = field(default="", compare=False)


class _Opened:
    """A Delta table that stays open from step to step, with the list of its files."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.delta: DeltaTable | None = None
        self._path = path
        self._log = path / "_delta_log"
        self._files: dict[date, list[str]] = {}
        self._files_version = -1
        self._columns: str | None = None

    def catch_up(self) -> None:
        """Read what other processes have committed since. Commits are numbered without gaps, so checking for the next is enough."""
        if self.delta is None:
            if self._log.is_dir():
                from deltalake import DeltaTable

                self.delta = DeltaTable(str(self._path))
        elif (self._log / f"{self.delta.version() + 1:020d}.json").exists():
            self.delta.update_incremental()

    @property
    def columns(self) -> str:
        """The columns that every file of the table has, its description; empty for a table of a version that did not say."""
        if self._columns is None and self.delta is not None:
            self._columns = self.delta.metadata().description or ""
        return self._columns or ""

    def files_of_days(self) -> dict[date, list[str]]:
        """The files of each day that has rows; both in order."""
        if self.delta is None:
            return {}
        version = self.delta.version()
        if version != self._files_version:
            days: dict[date, list[str]] = {}
            for file in sorted(unquote(uri) for uri in self.delta.file_uris()):
                days.setdefault(date.fromisoformat(file.rsplit("/", 2)[-2].removeprefix("day=")), []).append(file)
            self._files, self._files_version = dict(sorted(days.items())), version
        return self._files


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The files of a day: `written`, their names, which never repeat, and sizes (none for one that the table lists and that is gone);
    `touched`, how the file system knows them: also by number, and when each was last written and changed in any way;
    `newest_ns`, the newest of these times."""

    written: str
    touched: str
    newest_ns: int


class Warehouse:
    """The Delta tables below one folder, each partitioned by `day`.

    Replacing a partition is one atomic commit: readers see the old rows or the new ones, and a process that is killed
    leaves the old ones. Concurrent commits to other days are kept (Delta's optimistic concurrency).

    `listings`: what is remembered of tables' files, for who only looks. A table whose log has grown is opened all the same.
    """

    def __init__(self, root: Path, listings: Listings | None = None) -> None:
        self._root = root
        self._listings = listings
        self._tables: dict[str, _Opened] = {}
        self._opening = threading.Lock()

    @contextmanager
    def _opened(self, name: str) -> Iterator[_Opened]:
        """A table as it is now, for one thread at a time; `delta` is None if nothing was ever written."""
        with self._opening:
            opened = self._tables.setdefault(name, _Opened(self._root / name))
        with opened.lock:
            opened.catch_up()
            yield opened

    def _create(self, name: str, schema: pa.Schema) -> DeltaTable:
        """Create an empty table that says which columns all its files have, or open the one that another process has just created."""
        from deltalake import DeltaTable

        return DeltaTable.create(
            str(self._root / name),
            schema=schema,
            mode="ignore",
            partition_by=["day"],
            description=_columns(schema.names),
            configuration={"delta.checkpointInterval": "50"},
        )

    def files(self, name: str, first: date, last: date) -> list[str]:
        """The files that hold the days `first` to `last`, both included, as of now; in the order of their names."""
        return [
            file for day, files in self._listed(name, first).files.items() if first <= day <= last for file in files
        ]

    def _listed(self, name: str, first: date) -> Listing:
        """The files of the days from `first` on, at least; in order."""
        found = self._listings.find(self._root / name, first) if self._listings else None
        if found is None:
            with self._opened(name) as table:
                found = Listing(table.columns, table.files_of_days())
                if self._listings and table.delta:
                    self._listings.add(self._root / name, table.delta.version(), first, found)
        return found

    def pinned(self, name: str, first: date, last: date) -> tuple[int, dict[date, list[str]]]:
        """The table's version and the files of the days `first` to `last` in it, by day; version -1 if nothing was ever written."""
        with self._opened(name) as table:
            held = {day: files for day, files in table.files_of_days().items() if first <= day <= last}
            return (table.delta.version() if table.delta else -1), held

    def scan(self, table: TableSpec, first: date, last: date) -> str:
        """SQL for `day` and the stored columns of the days `first` to `last`, both included; typed and empty if none.

        The file list is resolved now, so the SQL keeps reading the version of this moment.
        """
        files = self.files(table.name, first, last)
        if files:
            return self.reading(files, table)
        return _empty(table)

    def reading(self, files: list[str], table: TableSpec) -> str:
        """SQL for the rows of some files of a table; `day` is the partition.

        Files of an earlier version may lack columns, which are then empty.
        """
        names = ", ".join(f'"{c.name}"' for c in table.registered)
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        options = "hive_partitioning = true, hive_types = {'day': DATE}"
        if self._listed(table.name, date.max).columns == _columns(c.name for c in table.registered):
            return f"SELECT {names} FROM read_parquet([{listed}], {options})"
        return (
            f"SELECT {names} FROM ({_empty(table)} UNION ALL BY NAME "
            f"SELECT * FROM read_parquet([{listed}], union_by_name = true, {options}))"
        )

    def fingerprints(self, name: str, first: date, last: date) -> dict[date, Fingerprint]:
        """What identifies the files of each day that has rows."""
        listed = self._listed(name, first).files
        return {day: self._fingerprint(files) for day, files in listed.items() if first <= day <= last}

    def bytes_digest(self, name: str, day: date) -> str:
        """A digest of every byte of the day's files; empty if the day has none. OSError if a file is gone."""
        files = self.files(name, day, day)
        return self._bytes_digest(files) if files else ""

    @staticmethod
    def _bytes_digest(files: Iterable[str]) -> str:
        digest = hashlib.sha256()
        for file in sorted(files):
            with open(file, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    @staticmethod
    def _fingerprint(files: Iterable[str]) -> Fingerprint:
        sizes: dict[str, int | None] = {}
        known: list[tuple[int, ...]] = []
        for file in sorted(files):
            sizes[os.path.basename(file)] = None
            with suppress(OSError):
                one = os.stat(file)
                sizes[os.path.basename(file)] = one.st_size
                known.append((one.st_ino, one.st_mtime_ns, one.st_ctime_ns))
        told = hashlib.sha256(repr((sizes, known)).encode()).hexdigest()
        newest = max((max(times) for _, *times in known), default=0)
        return Fingerprint(hashlib.sha256(repr(sorted(sizes.items())).encode()).hexdigest(), told, newest)

    def digest(self, con: duckdb.DuckDBPyConnection, table: TableSpec, day: date) -> str | None:
        """The digest of a partition's rows, read again, over the columns that its files have.

        None if they have columns that the table has no more: what an earlier version wrote cannot be compared.
        duckdb.Error or OSError if a file is gone or damaged.
        """
        import pyarrow.parquet as pq

        files = self.files(table.name, day, day)
        held = {name for file in files for name in pq.read_schema(file).names}
        columns = [c for c in table.stored if c.name in held] if files else table.stored
        if held - {c.name for c in columns}:
            return None
        names = ", ".join(f'"{c.name}"' for c in columns)
        return content_digest(con, f"SELECT {names} FROM ({self.scan(table, day, day)})", columns)[1]

    def days(self, name: str) -> list[date]:
        """Days that have at least one row, in order."""
        with self._opened(name) as table:
            return list(table.files_of_days())

    def replace(self, con: duckdb.DuckDBPyConnection, table: TableSpec, day: date, source: str) -> Written:
        """Replace the table's partition `day` by the rows of the relation `source`, cast to the stored columns.

        `source` must be a table or view, not a temporary one: rows stream through a second cursor.
        """
        from deltalake import CommitProperties, WriterProperties, write_deltalake

        name, kept = table.name, table.stored
        typed = ", ".join(f'CAST("{c.name}" AS {c.sql_type}) AS "{c.name}"' for c in kept)
        rows, digest = content_digest(con, f"SELECT {typed} FROM {source}", kept)
        with self._opened(name) as opened:
            if rows or day in opened.files_of_days():
                query = f"SELECT DATE '{day}' AS day, {typed} FROM {source}"
                if rows > LARGE_ROWS:
                    self._write_large(con, opened, query, Written(name, day, rows, digest))
                    opened.catch_up()  # the transaction leaves the table open at the version before
                    return self._written(opened, name, day, rows, digest)
                reader = beside(con).sql(query).to_arrow_reader(100_000)
                if opened.delta is None:
                    opened.delta = self._create(name, reader.schema)
                write_deltalake(
                    opened.delta,
                    reader,
                    mode="overwrite",
                    predicate=f"day = '{day}'",
                    # A table of an earlier version may have columns that are gone, or lack new ones: those stay empty.
                    schema_mode="merge",
                    writer_properties=WriterProperties(max_row_group_size=ROW_GROUP),
                    commit_properties=CommitProperties(custom_metadata={"digest": digest}),
                )
            return self._written(opened, name, day, rows, digest)

    def _written(self, opened: _Opened, name: str, day: date, rows: int, digest: str) -> Written:
        files = opened.files_of_days().get(day)
        held = f"{self._fingerprint(files).written} {self._bytes_digest(files)}" if files else ""
        return Written(name, day, rows, digest, held)

    def _write_large(
        self,
        con: duckdb.DuckDBPyConnection,
        table: _Opened,
        query: str,
        written: Written,
    ) -> None:
        """Write a large partition's file with DuckDB and commit it in place of the day's other files.

        A process killed before the commit leaves a file that no version names.
        """
        from deltalake import CommitProperties
        from deltalake.transaction import AddAction

        name, day = written.table, written.day
        path = self._root / name / f"day={day}" / f"part-{uuid.uuid4()}.parquet"
        if table.delta is None:
            table.delta = self._create(name, beside(con).sql(f"{query} LIMIT 0").to_arrow_reader().schema)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = str(path).replace("'", "''")
        beside(con).execute(
            f"COPY (SELECT * EXCLUDE (day) FROM ({query})) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP})"
        )
        state = path.stat()
        added = AddAction(
            path=f"day={day}/{path.name}",
            size=state.st_size,
            partition_values={"day": str(day)},
            modification_time=state.st_mtime_ns // 1_000_000,
            data_change=True,
            stats=json.dumps({"numRecords": written.rows}),
        )
        table.delta.create_write_transaction(
            [added],
            "overwrite",
            table.delta.schema(),
            partition_by=["day"],
            partition_filters=[("day", "=", str(day))],
            commit_properties=CommitProperties(custom_metadata={"digest": written.digest}),
        )


def _columns(names: Iterable[str]) -> str:
    return f"every file has the columns {', '.join(sorted(names))}"


def _empty(table: TableSpec) -> str:
    """SQL for no rows of a table's columns."""
    nulls = ", ".join(f'CAST(NULL AS {c.sql_type}) AS "{c.name}"' for c in table.registered)
    return f"SELECT {nulls} WHERE false"


def content_digest(con: duckdb.DuckDBPyConnection, query: str, columns: Sequence[Column]) -> tuple[int, str]:
    """Return the number of rows and their digest: equal multisets of rows give equal digests, in any order.

    Each row gets two 64-bit hashes of its typed values, the second with the columns reversed. Both are summed over the
    rows, and SHA-256 hashes the sums and the count. The digest shows whether rows changed, twenty times faster than a
    hash of their text. It does not protect against someone who can write to the warehouse and to the control database.
    """
    names = [f'"{c.name}"' for c in columns]
    row = con.execute(
        f"SELECT count(*), coalesce(sum(CAST(hash({', '.join(names)}) AS HUGEINT)), 0), "
        f"coalesce(sum(CAST(hash('', {', '.join(reversed(names))}) AS HUGEINT)), 0) FROM ({query})"
    ).fetchone()
    assert row is not None
    return int(row[0]), hashlib.sha256(f"{row[0]}:{row[1]}:{row[2]}".encode()).hexdigest()
