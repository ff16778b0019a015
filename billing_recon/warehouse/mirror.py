"""Small windows kept in memory. A Delta file never changes, so a process that runs many days reads each file once."""

from __future__ import annotations

import threading
from datetime import date

import duckdb

from billing_recon.core.schema import TableSpec
from billing_recon.warehouse.delta import Warehouse

_LOADING = threading.Lock()
_SPARE_FILES = 200


def mirrored(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    table: TableSpec,
    first: date,
    last: date,
) -> str:
    """SQL for the rows of a range of days, as `Warehouse.scan` gives them, from a copy in the session's database.

    The table's log says which files count; only files not seen before are read. The copy is a table of schema `main`,
    shared by all steps. Use it for windows that easily fit into memory.
    """
    files = warehouse.files(table.name, first, last)
    if not files:
        return warehouse.scan(table, first, last)
    copy = f'main."mirror_{table.name}"'
    listed = f'main."mirror_{table.name}_files"'
    names = ", ".join(f'"{c.name}"' for c in table.registered)
    with _LOADING:
        con.execute(f"CREATE TABLE IF NOT EXISTS {listed} (file VARCHAR, number INTEGER)")
        known = dict(con.execute(f"SELECT file, number FROM {listed}").fetchall())
        if len(known) > len(files) + _SPARE_FILES:
            con.execute(f"DROP TABLE {copy}")
            con.execute(f"DELETE FROM {listed}")
            known = {}
        if not known:
            typed = ", ".join(f'"{c.name}" {c.sql_type}' for c in table.registered)
            con.execute(f"CREATE OR REPLACE TABLE {copy} (file_number INTEGER, {typed})")
        for file in (file for file in files if file not in known):
            known[file] = len(known)
            con.execute(f"INSERT INTO {copy} SELECT {known[file]}, {names} FROM ({warehouse.reading([file], table)})")
            con.execute(f"INSERT INTO {listed} VALUES (?, ?)", [file, known[file]])
    numbers = ", ".join(str(known[file]) for file in files)
    return f"SELECT {names} FROM {copy} WHERE file_number IN ({numbers})"
