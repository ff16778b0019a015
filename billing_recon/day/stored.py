"""Whether the warehouse still holds what was registered when it was written: nothing lost, restored, or half copied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import groupby
from operator import attrgetter

import duckdb
import pyarrow as pa

from billing_recon.compute.engine import scratch
from billing_recon.control import PartitionState
from billing_recon.core.schema import CANONICAL, DIAGNOSTICS, QUARANTINE, RESULTS, TableSpec
from billing_recon.day.home import Home

TABLES: Mapping[str, TableSpec] = {
    table.name: table
    for table in (*CANONICAL, *RESULTS, *DIAGNOSTICS, *(QUARANTINE.of(landed.name) for landed in CANONICAL))
}


def damaged(
    home: Home, states: Iterable[PartitionState], read_again: Collection[str] = (), day: date | None = None
) -> tuple[str, ...]:
    """One sentence for each partition that is not what was registered.

    The names and sizes of every partition's files are compared with those that were written; those of `day` byte by byte. Where
    they are others, the rows are read and their digest is compared: so a compaction changes nothing. Of the tables of
    `read_again` rows are read also where bytes were never recorded, and, if no `day` is given, always.
    """
    with scratch() as con:
        return tuple(_damaged(con, home, states, read_again, day))


def _damaged(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    states: Iterable[PartitionState],
    read_again: Collection[str],
    day: date | None,
) -> Iterator[str]:
    states = sorted(states, key=attrgetter("table", "day"))
    own = [state.table for state in states if state.day == day and state.complete and " " in state.files]
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="bytes") as pool:
        now = dict(zip(own, pool.map(lambda table: _bytes(home, table, day), own), strict=True))
    for table, group in groupby(states, key=attrgetter("table")):
        partitions = [state for state in group if state.complete]
        if not partitions:
            continue
        held = home.warehouse.fingerprints(table, partitions[0].day, partitions[-1].day)
        for state in partitions:
            files = held.get(state.day, "")
            if not state.rows and not files:
                continue
            names, _, content = state.files.partition(" ")
            if files and files == names:
                if state.day == day and content:
                    if content == now[table]:
                        continue
                elif table not in read_again:
                    continue
            if not files or (problem := _changed(con, home, TABLES[table], state.day, state.digest)):
                what = problem if files else f"its {state.rows} rows are gone"
                yield (
                    f"{table} of {state.day} is not what was written: {what}; restore the warehouse from a copy made with "
                    f"the control database, or run the day again: billing-recon run --day {state.day}"
                )


def _bytes(home: Home, table: str, day: date | None) -> str:
    try:
        return home.warehouse.bytes_digest(table, day) if day else ""
    except OSError:
        return "gone"


def _changed(con: duckdb.DuckDBPyConnection, home: Home, table: TableSpec, day: date, digest: str) -> str:
    """Why the rows of a partition are not those with this digest; empty if they are."""
    try:
        now = home.warehouse.digest(con, table, day)
    except (duckdb.Error, OSError, pa.ArrowInvalid) as error:
        return f"it cannot be read ({str(error).splitlines()[0]})"
    return "" if now in (None, digest) else "its rows were changed"
