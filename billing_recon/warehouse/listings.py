"""What is remembered of the files of tables, so that who only looks at a home need not read their logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

KEPT_DAYS = 200
"""The newest days of a table that are remembered: a look needs those that the newest day reads."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of each day of a table that has rows, and what it says of the columns that they all have."""

    columns: str
    files: Mapping[date, list[str]]


class Listings:
    """Of each table by name: its newest commit, and the files of its days from one on. `notes` are plain JSON, to be kept."""

    def __init__(self, notes: dict[str, Any]) -> None:
        self.notes = notes
        self.changed = False

    def find(self, table: Path, first: date) -> Listing | None:
        """The listing of a table's days from `first` on; None if that is not known, or the table's log is another one by now."""
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            note = self.notes[table.name]
            if note["since"] <= str(first) and note["commit"] == _newest_commit(table, note["commit"][0]):
                place = table.absolute()
                return Listing(
                    note["columns"],
                    {
                        date.fromisoformat(day): [f"{place}/day={day}/{name}" for name in names]
                        for day, names in note["files"].items()
                        if day >= str(first)
                    },
                )
        return None

    def add(self, table: Path, version: int, first: date, listing: Listing) -> None:
        """Remember what the log of a table says at a version, of the days from `first` on; nothing if it has grown since."""
        commit = _newest_commit(table, version)
        if commit is None:
            return
        days = sorted(day for day in listing.files if day >= first)
        since = days[-KEPT_DAYS] if len(days) > KEPT_DAYS else first
        self.notes[table.name] = {
            "commit": commit,
            "columns": listing.columns,
            "since": str(since),
            "files": {
                str(day): [os.path.basename(file) for file in listing.files[day]] for day in days if day >= since
            },
        }
        self.changed = True


def _newest_commit(table: Path, version: int) -> list[int] | None:
    """A commit by number, and how the file system knows its file; None if it is not the log's newest.

    Commits are numbered without gaps, so looking for the next is enough.
    """
    log = f"{table}/_delta_log/"
    with suppress(OSError):
        one = os.stat(f"{log}{version:020d}.json")
        if not os.path.exists(f"{log}{version + 1:020d}.json"):
            return [version, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns]
    return None
