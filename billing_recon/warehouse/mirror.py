"""Small windows in memory: a Delta file never changes, so a process that runs day after day reads each file once."""

from __future__ import annotations

import threading
from datetime import date

import duckdb

from billing_recon.core.schema import Column
from billing_recon.warehouse.delta import Warehouse

_LOADING = threading.Lock()
_SPARE_FILES = 200


def mirrored(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    name: str,
    columns: tuple[Column, ...],
    first: date,
    last: date,
) -> str:
    """SQL for the rows of a range of days, as `Warehouse.scan` gives them, from a copy in the session's database.

    Which files count is asked of the table's log now; only files not seen before are read. The copy lies in schema `main`,
    beside every step's own schema, under the table's name. For windows that fit into memory with ease.
    """
    files = warehouse.files(name, first, last)
    if not files:
        return warehouse.scan(name, columns, first, last)
    kept = [c for c in columns if c.name != "day"]
    table = f'main."mirror_{name}"'
    listed = f'main."mirror_{name}_files"'
    names = ", ".join(f'"{c.name}"' for c in kept)
    with _LOADING:
        con.execute(f"CREATE TABLE IF NOT EXISTS {listed} (file VARCHAR, number INTEGER)")
        known = dict(con.execute(f"SELECT file, number FROM {listed}").fetchall())
        if len(known) > len(files) + _SPARE_FILES:
            con.execute(f"DROP TABLE {table}")
            con.execute(f"DELETE FROM {listed}")
            known = {}
        if not known:
            typed = ", ".join(f'"{c.name}" {c.sql_type}' for c in kept)
            con.execute(f"CREATE OR REPLACE TABLE {table} (file_number INTEGER, day DATE, {typed})")
        for file in (file for file in files if file not in known):
            known[file] = len(known)
            con.execute(
                f"INSERT INTO {table} SELECT {known[file]}, day, {names} FROM ({warehouse.reading([file], columns)})"
            )
            con.execute(f"INSERT INTO {listed} VALUES (?, ?)", [file, known[file]])
    numbers = ", ".join(str(known[file]) for file in files)
    return f"SELECT day, {names} FROM {table} WHERE file_number IN ({numbers})"
