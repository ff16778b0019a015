"""Which verdicts still hold, over any history: a day is looked at again only if something that it may rest on has changed.

What was found is kept in `<state>/standing.json` with a mark of everything near the day: what is registered of the days within
its reach, their folders in the warehouse, and all settings. The file speeds up `status`, and opens nothing: gate and release
look for themselves, and read the day's own results again, which is not done here. With the key of the audit chain's records it is
sealed, so that nobody without the key can write into it that a verdict holds.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from copy import copy
from datetime import date, timedelta
from pathlib import Path

from billing_recon.control import PolicyVersion
from billing_recon.control.partition_marks import partition_marks
from billing_recon.control.read_once import ReadOnce
from billing_recon.core.policy import LATE_REACH, Policy
from billing_recon.day.configuration import stored_policy
from billing_recon.day.gate import stale_reason
from billing_recon.day.history import opening_day
from billing_recon.day.home import Home
from billing_recon.day.sealed_notes import read_notes, write_notes
from billing_recon.day.settings import code_version, rollout_states

FILE = "standing.json"
FEW = 20
"""Up to so many days are asked about one by one; of more, the database is read at once."""


def standing(home: Home, gate: str, passed: Mapping[date, int]) -> dict[date, bool]:
    """Whether each of some verdicts of a gate still holds, given by the ids of their records; for all days of open months."""
    settings, marks = _settings(home), _Marks(home, min(passed, default=date.max))
    kept = read_notes(home.state / FILE, "days", settings)
    now = {day: [number, marks.around(day)] for day, number in passed.items()}
    found = {
        day: holds
        for day in passed
        for holds in (True, False)
        if now[day][1] and kept.get(str(day)) == [*now[day], holds]
    }
    changed = [day for day in passed if day not in found]
    if changed:
        asked = home
        if len(changed) > FEW:
            asked = copy(home)
            asked.control = ReadOnce(home.control)
        records = home.control.verdicts(gate, [str(day) for day in changed])
        found |= {day: stale_reason(asked, records[str(day)], read_again=False) is None for day in changed}
        days = {str(day): [*now[day], found[day]] for day in sorted(passed)}
        write_notes(home.state / FILE, "days", days, settings)
    return found


def _settings(home: Home) -> str:
    """The digest of all that is set rather than delivered; and of when the company begins."""
    parts = [
        code_version(),
        home.company_digest,
        home.catalog.digest,
        *(f"{version.number} {version.digest}" for version in home.policy_versions),
        *(f"{baseline.name} {baseline.version}" for baseline in home.control.baselines()),
        *rollout_states(home),
        str(opening_day(home)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Marks:
    """What is registered and stored, per day within the reach of the days from `first` on."""

    def __init__(self, home: Home, first: date) -> None:
        windows = [_policy(one).windows for one in home.policy_versions]
        self._back = timedelta(days=LATE_REACH * max(one.lookback_days for one in windows))
        self._on = timedelta(days=max(one.late_window_days for one in windows))
        self._opening = opening_day(home) or date.min
        since = first - self._back if first > date.min + self._back else date.min
        folders = _folders(home.state / "warehouse", str(since))
        required = {table for one in home.policy_versions for table in _policy(one).gate.required_layers}
        registered = partition_marks(home.control, since)
        self._partly = [date.fromisoformat(day) for day, one in registered.items() if not required <= one.landed]
        self._days = [date.fromisoformat(day) for day in registered]
        shut = set(home.control.shut_months_after(""))
        self._marks = [
            hashlib.sha256(mark.digest + f"{day[:7] in shut}{sorted(folders.get(day, ()))}".encode()).digest()
            for day, mark in registered.items()
        ]

    def around(self, day: date) -> str:
        """The digest of everything near a day; empty if a day near it was not landed in full, since then files decide too."""
        first, last = day - self._back, day + self._on
        begin, middle, end = (
            bisect_left(self._days, first),
            bisect_right(self._days, day),
            bisect_right(self._days, last),
        )
        partly = bisect_left(self._partly, first) < bisect_right(self._partly, last)
        if partly or middle - begin < (day - max(first, self._opening)).days + 1:
            return ""
        return hashlib.sha256(b"".join([str(day).encode(), *self._marks[begin:end]])).hexdigest()


def _policy(version: PolicyVersion) -> Policy:
    return stored_policy(version.text, version.number)


def _folders(warehouse: Path, first: str) -> dict[str, list[tuple[str, int]]]:
    """Per day from `first` on the folders of its partitions, and when a file was last added to them or removed."""
    found: dict[str, list[tuple[str, int]]] = {}
    tables = list(os.scandir(warehouse)) if warehouse.is_dir() else []
    for table in tables:
        for folder in os.scandir(table) if table.is_dir() else ():
            if folder.name.startswith("day=") and folder.name[4:] >= first:
                found.setdefault(folder.name[4:], []).append((table.name, folder.stat().st_mtime_ns))
    return found
