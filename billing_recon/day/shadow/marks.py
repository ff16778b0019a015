"""What people said of a review: of its causes, and of the invoices that they checked by hand. Decisions are in decisions.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from billing_recon.control import Recorded, ShadowRecord
from billing_recon.day.home import Home

UNDERSTOOD, TO_FIX = "understood", "to-fix"
MARKS = (UNDERSTOOD, TO_FIX, "assign", "comment")
_FAULTS = ("new", "accepted", "kept")
"""Parts that are faults of the new engine. One that is accepted, or that the old engine gets as well, is still the same fault."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What people said of a cause: its last mark, who works on it, and every note with who wrote it, the oldest first."""

    mark: str = ""
    owner: str = ""
    by: str = ""
    notes: tuple[str, ...] = ()


class Marks:
    """What was said of the causes of a candidate. A cause keeps its marks over reruns, since its id is what it is about."""

    def __init__(self, records: Iterable[ShadowRecord] = ()) -> None:
        self._records = [(json.loads(record.content), record) for record in records]

    def of(self, cause: Mapping[str, Any]) -> Marked:
        """What was said of a cause of a review. A comment or an assignment leaves the mark as it is."""
        found, ids = Marked(), _ids(cause)
        for content, record in self._records:
            if content.get("cause_id") in ids:
                lasting = content["mark"] in (UNDERSTOOD, TO_FIX)
                found = Marked(
                    mark=content["mark"] if lasting else found.mark,
                    owner=content["owner"] or found.owner,
                    by=record.decided_by if lasting else found.by,
                    notes=(*found.notes, f"{record.decided_by}: {record.reason}") if record.reason else found.notes,
                )
        return found

    def to_fix(self, cause: Mapping[str, Any]) -> str:
        """A cause in words with who wants it fixed, if somebody does; else empty."""
        said = self.of(cause)
        if said.mark != TO_FIX:
            return ""
        return f"{cause['cause_id']} {cause['code']} {cause['about']} {cause['currency']} (by {said.by})"


def marks(home: Home, name: str) -> Marks:
    """What was said of the causes of a candidate."""
    return Marks(home.control.shadow_records(Recorded.CAUSE, name))


def _ids(cause: Mapping[str, Any]) -> frozenset[str]:
    """The ids under which a cause was marked: a fault of the new engine that is accepted since is no other cause."""
    parts = _FAULTS if cause["part"] in _FAULTS else (cause["part"],)
    texts = ("|".join((part, cause["code"], cause["about"], cause["currency"])) for part in parts)
    return frozenset(hashlib.sha256(text.encode()).hexdigest()[:10] for text in texts)


@dataclass(frozen=True, slots=True)
class Checked:
    """Invoices that somebody checked by hand. `signed`: under these results, and whether each is right. `wrong`: found wrong at last,
    whatever the results were."""

    signed: Mapping[str, bool]
    wrong: tuple[str, ...]


def checked(home: Home, name: str, evidence: str) -> Checked:
    """What was found by hand of a candidate's invoices."""
    signed: dict[str, bool] = {}
    last: dict[str, bool] = {}
    for record in home.control.shadow_records(Recorded.SAMPLE, name):
        content = json.loads(record.content)
        if not content.keys() >= {"invoice_id", "right"}:
            continue  # written by somebody else, which the audit chain names
        last[content["invoice_id"]] = content["right"]
        if record.version == evidence:
            signed[content["invoice_id"]] = content["right"]
    return Checked(signed, tuple(sorted(invoice for invoice, right in last.items() if not right)))
