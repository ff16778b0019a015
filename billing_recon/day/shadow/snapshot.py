"""Freeze a closed period: hard links to the warehouse's files, copies of the configuration, a digest over all of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import duckdb
from pydantic import ValidationError

from billing_recon.control import ControlStore, PartitionState, Recorded
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.feed_path import path_on
from billing_recon.core.period import parse_day
from billing_recon.core.policy import LATE_REACH, Policy
from billing_recon.core.schema import (
    BREAKS,
    EXPECTED_LINES,
    INVOICE_LINES,
    USAGE_DUPLICATES,
    USAGE_EVENTS,
    USAGE_ROLLUP,
    TableSpec,
)
from billing_recon.core.snapshot import Manifest, PinnedFile, PinnedPartition, period_days
from billing_recon.day.configuration import read_company, stored_policy
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.history import READ_BACK, later_rollups
from billing_recon.day.home import Home, read_catalog
from billing_recon.day.stored import TABLES, damaged
from billing_recon.warehouse import Warehouse

MANIFEST = "manifest.json"
_DATA, _CONFIG = "data", "config"
_NEEDED = (EXPECTED_LINES.name, BREAKS.name, INVOICE_LINES.name)
_AFTER = frozenset({USAGE_ROLLUP.name, USAGE_EVENTS.name, USAGE_DUPLICATES.name})
"""Tables of which days after the period count: usage that arrived within the late window of bills of the period."""


@dataclass(frozen=True)
class Snapshot:
    """A frozen period in its folder, laid out as a home (`config`) and a warehouse (`data`).

    A review reads nothing else: no table, file or setting of the live home.
    """

    path: Path
    manifest: Manifest

    @property
    def label(self) -> str:
        return self.manifest.label

    @cached_property
    def company(self) -> Company:
        return read_company(self.path / _CONFIG)[0]

    @cached_property
    def catalog(self) -> Catalog:
        return read_catalog(self.path / _CONFIG, self.company)

    @cached_property
    def policy(self) -> Policy:
        text = (self.path / _CONFIG / "policy.yaml").read_text(encoding="utf-8")
        return stored_policy(text, self.manifest.policy_number)

    @cached_property
    def first_day(self) -> date | None:
        return parse_day(self.company.first_day) if self.company.first_day else None

    def rows(self, table: str) -> int:
        """How many rows of a table it holds."""
        return sum(p.rows for p in self.manifest.partitions if p.table == table)

    def scan(self, table: TableSpec, first: date, last: date) -> str:
        """SQL for the rows of a table's days `first` to `last`, as they were frozen."""
        held = (p for p in self.manifest.partitions if p.table == table.name and first <= p.day <= last)
        files = [str(self.path / file) for p in held for file in p.files]
        warehouse = Warehouse(self.path / _DATA)
        return warehouse.reading(files, table) if files else warehouse.scan(table, first, last)


def take(home: Home, period: str, actor: str) -> Snapshot:
    """Freeze a period of the home, or return the snapshot that holds exactly the same.

    ConfigurationError if the period has no days. GateRefused, naming the days and the command: a day was not computed, is
    being written, is damaged, or nothing was billed or due.
    """
    last_day = parse_day(home.company.last_day) if home.company.last_day else None
    days = period_days(period, home.first_day, last_day)
    if not days:
        raise ConfigurationError(
            f"{period} has no day of this company, whose days are {home.first_day} to {last_day or 'now'}"
        )
    states = _states(home, days)
    _refuse(home, days, states)
    if not any(s.rows for s in states if s.day in set(days) and s.table in _NEEDED):
        raise GateRefused(f"nothing was billed or due from {days[0]} to {days[-1]}: a review of it would say nothing")
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    filling = folder / f".taking-{os.getpid()}"
    shutil.rmtree(filling, ignore_errors=True)
    try:
        manifest = described(home, filling, days, states, _link)
        if _states(home, days) != states:
            raise GateRefused(
                f"{period} was written while it was being frozen; wait for the run to end, then: {_again(period)}"
            )
        return _keep(home, filling, manifest, actor)
    finally:
        shutil.rmtree(filling, ignore_errors=True)


@contextmanager
def live_day(home: Home, day: date, folder: Path) -> Iterator[Snapshot]:
    """A day as it stands in the warehouse now, to be read at once: its files are not held, and it is recorded nowhere.

    The configuration of this moment is copied to `folder`. GateRefused if the day was not computed or is damaged, or if it
    was written before the block ended.
    """
    states = _states(home, [day])
    _refuse(home, [day], states)
    yield Snapshot(folder, described(home, folder, [day], states, lambda file, *_: str(file.absolute())))
    if _states(home, [day]) != states:
        raise GateRefused(f"{day} was written while it was being compared; wait for its run to end, then compare again")


def _again(period: str) -> str:
    return f"billing-recon shadow snapshot {period}"


def _states(home: Home, days: Sequence[date]) -> list[PartitionState]:
    windows = home.policy.windows
    first = days[0] - timedelta(days=LATE_REACH * windows.lookback_days)
    last = days[-1] + timedelta(days=windows.late_window_days)
    after = set(later_rollups(home, days[-1]))
    return [
        state
        for state in home.control.partition_states(TABLES, first, last)
        if state.day <= days[-1] or (state.table in _AFTER and state.day in after)
    ]


def _refuse(home: Home, days: Sequence[date], states: Iterable[PartitionState]) -> None:
    """Raise GateRefused for everything that would make the snapshot say less than it seems to."""
    by_place = {(state.table, state.day): state for state in states}
    missing = sorted({day for day in days for table in _NEEDED if not _complete(by_place.get((table, day)))})
    problems = [f"{day} was not run to its end; run it first: billing-recon run --day {day}" for day in missing[:5]] + (
        [f"and {len(missing) - 5} more days, up to {missing[-1]}"] if len(missing) > 5 else []
    )
    open_ = sorted(
        (s for s in by_place.values() if not s.complete and s.table in READ_BACK), key=lambda s: (s.day, s.table)
    )
    problems += [
        f"{state.table} of {state.day} is not complete ({state.waits_for}); run that day again: billing-recon run --day {state.day}"
        for state in open_[:5]
        if state.day not in missing
    ]
    if not problems:
        problems += damaged(home, by_place.values())[:5]
    if problems:
        raise GateRefused("\n".join(problems))


def _complete(state: PartitionState | None) -> bool:
    return state is not None and state.complete


def described(
    home: Home,
    folder: Path,
    days: Sequence[date],
    states: Iterable[PartitionState],
    hold: Callable[[Path, Path, str, date], str],
) -> Manifest:
    """Copy the configuration into `folder`, hold the files of complete partitions for it as `hold` does, and describe all."""
    by_table: dict[str, list[PartitionState]] = {}
    for state in states:
        if state.complete:
            by_table.setdefault(state.table, []).append(state)
    versions, partitions = {}, []
    for table, held in sorted(by_table.items()):
        first, last = min(s.day for s in held), max(s.day for s in held)
        version, files = home.warehouse.pinned(table, first, last)
        versions[table] = version
        for state in sorted(held, key=lambda s: s.day):
            held_files = tuple(hold(Path(file), folder, table, state.day) for file in files.get(state.day, ()))
            partitions.append(
                PinnedPartition(table=table, day=state.day, rows=state.rows, digest=state.digest, files=held_files)
            )
    _copy_configuration(home, folder / _CONFIG)
    files_held = sorted(path for path in folder.rglob("*") if path.is_file())
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    return Manifest(
        label=str(days[-1]),
        first=days[0],
        last=days[-1],
        usage_through=tuple(later_rollups(home, days[-1])),
        versions=versions,
        partitions=tuple(partitions),
        files=tuple(_described(path, folder) for path in files_held),
        policy_number=home.policy_number,
        verdicts={str(day): verdicts[str(day)].verdict.value if str(day) in verdicts else "NONE" for day in days},
        closed=all(home.control.is_closed(day) for day in days),
    )


def _link(file: Path, folder: Path, table: str, day: date) -> str:
    """Hold a file under a name of the snapshot's own, so that clean-up of the warehouse does not remove its content."""
    inside = Path(_DATA) / table / f"day={day}" / file.name
    (folder / inside).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, folder / inside)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, folder / inside)
    return inside.as_posix()


def _copy_configuration(home: Home, into: Path) -> None:
    """company.yaml, catalog, templates, the policy in force, and the files of price lists."""
    into.mkdir(parents=True)
    policy = home.control.current_policy()
    assert policy is not None  # opening a home imports its first policy
    (into / "policy.yaml").write_text(policy.text, encoding="utf-8")
    patterns = ["company.yaml", "catalog/*.yaml", "templates/*.yaml"]
    patterns += [path_on(f.path, date.min) for f in home.company.price_lists.values() if f.path]
    for pattern in patterns:
        for source in sorted(home.path.glob(pattern)):
            target = into / source.relative_to(home.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _described(path: Path, folder: Path) -> PinnedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PinnedFile(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=digest)


def _keep(home: Home, filled: Path, manifest: Manifest, actor: str) -> Snapshot:
    """Give the snapshot its label and record its digest; one with the same content is not made twice."""
    taken = [one for one in snapshots(home) if one.manifest.last == manifest.last]
    for one in taken:
        if one.manifest.model_copy(update={"label": manifest.label}).digest == manifest.digest:
            require_intact(home.control, one)
            return one
    label = manifest.label if not taken else f"{manifest.label}-{len(taken) + 1}"
    named = manifest.model_copy(update={"label": label})
    (filled / MANIFEST).write_text(named.text, encoding="utf-8")
    home.control.record_shadow(Recorded.SNAPSHOT, label, named.digest, "{}", by=actor, actor=actor)
    filled.rename(_folder(home) / label)
    return Snapshot(_folder(home) / label, named)


def snapshots(home: Home) -> list[Snapshot]:
    """Every snapshot of the home, the oldest period first; of one period in the order in which they were taken."""
    found = [_open(path.parent) for path in _folder(home).glob(f"[0-9]*/{MANIFEST}")]
    return sorted(found, key=lambda one: (one.manifest.last, len(one.label), one.label))


def find(home: Home, label: str | None) -> Snapshot:
    """The snapshot of a label, or the latest. ConfigurationError names those that there are."""
    found = snapshots(home)
    if not found:
        raise ConfigurationError("no period is frozen yet; freeze one first: billing-recon shadow snapshot 2026-02")
    if label is None:
        return found[-1]
    for one in found:
        if one.label == label:
            return one
    raise ConfigurationError(f"there is no snapshot {label}; there are {', '.join(one.label for one in found)}")


def _folder(home: Home) -> Path:
    return home.state / "shadow" / "snapshots"


def _open(path: Path) -> Snapshot:
    try:
        return Snapshot(path, Manifest.model_validate_json((path / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path / MANIFEST} is not a snapshot's manifest ({str(error).splitlines()[0]}); restore it from a backup, or freeze "
            "the period again under a new label after moving the folder away"
        ) from error


def problems(control: ControlStore, snapshot: Snapshot) -> Iterator[str]:
    """Everything in which a snapshot is not what was recorded when it was taken; every byte is read."""
    recorded = [record.version for record in control.shadow_records(Recorded.SNAPSHOT, snapshot.label)]
    if snapshot.manifest.digest not in recorded:
        known = f"recorded was {recorded[-1][:12]}" if recorded else "no snapshot of this label was recorded"
        yield f"the manifest of snapshot {snapshot.label} has the digest {snapshot.manifest.digest[:12]}; {known}"
    held = {path.relative_to(snapshot.path).as_posix() for path in snapshot.path.rglob("*") if path.is_file()} - {
        MANIFEST
    }
    named = {file.path for file in snapshot.manifest.files}
    yield from (f"{path} is not part of snapshot {snapshot.label}; remove it" for path in sorted(held - named))
    for file in snapshot.manifest.files:
        if file.path not in held:
            yield f"{file.path} of snapshot {snapshot.label} is gone"
        elif _described(snapshot.path / file.path, snapshot.path) != file:
            yield f"{file.path} of snapshot {snapshot.label} was changed"


def require_intact(control: ControlStore, snapshot: Snapshot) -> None:
    """Raise GateRefused if the snapshot is not what was recorded."""
    found = list(problems(control, snapshot))
    if found:
        shown = found[:5] + ([f"and {len(found) - 5} more"] if len(found) > 5 else [])
        raise GateRefused(
            "\n".join(
                [*shown, f"a review cannot rest on it; freeze the period again: {_again(_period(snapshot.manifest))}"]
            )
        )


def _period(manifest: Manifest) -> str:
    return f"{manifest.first}..{manifest.last}"


def registered(
    con: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    table: TableSpec,
    first: date,
    last: date,
    *,
    where: str = "true",
) -> None:
    """Create `table` in the session from the snapshot's days `first` to `last`."""
    columns = ", ".join(f'"{c.name}"' for c in table.registered)
    con.execute(
        f"CREATE OR REPLACE TABLE {table.name} AS SELECT {columns} FROM ({snapshot.scan(table, first, last)}) WHERE {where}"
    )
