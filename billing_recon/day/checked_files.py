"""Files whose bytes were compared with what was written, and how the file system has known them since: what of them has to be read again.

Nobody but the machine's administrator can set back when a file was last changed (ctime), so a file that is as it was is not read twice.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from billing_recon.control.audit_keys import record_key

FILE = "checked.json"
_SETTLED_NS = 2_000_000_000
"""A file that was changed so recently could be changed again without its time telling."""


class CheckedFiles:
    """What is kept in one state folder: per partition its files' content and how they were when it was compared.

    It is sealed with the key of the audit chain, if there is one. Without it whoever may write the state folder can edit it.
    """

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
        places = self._read() | self._new
        draft = self._path.with_name(f".{FILE}.{os.getpid()}")
        with suppress(OSError):
            draft.write_text(json.dumps({"places": places, "seal": _seal(places)}), encoding="utf-8")
            draft.replace(self._path)

    def _read(self) -> dict[str, str]:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            held = json.loads(self._path.read_text(encoding="utf-8"))
            if held["seal"] == _seal(held["places"]):
                return {str(place): str(what) for place, what in held["places"].items()}
        return {}


def _seal(places: dict[str, str]) -> str:
    key = record_key()
    return key.link(json.dumps([FILE, places], sort_keys=True).encode()) if key else ""
