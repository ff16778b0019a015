"""Whether the warehouse still holds what was registered when it was written: nothing lost, restored, or half copied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import groupby
from operator import attrgetter

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.control import PartitionState
from billing_recon.core.schema import CANONICAL, DIAGNOSTICS, QUARANTINE, RESULTS, TableSpec
from billing_recon.day.checked_files import CheckedFiles
from billing_recon.day.home import Home
from billing_recon.warehouse.delta import Fingerprint

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
    found = tuple(_damaged(home, states, read_again, day, checked))
    checked.keep()
    return found


def _damaged(
    home: Home,
    states: Iterable[PartitionState],
    read_again: Collection[str],
    day: date | None,
    checked: CheckedFiles,
) -> Iterator[str]:
    states = sorted(states, key=attrgetter("table", "day"))
    complete = [state for state in states if state.complete]
    held: dict[tuple[str, date], Fingerprint] = {}
    for table, group in groupby(complete, key=attrgetter("table")):
        days = [state.day for state in group]
        held |= {(table, one): what for one, what in home.warehouse.fingerprints(table, days[0], days[-1]).items()}
    now = _read_bytes(home, [one for one in complete if " " in one.files], held, day, checked) if day else {}
    for table, partitions in groupby(complete, key=attrgetter("table")):
        for state in partitions:
            files = held[table, state.day].written if (table, state.day) in held else ""
            if not state.rows and not files:
                continue
            names, _, content = state.files.partition(" ")
            if files and files == names:
                if day and content:
                    if content == now[table, state.day]:
                        continue
                elif table not in read_again:
                    continue
            if not files or (problem := _changed(home, TABLES[table], state.day, state.digest)):
                what = problem if files else f"its {state.rows} rows are gone"
                yield (
                    f"{table} of {state.day} is not what was written: {what}; restore the warehouse from a copy made with "
                    f"the control database, or run the day again: billing-recon run --day {state.day}"
                )


def _read_bytes(
    home: Home,
    states: Sequence[PartitionState],
    held: Mapping[tuple[str, date], Fingerprint],
    day: date,
    checked: CheckedFiles,
) -> dict[tuple[str, date], str]:
    """The digest of each partition's bytes: read now, or known, since no file of it was touched since it was read."""
    found, to_read = {}, []
    for one in states:
        place, content = (one.table, one.day), one.files.partition(" ")[2]
        known = held.get(place)
        if one.day != day and known and checked.is_known(f"{one.table}/{one.day}", content, known.touched):
            found[place] = content
        else:
            to_read.append(place)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="bytes") as pool:
        for place, read in zip(to_read, pool.map(lambda place: _bytes(home, *place), to_read), strict=True):
            found[place] = read
            if place in held:
                checked.add(f"{place[0]}/{place[1]}", read, held[place].touched, held[place].newest_ns)
    return found


def _bytes(home: Home, table: str, day: date) -> str:
    try:
        return home.warehouse.bytes_digest(table, day)
    except OSError:
        return "gone"


def _changed(home: Home, table: TableSpec, day: date, digest: str) -> str:
    """Why the rows of a partition are not those with this digest; empty if they are."""
    import pyarrow as pa

    try:
        with scratch() as con:
            now = home.warehouse.digest(con, table, day)
    except (duckdb.Error, OSError, pa.ArrowInvalid) as error:
        return f"it cannot be read ({str(error).splitlines()[0]})"
    return "" if now in (None, digest) else "its rows were changed"
