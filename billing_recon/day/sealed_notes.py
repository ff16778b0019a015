"""What is remembered in a file of the state folder to save work: sealed with the key of the audit chain's records, if there is one.

Without the key whoever may write the state folder can edit it, so it opens nothing. It may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from billing_recon.control.audit_keys import record_key


def read_notes(path: Path, name: str, settings: str = "") -> dict[str, Any]:
    """What was kept under a name and the same settings; nothing if there is no such file, or its seal is not this program's."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads(path.read_text(encoding="utf-8"))
        notes = held[name]
        if isinstance(notes, dict) and held["settings"] == settings and held["seal"] == _seal(path, settings, notes):
            return notes
    return {}


def write_notes(path: Path, name: str, notes: Mapping[str, Any], settings: str = "") -> None:
    """Keep this; who may only read the state does without."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    held = {"settings": settings, name: notes, "seal": _seal(path, settings, notes)}
    with suppress(OSError):
        draft.write_text(json.dumps(held), encoding="utf-8")
        draft.replace(path)


def _seal(path: Path, settings: str, notes: Mapping[str, Any]) -> str:
    key = record_key()
    return key.link(json.dumps([path.name, settings, notes], sort_keys=True).encode()) if key else ""
