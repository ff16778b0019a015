"""Files whose bytes were compared with what was written, and how the file system has known them since: what of them has to be read again.

Nobody but the machine's administrator can set back when a file was last changed (ctime), so a file that is as it was is not read twice.
"""

from __future__ import annotations

import time
from pathlib import Path

from billing_recon.day.sealed_notes import read_notes, write_notes

FILE = "checked.json"
_SETTLED_NS = 2_000_000_000
"""A file that was changed so recently could be changed again without its time telling."""


class CheckedFiles:
    """What is kept in one state folder (`sealed_notes`): per partition its files' content and how they were when it was compared."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._known = self._read()
        self._new: dict[str, str] = {}

    def is_known(self, place: str, content: str, touched: str) -> bool:
        """Whether the partition's bytes were this content, and no file of it was touched since."""
        return self._known.get(place) == f"{content} {touched}"

    def add(self, place: str, content: str, touched: str, newest_ns: int) -> None:
        """Remember that the bytes were compared; `touched` and `newest_ns` were read before the bytes."""
        if newest_ns < time.time_ns() - _SETTLED_NS:
            self._new[place] = f"{content} {touched}"

    def keep(self) -> None:
        """Store what was added; who may only read the state compares again next time."""
        if all(self._known.get(place) == what for place, what in self._new.items()):
            return
        write_notes(self._path, "places", self._read() | self._new)

    def _read(self) -> dict[str, str]:
        return read_notes(self._path, "places")
