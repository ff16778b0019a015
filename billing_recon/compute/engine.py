"""DuckDB sessions, with the money functions and without, and the running of relations in order. What they compute is theirs."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from billing_recon.compute.relation import Relation
from billing_recon.compute.statements import parsed


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use. DuckDB spills to `spill_dir` beyond the memory limit."""

    memory: str = "1536MB"
    threads: int = 2
    spill_dir: str | None = None


SUMS_AS_THEY_ARE = "SET disabled_optimizers = 'statistics_propagation'"
"""DuckDB 2.0 takes sum() over a LEFT JOIN to be zero if statistics show that nothing can match, and decides every comparison
of such a sum by that (docs/adr/0011-no-statistics-propagation.md)."""


def session(limits: Limits = Limits()) -> duckdb.DuckDBPyConnection:
    """A new session for computing: a `plain_session` with the types and macros that relations call by name."""
    # Imported here: who only reads what is stored does not wait for the models of charges that the macros are made of.
    from billing_recon.compute.definitions import DEFINITIONS

    con = plain_session(limits)
    for definition in DEFINITIONS:
        con.execute(definition)
    return con


def plain_session(limits: Limits = Limits()) -> duckdb.DuckDBPyConnection:
    """A new in-memory session in UTC for reading what is stored, deterministic in row order only where a query says ORDER BY."""
    con = duckdb.connect(":memory:")
    con.execute(f"SET memory_limit = '{limits.memory}'")
    con.execute(f"SET threads = {limits.threads}")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    if limits.spill_dir:
        con.execute(f"SET temp_directory = '{limits.spill_dir}'")
    con.execute(SUMS_AS_THEY_ARE)
    return con


_ROOTS: dict[tuple[int, str, int], duckdb.DuckDBPyConnection] = {}
"""One database a process, memory limit and number of threads. It spills where its first session said."""
_NUMBER = itertools.count(1)
_MAKING = threading.Lock()


@contextmanager
def scratch(
    limits: Limits = Limits(), prepared: tuple[str, Callable[[duckdb.DuckDBPyConnection], None]] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for one step, dropped with all it made when the step ends.

    Steps of one process share a database (making one costs as much as a small step) and live in schemas of their own, so
    that they may run side by side in threads. The memory limit holds for all of them together. `prepared`: the name of
    tables that many steps read unchanged (a digest of what is in them), and what creates them; made once a process.
    """
    with _MAKING:
        key = (os.getpid(), limits.memory, limits.threads)
        root = _ROOTS.get(key)
        if root is None:
            root = _ROOTS[key] = session(limits)
        con = root.cursor()
        schema = f"step_{next(_NUMBER)}"
        shared = _shared(root, *prepared) if prepared else None
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"CREATE SCHEMA {schema}")
    con.execute(f"SET search_path = '{schema},{shared},main'" if shared else f"SET search_path = '{schema},main'")
    try:
        yield con
    finally:
        con.execute("SET search_path = 'main'")
        con.execute(f"DROP SCHEMA {schema} CASCADE")
        con.close()


def _shared(root: duckdb.DuckDBPyConnection, name: str, create: Callable[[duckdb.DuckDBPyConnection], None]) -> str:
    schema = f"shared_{name}"
    if not root.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = ?", [schema]).fetchall():
        con = root.cursor()
        con.begin()
        con.execute(f"CREATE SCHEMA {schema}")
        con.execute(f"SET search_path = '{schema},main'")
        create(con)
        con.commit()
        con.close()
    return schema


def beside(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second cursor that sees the same tables in the same time zone: settings belong to a connection, not to its copy."""
    cursor = con.cursor()
    (row,) = con.execute(
        "SELECT current_setting('search_path')"
    ).fetchall()  # to its end: a result left open blocks `con`
    cursor.execute("SET TimeZone = 'UTC'")
    if row[0]:
        cursor.execute(f"SET search_path = '{row[0]}'")
    return cursor


def build(con: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Create each relation, in the order given or side by side, as a table (kept) or view of the session, replacing an earlier one.

    A session of one thread is one of small tables, where planning costs more than computing and a second core would idle: there
    two relations are made at a time, each when its inputs are there.
    """
    steps = tuple(relations)
    (threads,) = con.execute("SELECT current_setting('threads')").fetchall()
    if threads[0] > 1 or len(steps) < _WORTH_SHARING:
        rows: dict[str, bool] = {}
        for relation in steps:
            _create(con, relation, rows)
    else:
        _Plan(steps).carry_out(con)


_WORTH_SHARING = 8
"""Relations from which on a second thread is worth its start."""


def _create(con: duckdb.DuckDBPyConnection, relation: Relation, rows: dict[str, bool]) -> None:
    """Make one relation. `rows` is what this build knows of sources: whether they have a row."""
    if relation.rows_from and not _any_row(con, relation.rows_from, rows):
        rows[relation.name] = False
        shape = _SHAPES.get(relation.sql)
        if shape is None:
            described = con.execute(f"DESCRIBE {relation.sql}").fetchall()
            shape = _SHAPES[relation.sql] = ", ".join(f'"{column[0]}" {column[1]}' for column in described)
        con.execute(parsed(con, f"CREATE OR REPLACE TABLE {relation.name} ({shape})"))
        return
    if not relation.kept:
        con.execute(parsed(con, f"CREATE OR REPLACE VIEW {relation.name} AS {relation.sql}"))
        return
    made = con.execute(parsed(con, f"CREATE OR REPLACE TABLE {relation.name} AS {relation.sql}")).fetchall()
    rows[relation.name] = made[0][0] > 0  # DuckDB answers how many rows it wrote


class _Plan:
    """Relations that wait for their inputs, and those that are ready; two threads take from it until none is left."""

    def __init__(self, steps: tuple[Relation, ...]) -> None:
        made = {relation.name for relation in steps}
        self._steps = steps
        self._missing = [relation.waits_for & made for relation in steps]
        self._readers: dict[str, list[int]] = {}
        for number, inputs in enumerate(self._missing):
            for name in inputs:
                self._readers.setdefault(name, []).append(number)
        self._weight = self._longest_ways()
        self._ready = [number for number, inputs in enumerate(self._missing) if not inputs]
        self._left = len(steps)
        self._rows: dict[str, bool] = {}
        self._changed = threading.Condition()
        self._failed = False

    def _longest_ways(self) -> list[int]:
        """How many relations wait behind each, at the longest: those with most behind them go first."""
        ways = [0] * len(self._steps)
        for number in reversed(range(len(self._steps))):
            ways[number] = 1 + max((ways[n] for n in self._readers.get(self._steps[number].name, ())), default=0)
        return ways

    def carry_out(self, con: duckdb.DuckDBPyConnection) -> None:
        other = beside(con)
        with ThreadPoolExecutor(1, thread_name_prefix="relations") as helper:
            helped = helper.submit(self._work, other)
            self._work(con)
            helped.result()
        other.close()

    def _work(self, con: duckdb.DuckDBPyConnection) -> None:
        while (number := self._take()) is not None:
            made = False
            try:
                _create(con, self._steps[number], self._rows)
                made = True
            finally:
                self._done(number, made)

    def _take(self) -> int | None:
        with self._changed:
            while not self._ready and self._left and not self._failed:
                self._changed.wait()
            if not self._left or self._failed:
                return None
            number = max(self._ready, key=lambda n: (self._weight[n], -n))
            self._ready.remove(number)
            return number

    def _done(self, number: int, made: bool) -> None:
        with self._changed:
            self._left -= 1
            self._failed = self._failed or not made
            for reader in self._readers.get(self._steps[number].name, ()):
                self._missing[reader].discard(self._steps[number].name)
                if not self._missing[reader]:
                    self._ready.append(reader)
            self._changed.notify_all()


_SHAPES: dict[str, str] = {}
"""Columns and types of relations that were planned once, by their SQL; what `build` needs to make one empty."""


def _any_row(con: duckdb.DuckDBPyConnection, sources: Iterable[str], rows: dict[str, bool]) -> bool:
    """Whether one of the sources has a row. Each is asked once a build: nothing changes once it is made, and of what was left
    empty no condition has a row.

    Rows are counted to the end: a LIMIT that stops a join of large tables early can leave DuckDB 2.0 waiting for a pipeline
    that nobody finishes (seen with 200,000 lines joined to themselves).
    """
    asked = []
    for source in sources:
        known = rows.get(source, rows.get(source.split(None, 1)[0]))
        if known and source in rows:
            return True
        if known is not False:
            asked.append(source)
    if not asked:
        return False
    counts = " UNION ALL ".join(
        f"(SELECT {n} AS n, count(*) > 0 AS found FROM {source})" for n, source in enumerate(asked)
    )
    answers = {asked[n]: found for n, found in con.execute(parsed(con, counts)).fetchall()}
    rows.update(answers)
    return any(answers.values())


def drop(con: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Free what `build` made, the last first."""
    for relation in reversed(tuple(relations)):
        what = "TABLE" if relation.kept else "VIEW"
        con.execute(f"DROP {what} IF EXISTS {relation.name}")
