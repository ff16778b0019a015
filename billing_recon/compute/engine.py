"""A DuckDB session with the money functions, and the running of relations in order. What they compute is theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from billing_recon.compute.money import MACROS
from billing_recon.compute.relation import Relation


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use. DuckDB spills to `spill_dir` beyond the memory limit."""

    memory: str = "1536MB"
    threads: int = 2
    spill_dir: str | None = None


def session(limits: Limits = Limits()) -> duckdb.DuckDBPyConnection:  # noqa: B008 - frozen
    """A new in-memory session in UTC with the money macros, deterministic in row order only where a query says ORDER BY."""
    con = duckdb.connect(":memory:")
    con.execute(f"SET memory_limit = '{limits.memory}'")
    con.execute(f"SET threads = {limits.threads}")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    if limits.spill_dir:
        con.execute(f"SET temp_directory = '{limits.spill_dir}'")
    for macro in MACROS:
        con.execute(macro)
    return con


def build(con: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Create each relation in the order given, as a table (kept) or view of the session, replacing an earlier one."""
    for relation in relations:
        what = "TABLE" if relation.kept else "VIEW"
        con.execute(f"CREATE OR REPLACE {what} {relation.name} AS {relation.sql}")


def drop(con: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Free what `build` made, the last first."""
    for relation in reversed(tuple(relations)):
        what = "TABLE" if relation.kept else "VIEW"
        con.execute(f"DROP {what} IF EXISTS {relation.name}")
