"""Copies of a home's state: decisions and warehouse together, verified by digest, restored only where nothing is."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import IO, Any

from billing_recon.control import ControlStore
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.day.audit_chain import audit_problems
from billing_recon.day.home import Home
from billing_recon.day.rollout.members import damaged_lists
from billing_recon.day.stored import TABLES, damaged

_MANIFEST, _CONTROL = "manifest.json", "control.jsonl"
_FOLDERS = ("warehouse", "releases", "audit", "rollouts", "shadow", "evidence")
_FORMAT = 1
_BLOCK = 1 << 20

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    files: int
    rows: int
    audit_head: str


def back_up(home: Home, out: Path, progress: Progress = lambda _what, _number: None) -> Backup:
    """Write decisions, warehouse and releases into one new file. GateRefused if something was written meanwhile.

    Whatever a reader could find is complete: the file appears under its name only when all of it is written.
    """
    if out.exists():
        raise ConfigurationError(f"{out} exists; give the backup another name")
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    lines = home.control.dump()
    digests: dict[str, str] = {}
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for folder in _FOLDERS:
                for number, path in enumerate(sorted((home.state / folder).rglob("*")), start=1):
                    if path.is_file():
                        name = path.relative_to(home.state).as_posix()
                        with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                            digests[name] = _copy(source, target)
                        progress(folder, number)
            text = "".join(f"{line}\n" for line in lines)
            archive.writestr(_CONTROL, text, zipfile.ZIP_DEFLATED)
            digests[_CONTROL] = hashlib.sha256(text.encode()).hexdigest()
            _, head = home.control.audit_head()
            archive.writestr(
                _MANIFEST,
                json.dumps(
                    {"format": _FORMAT, "company": home.company.name, "audit_head": head, "files": digests}, indent=1
                ),
                zipfile.ZIP_DEFLATED,
            )
        if home.control.dump() != lines:
            raise GateRefused("a run or a decision wrote to the state while it was copied; take the backup again")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return Backup(len(digests) - 1, len(lines), head)


def verify_backup(path: Path) -> Backup:
    """Read a backup whole and compare it with its manifest. ConfigurationError says what is missing, changed or added."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive, path)
            names = [name for name in archive.namelist() if name != _MANIFEST]
            problems = [f"{name} is there twice" for name in {n for n in names if names.count(n) > 1}]
            problems += [f"{name} is missing" for name in sorted(set(manifest["files"]) - set(names))]
            problems += [f"{name} is not in its manifest" for name in sorted(set(names) - set(manifest["files"]))]
            for name in sorted(set(names) & set(manifest["files"])):
                with archive.open(name) as content:
                    if _copy(content) != manifest["files"][name]:
                        problems.append(f"{name} was changed")
            if problems:
                raise ConfigurationError([f"backup {path}: {problem}" for problem in problems])
            rows = len(archive.read(_CONTROL).splitlines())
    except zipfile.BadZipFile as error:
        raise ConfigurationError(f"{path} is no whole backup: {error}") from None
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist") from None
    return Backup(len(manifest["files"]) - 1, rows, str(manifest["audit_head"]))


def restore(state: Path, control_url: str, path: Path) -> Backup:
    """Put a verified backup into a state folder and control database that hold nothing."""
    held = verify_backup(path)
    taken = [name for name in _FOLDERS if (state / name).exists()]
    if taken:
        raise ConfigurationError(f"{state} has a {taken[0]} already; move it away, and the control database with it")
    control = ControlStore.open(control_url)
    with zipfile.ZipFile(path) as archive:
        names = [name for name in _manifest(archive, path)["files"] if name != _CONTROL]
        strange = [name for name in names if not _inside(name)]
        if strange:
            raise ConfigurationError(
                f"backup {path} has a file outside the state: {strange[0]!r}; nothing was restored"
            )
        control.load(archive.read(_CONTROL).decode().splitlines())
        for name in names:
            target = state / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("xb") as out:
                _copy(source, out)
    control.close()
    return held


def verify_state(home: Home) -> tuple[int, list[str]]:
    """Compare every partition with what was registered, the audit chain with decisions and heads: how many, and problems."""
    states = home.control.partition_states(TABLES, date.min, date.max)
    return len(states), [*audit_problems(home)[0], *damaged(home, states, TABLES), *damaged_lists(home)]


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(archive.read(_MANIFEST))
        known = manifest["format"] == _FORMAT and isinstance(manifest["files"], dict) and _CONTROL in manifest["files"]
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ConfigurationError(f"{path} has no manifest of a billing-recon backup")
    return dict(manifest)


def _inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] in _FOLDERS and ".." not in parts and "\\" not in name


def _copy(source: IO[bytes], target: IO[bytes] | None = None) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()
