"""A DuckDB session prepared for one day: parameters, terms, and warehouse tables as they were known then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.compute.registration import register
from billing_recon.compute.terms import register_terms
from billing_recon.core.schema import TableSpec
from billing_recon.core.schema.parameters import RUN_PARAMS
from billing_recon.day.home import Home
from billing_recon.day.parameters import run_params
from billing_recon.warehouse import mirrored

MIRRORED_ROWS = 300_000
"""Windows up to this many rows are copied from memory, which keeps each file once it was read."""
SMALL_ROWS = 3_000_000
"""Windows up to this many rows are read once per step; larger ones stay views over the files."""


@contextmanager
def open_session(home: Home, day: date) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with `run_params` and the terms registered."""
    terms = hashlib.sha256(f"{home.catalog.digest} {home.company_digest}".encode()).hexdigest()[:16]
    with scratch(
        home.limits(home.landed_rows(day)), (terms, lambda con: register_terms(con, home.catalog, home.company))
    ) as con:
        register(con, RUN_PARAMS, [run_params(home, day).row()])
        yield con


def register_landed(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: TableSpec,
    day: date,
    days_back: int,
    *,
    in_memory: int | None = None,
) -> None:
    """A landed table as known at the end of `day`: rows observed by then from files at most `days_back` days old."""
    first, where = day - timedelta(days=days_back), f"observed_on <= DATE '{day}'"
    register_window(con, home, table, first, day, where=where, in_memory=in_memory)


def register_window(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: TableSpec,
    first: date,
    last: date,
    *,
    where: str = "true",
    name: str | None = None,
    in_memory: int | None = None,
) -> None:
    """A range of a warehouse table's days, as `name` if given; in memory if it is small.

    `in_memory`: up to how many rows, if not SMALL_ROWS. Relations that read few columns, and once, are faster on the files.
    """
    source, small = window(con, home, table, first, last, SMALL_ROWS if in_memory is None else in_memory)
    columns = ", ".join(f'"{c.name}"' for c in table.registered)
    what = "TABLE" if small else "VIEW"
    con.execute(f"CREATE OR REPLACE {what} {name or table.name} AS SELECT {columns} FROM ({source}) WHERE {where}")


def window(
    con: duckdb.DuckDBPyConnection, home: Home, table: TableSpec, first: date, last: date, most: int = SMALL_ROWS
) -> tuple[str, bool]:
    """SQL for a range of a table's days, and whether it has at most so many rows that it is kept in memory."""
    rows = sum(s.rows for s in home.control.partition_states((table.name,), first, last))
    if rows <= MIRRORED_ROWS:
        return mirrored(con, home.warehouse, table, first, last), True
    return home.warehouse.scan(table, first, last), rows <= most
