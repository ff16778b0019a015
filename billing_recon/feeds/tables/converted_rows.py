"""Rows converted from documents, a ledger or a database, as a relation like that of a file.

They are stored in a scratch Parquet file of texts. Three columns of ours come first: the number of a row's file, the row
in that file, and the reason if it is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.feeds.tables.day_files import DayFile
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, text

CONVERTED = "converted"
"""The format of such a file."""
_OURS = ("landing_file", "landing_row", "landing_broken")
_BATCH_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class ConvertedRows(DayFile):
    """A scratch file of converted rows. `name` is their origin, for messages; `binary` and `broken` are as in RawFile."""

    binary: frozenset[str] = frozenset()
    broken: tuple[Reason, str] = (Reason.BROKEN_ROW, "broken")


class ConvertedRowsWriter:
    """Write converted rows to a Parquet file batch by batch, so that memory stays bounded."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self._schema = pa.schema(
            [("landing_file", pa.int32()), ("landing_row", pa.int64()), ("landing_broken", pa.string())]
            + [(column, pa.string()) for column in columns]
        )
        self._pending: list[tuple[int | str | None, ...]] = []
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, file_no: int, row: int, values: Sequence[str | None], broken: str | None = None) -> None:
        """Add one row: the texts of its columns, in order."""
        self._pending.append((file_no, row, broken, *values))
        if len(self._pending) >= _BATCH_ROWS:
            self._flush()

    def add_columns(self, columns: Sequence[Any], file_no: int) -> None:
        """Add a batch of rows as Arrow arrays of text, one per column, numbered after the rows before."""
        import pyarrow as pa

        rows = len(columns[0])
        first = self.rows + 1
        ours = [
            pa.repeat(pa.scalar(file_no, pa.int32()), rows),
            pa.array(range(first, first + rows), pa.int64()),
            pa.nulls(rows, pa.string()),
        ]
        self._writer.write_table(pa.Table.from_arrays([*ours, *columns], schema=self._schema))
        self.rows += rows

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            by_column = zip(*self._pending, strict=True)
            arrays = [pa.array(values, field.type) for values, field in zip(by_column, self._schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self.rows += len(self._pending)
            self._pending = []

    def __enter__(self) -> ConvertedRowsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()


@dataclass(frozen=True, slots=True)
class RowWarning:
    """A finding about a row that lands all the same. `code` names its kind."""

    file_no: int
    row: int
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """Files or a query converted to rows: the files, their rows, warnings about rows, and notes for the report."""

    files: tuple[DayFile, ...]
    rows: ConvertedRows
    warnings: tuple[RowWarning, ...] = ()
    notes: tuple[str, ...] = ()


def open_converted(con: duckdb.DuckDBPyConnection, file: DayFile) -> RawFile:
    """Open the rows in the order in which they were written."""
    assert isinstance(file, ConvertedRows)
    source = f"read_parquet({text(str(file.readable))}, file_row_number = true)"
    described = con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {source}").fetchall()
    names = [str(row[0]) for row in described if row[0] not in _OURS]
    rows = (
        "SELECT file_row_number + 1 AS landing_ordinal, landing_file, coalesce(landing_row, file_row_number + 1) AS "
        f"landing_row, landing_broken, {', '.join(map(quoted, names))} FROM {source}"
    )
    return RawFile(
        columns=dict.fromkeys(names, "VARCHAR"),
        rows=rows,
        rows_once=rows,
        lines_before=0,
        bundled=True,
        broken=file.broken,
        binary=file.binary,
    )
