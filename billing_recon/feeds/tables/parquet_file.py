"""Read Parquet by its schema: a column of exactly our type stays as it is, any other is read as text."""

from __future__ import annotations

import duckdb

from billing_recon.core.errors import LandingRefused
from billing_recon.feeds.tables.day_files import DayFile
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, text

DAMAGED = "not a whole Parquet file (cut off?); ask for a resend"


def is_damage(error: duckdb.Error) -> bool:
    """Whether an error of a scan is one of the file's bytes; the engine has no class for some."""
    return type(error) is duckdb.Error or isinstance(
        error, duckdb.InvalidInputException | duckdb.IOException | duckdb.SerializationException
    )


def open_parquet(con: duckdb.DuckDBPyConnection, file: DayFile) -> RawFile:
    """Open a Parquet file. Raise LandingRefused if it is truncated or something else."""
    source = f"read_parquet({text(str(file.readable))}, file_row_number = true)"
    try:
        described = con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {source}").fetchall()
    except duckdb.Error as error:
        if not is_damage(error):
            raise
        raise LandingRefused(f"{file.name}: {DAMAGED}") from None
    columns = {str(row[0]): str(row[1]) for row in described}
    names = "".join(f", {_plain(name, kind)} AS {quoted(name)}" for name, kind in columns.items())
    rows = (
        f"SELECT file_row_number + 1 AS landing_ordinal, CAST(NULL AS VARCHAR) AS landing_broken{names} FROM {source}"
    )
    return RawFile({name: _kept(kind) for name, kind in columns.items()}, rows, rows, lines_before=0)


def _is_nested(kind: str) -> bool:
    return kind.startswith(("STRUCT", "MAP")) or kind.endswith("]")


def _kept(kind: str) -> str:
    return "VARCHAR" if _is_nested(kind) else kind


def _plain(name: str, kind: str) -> str:
    """Return SQL for a column, a nested value as JSON."""
    return f"CAST(to_json({quoted(name)}) AS VARCHAR)" if _is_nested(kind) else quoted(name)
