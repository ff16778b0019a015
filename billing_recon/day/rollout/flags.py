"""The flag files of a rollout: for flagd, and as plain CSV and JSON. All are made from the lists, and replaced together at once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.control.rollout_records import Verb
from billing_recon.core.rollout import CANDIDATE, CONTROL
from billing_recon.day.home import Home
from billing_recon.day.rollout.members import checked_list, folder
from billing_recon.day.rollout.state import State

FLAGD, CSV, JSON = "flagd.json", "members.csv", "members.json"
FILES = (FLAGD, CSV, JSON)
SCHEMA = "https://flagd.dev/schema/v0/flags.json"


def current(home: Home, name: str) -> Path:
    """The folder whose files systems read. It is a link, so that all files change at once."""
    return folder(home, name) / "flags"


def contents(home: Home, state: State, stages: Sequence[str]) -> dict[str, str]:
    """The text of each file if these stages are exposed. The same lists give the same bytes."""
    everybody = any(state.plan.stage(stage).everybody for stage in stages if stage in state.plan.names)
    rows: list[tuple[str, str]] = []
    with scratch() as con:
        for stage in stages:
            if stage in state.lists:
                file = str(checked_list(home, state.name, state.lists[stage])).replace("'", "''")
                listed = con.execute(f"SELECT customer_id FROM read_parquet('{file}') ORDER BY customer_id").fetchall()
                rows += [(customer, stage) for (customer,) in listed]
    return {
        FLAGD: json.dumps(_flagd(state, [customer for customer, _ in rows], everybody), ensure_ascii=False, indent=1)
        + "\n",
        CSV: _csv(rows, everybody),
        JSON: json.dumps(
            {
                "rollout": state.name,
                "flags": [flag.key for flag in state.plan.flags],
                "default": CANDIDATE if everybody else CONTROL,
                "customers": {customer: CANDIDATE for customer, _ in rows},
            },
            ensure_ascii=False,
        )
        + "\n",
    }


def _flagd(state: State, customers: Sequence[str], everybody: bool) -> Mapping[str, Any]:
    """One flag for each of the plan. A customer is listed by name, so no evaluator's hashing or order of variants matters.

    The list stands in every flag: shared through flagd's `$ref`, an id with a quote or a letter beyond ASCII breaks its Python provider.
    """
    default = CANDIDATE if everybody else CONTROL
    listed = {"in": [{"var": "targetingKey"}, list(customers)]}
    targeting = {"targeting": {"if": [listed, CANDIDATE, CONTROL]}} if customers and not everybody else {}
    flags = {
        flag.key: {
            "state": "ENABLED",
            "variants": {CONTROL: CONTROL, CANDIDATE: CANDIDATE},
            "defaultVariant": default,
            "metadata": {
                "rollout": state.name,
                "layer": flag.layer.value,
                "fallback": flag.fallback,
                "removeBy": flag.remove_by.isoformat(),
                "plan": state.version.digest,
            },
            **targeting,
        }
        for flag in state.plan.flags
    }
    return {"$schema": SCHEMA, "flags": flags}


def _csv(rows: Sequence[tuple[str, str]], everybody: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["customer_id", "stage", "variant"])
    writer.writerows([customer, stage, CANDIDATE] for customer, stage in rows)
    if everybody:
        writer.writerow(["*", "", CANDIDATE])
    return text.getvalue()


def digest(files: Mapping[str, str]) -> str:
    """The digest of all files; a switch is recorded with it."""
    told = hashlib.sha256()
    for name in FILES:
        told.update(f"{name} {len(files[name].encode())}\n{files[name]}".encode())
    return told.hexdigest()


def shown_digest(home: Home, name: str) -> str:
    """The digest of the files that systems read now; empty if one of them is not there."""
    place = current(home, name)
    if not all((place / file).is_file() for file in FILES):
        return ""
    return digest({file: (place / file).read_text(encoding="utf-8") for file in FILES})


def agree(home: Home, state: State) -> bool:
    """Whether the files are those that the last switch wrote, or those that an export would write now (a new version is named in them)."""
    last = state.last(Verb.SWITCHED)
    shown = shown_digest(home, state.name)
    return last is None or shown in (last.facts["flags"], digest(contents(home, state, state.exposed)))


def switch(home: Home, name: str, files: Mapping[str, str]) -> None:
    """Make these the files that systems read: written beside, then one link is replaced. Safe to repeat after a kill."""
    link = current(home, name)
    place = link.parent / f"flags-{digest(files)[:16]}"
    place.mkdir(mode=0o755, exist_ok=True)
    for file, text in files.items():
        draft = place / f".{file}-{os.getpid()}"
        with draft.open("w", encoding="utf-8", newline="") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(place / file)
    new = link.parent / f".flags-{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(place.name)
    new.replace(link)
    _sync(link.parent)
    for old in link.parent.glob("flags-*"):
        if old.name != place.name:
            shutil.rmtree(old, ignore_errors=True)


def _sync(place: Path) -> None:
    held = os.open(place, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
