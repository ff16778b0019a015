"""Heads of the audit chain outside the database: written at each sign-off and close, and compared by `audit verify`.

A chain alone cannot show that its newest events were cut off, or that all of it was written anew. A head says how many events
there were and the hash of the last; whoever keeps it can tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

from billing_recon.control import time_stamps
from billing_recon.control.audit import canonical
from billing_recon.control.signatures import sign, signed_by, trusted_public_key
from billing_recon.core.errors import ConfigurationError

_CLOCKS_DIFFER = timedelta(hours=1)
HEADS_ENV = "BILLING_RECON_AUDIT_HEADS"
"""Further files, separated by the system's path separator, that every head is written to: on another machine's disk."""


@dataclass(frozen=True, slots=True)
class Head:
    """The chain as it was: `seq` events, the last with hash `head`; for what it was written, and the signature if any."""

    company: str
    purpose: str
    at: str
    seq: int
    head: str
    public_key: str = ""
    signature: str = ""
    token: str = ""
    """The time stamp of a service outside (control.time_stamps), over the line without it."""

    @property
    def message(self) -> bytes:
        """What is signed."""
        said = {"company": self.company, "purpose": self.purpose, "at": self.at, "seq": self.seq, "head": self.head}
        return canonical({"type": "billing-recon audit head", **said}).encode()

    def line(self) -> str:
        """The head as a line of a file."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return canonical({name: value for name, value in said.items() if value != "" or name != "token"}) + "\n"

    @property
    def stamped(self) -> bytes:
        """What is time stamped."""
        return replace(self, token="").line().encode()


def signed(company: str, purpose: str, at: str, seq: int, head: str) -> Head:
    """A head, signed if a signing key is set."""
    bare = Head(company, purpose, at, seq, head)
    signature = sign(bare.message)
    return bare if signature is None else replace(bare, public_key=signature[0], signature=signature[1])


def stamped(head: Head) -> Head:
    """The head with a time stamp, if a service is set. ConfigurationError if it gives none."""
    return replace(head, token=time_stamps.stamp(head.stamped))


def heads_files(state: Path) -> list[Path]:
    """Where heads are written and looked for: in the state folder, and wherever the environment says."""
    further = [Path(part) for part in os.environ.get(HEADS_ENV, "").split(os.pathsep) if part.strip()]
    return [state / "audit" / "heads.jsonl", *further]


def write(head: Head, files: Iterable[Path]) -> None:
    """Append the head to each file. ConfigurationError for a file that cannot be written."""
    for file in files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as out:
                out.write(head.line())
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise ConfigurationError(f"the audit head cannot be written to {file}: {error.strerror or error}") from None


def read(file: Path) -> tuple[list[Head], list[str]]:
    """The heads of a file, and a sentence for each line that is none. A file that is not there has none."""
    heads: list[Head] = []
    problems: list[str] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return [], []
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"{file} cannot be read: {error}"]
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)
            heads.append(Head(**content))
            sound = isinstance(heads[-1].seq, int) and heads[-1].line().strip() == canonical(content)
        except (ValueError, TypeError):
            sound = False
        if not sound:
            problems.append(f"{file} line {number} is no audit head: {line[:80]!r}")
    return heads, problems


def compare(
    company: str,
    files: Sequence[Path],
    hash_of: Callable[[Sequence[int]], Mapping[int, str]],
    last: int,
    expected: Sequence[str],
) -> tuple[list[str], int]:
    """Every problem of the heads against the chain, and how many heads agree.

    `hash_of` gives the hashes of events by number; `last` is the number of the newest. `expected`: for what a head must be there.
    """
    problems: list[str] = []
    found: list[tuple[Path, Head]] = []
    for file in files:
        heads, bad = read(file)
        problems += bad
        found += [(file, head) for head in heads]
    trusted = trusted_public_key()
    hashes = hash_of(sorted({head.seq for _, head in found if 1 <= head.seq <= last}))
    agreed = 0
    for file, head in found:
        problem = _problem(head, company, trusted, hashes, last)
        if problem:
            problems.append(f"{file}: the head of {head.at} for {head.purpose} {problem}")
        else:
            agreed += 1
    problems += _not_stamped([head for _, head in found], expected)
    written = {head.purpose for _, head in found}
    for purpose in expected:
        if purpose not in written:
            problems.append(
                f"there is no head for {purpose}, which the chain records: its file was removed or cut "
                f"({', '.join(map(str, files))}). If it was never written: billing-recon audit head --for {quote(purpose)}"
            )
    return problems, agreed


def _problem(head: Head, company: str, trusted: str | None, hashes: Mapping[int, str], last: int) -> str:
    if head.company != company:
        return f"is of another company, {head.company}"
    if problem := why_not_genuine(head, trusted):
        return problem
    if head.seq > last:
        return f"is of event {head.seq}, and the chain ends at {last}: its newest events were cut off"
    if head.seq and hashes.get(head.seq) != head.head:
        return f"is of another event {head.seq} than the chain has: the history was written anew"
    return ""


def why_not_genuine(head: Head, trusted: str | None) -> str:
    """Why a head by itself is not what the program wrote then: its signature, and its time stamp; empty if it is."""
    if trusted is not None:
        if not head.signature:
            return "is not signed, and a key for signatures is set"
        if head.public_key != trusted:
            return "is signed with another key than the one that is set"
    if head.signature and not signed_by(head.public_key, head.message, head.signature):
        return "was changed: its signature does not hold"
    if not head.token:
        return ""
    try:
        at = time_stamps.stamped_at(head.token, head.stamped)
        apart = abs(at - datetime.fromisoformat(head.at))
    except (ValueError, TypeError) as error:
        return f"has a time stamp that does not hold: {error}"
    return f"was time stamped at {at:%Y-%m-%d %H:%M} UTC: one of the two is wrong" if apart > _CLOCKS_DIFFER else ""


def _not_stamped(heads: Sequence[Head], closes: Sequence[str]) -> list[str]:
    """That the newest close is covered by no time stamp, if they are checked here. A stamp covers all that was decided before it."""
    last = max((head.seq for head in heads if head.purpose in closes), default=0)
    if not last or not time_stamps.checked() or any(head.token and head.seq >= last for head in heads):
        return []
    return [
        "no head since the newest close has a time stamp, and a service for them is set; write one: billing-recon audit head"
    ]
