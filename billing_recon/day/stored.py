"""Whether the warehouse still holds what was registered when it was written: nothing lost, restored, or half copied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import groupby
from operator import attrgetter

import duckdb
import pyarrow as pa

from billing_recon.compute.engine import scratch
from billing_recon.control import PartitionState
from billing_recon.core.schema import CANONICAL, DIAGNOSTICS, QUARANTINE, RESULTS, TableSpec
from billing_recon.day.checked_files import CheckedFiles
from billing_recon.day.home import Home

TABLES: Mapping[str, TableSpec] = {
    table.name: table
    for table in (*CANONICAL, *RESULTS, *DIAGNOSTICS, *(QUARANTINE.of(landed.name) for landed in CANONICAL))
}


def damaged(
    home: Home, states: Iterable[PartitionState], read_again: Collection[str] = (), day: date | None = None
) -> tuple[str, ...]:
    """One sentence for each partition that is not what was registered.

    The names and sizes of every partition's files are compared with those that were written. If a `day` is given, their bytes are too:
    of the day always, of others where the file system says that a file was touched since they were compared. Where they are others,
    the rows are read and their digest is compared: so a compaction changes nothing. Of the tables of `read_again` rows are read also
    where bytes were never recorded, and, if no `day` is given, always.
    """
    checked = CheckedFiles(home.state)
    with scratch() as con:
        found = tuple(_damaged(con, home, states, read_again, day, checked))
    checked.keep()
    return found


def _damaged(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    states: Iterable[PartitionState],
    read_again: Collection[str],
    day: date | None,
    checked: CheckedFiles,
) -> Iterator[str]:
    states = sorted(states, key=attrgetter("table", "day"))
    now = _read_bytes(home, [one for one in states if one.complete and " " in one.files], day, checked) if day else {}
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
                if day and content:
                    if content == now[table, state.day]:
                        continue
                elif table not in read_again:
                    continue
            if not files or (problem := _changed(con, home, TABLES[table], state.day, state.digest)):
                what = problem if files else f"its {state.rows} rows are gone"
                yield (
                    f"{table} of {state.day} is not what was written: {what}; restore the warehouse from a copy made with "
                    f"the control database, or run the day again: billing-recon run --day {state.day}"
                )


def _read_bytes(
    home: Home, states: Sequence[PartitionState], day: date, checked: CheckedFiles
) -> dict[tuple[str, date], str]:
    """The digest of each partition's bytes: read now, or known, since no file of it was touched since it was read."""
    touched = {
        table: home.warehouse.touched(table, min(days), max(days))
        for table, days in (
            (table, [one.day for one in group]) for table, group in groupby(states, attrgetter("table"))
        )
    }
    found, to_read = {}, []
    for one in states:
        content = one.files.partition(" ")[2]
        seen, _ = touched[one.table].get(one.day, ("", 0))
        if one.day != day and seen and checked.is_known(f"{one.table}/{one.day}", content, seen):
            found[one.table, one.day] = content
        else:
            to_read.append(one)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="bytes") as pool:
        for one, read in zip(to_read, pool.map(lambda one: _bytes(home, one.table, one.day), to_read), strict=True):
            found[one.table, one.day] = read
            if one.day in touched[one.table]:
                checked.add(f"{one.table}/{one.day}", read, *touched[one.table][one.day])
    return found


def _bytes(home: Home, table: str, day: date) -> str:
    try:
        return home.warehouse.bytes_digest(table, day)
    except OSError:
        return "gone"


def _changed(con: duckdb.DuckDBPyConnection, home: Home, table: TableSpec, day: date, digest: str) -> str:
    """Why the rows of a partition are not those with this digest; empty if they are."""
    try:
        now = home.warehouse.digest(con, table, day)
    except (duckdb.Error, OSError, pa.ArrowInvalid) as error:
        return f"it cannot be read ({str(error).splitlines()[0]})"
    return "" if now in (None, digest) else "its rows were changed"
