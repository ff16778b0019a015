"""Find missing and repeated numbers of journals and documents, per series. Memory grows only with gaps."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from billing_recon.core.journal import Finding, FindingCode

_LAST_DIGITS = re.compile(r"^(.*?)([0-9]{1,18})([^0-9]*)$", re.DOTALL)
SPARSE = 10
"""A series is not numbered consecutively if more than this many numbers are missing for each that occurs."""
SHOWN = 50
"""Gaps of one series that are reported individually."""


@dataclass(slots=True)
class Runs:
    """A set of integers stored as its maximal runs."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, number: int) -> bool:
        """Add a number. Return whether it is new."""
        if self.ends and number == self.ends[-1] + 1:
            self.ends[-1] = number
            return True
        at = bisect_right(self.starts, number)
        if at and number <= self.ends[at - 1]:
            return False
        before = at > 0 and self.ends[at - 1] == number - 1
        after = at < len(self.starts) and self.starts[at] == number + 1
        if before and after:
            self.ends[at - 1] = self.ends.pop(at)
            del self.starts[at]
        elif before:
            self.ends[at - 1] = number
        elif after:
            self.starts[at] = number
        else:
            self.starts.insert(at, number)
            self.ends.insert(at, number)
        return True

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.starts, number)
        return at > 0 and number <= self.ends[at - 1]

    @property
    def count(self) -> int:
        return sum(end - start + 1 for start, end in zip(self.starts, self.ends, strict=True))

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First and last number of each gap."""
        return [(end + 1, start - 1) for end, start in zip(self.ends, self.starts[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class Number:
    """A split document number: "RE2026-0135" is 135 in "RE2026-{}", four digits wide."""

    pattern: str
    value: int
    width: int


def split_number(text: str) -> Number | None:
    """Split a document number at its last run of digits; None without digits.

    >>> split_number("FT A/17")
    Number(pattern='FT A/{}', value=17, width=2)
    """
    match = _LAST_DIGITS.match(text)
    if match is None:
        return None
    before, digits, after = match.groups()
    return Number(f"{before}{{}}{after}", int(digits), len(digits))


class Numbering:
    """The numbers of one kind of record (journals, invoices). `what` names one of them in sentences: "invoice"."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._runs: dict[tuple[str, str], Runs] = {}
        self._width: dict[tuple[str, str], int] = {}
        self._other: set[tuple[str, str]] = set()

    def take(self, series: str, text: str, *, consecutive: bool = True) -> Finding | None:
        """Add a number. Return NUMBER_REPEAT if the series has it already. Only `consecutive` numbers are checked for gaps."""
        number = split_number(text) if consecutive else None
        if number is None:
            new = (series, text) not in self._other
            self._other.add((series, text))
        else:
            key = (series, number.pattern)
            self._width[key] = min(number.width, self._width.get(key, number.width))
            new = self._runs.setdefault(key, Runs()).add(number.value)
        if new:
            return None
        of = f" of series {series}" if series else ""
        return Finding(
            FindingCode.NUMBER_REPEAT,
            _where(self.what, series),
            text,
            "",
            f"{self.what} number {text}{of} occurs more than once, but must identify one {self.what}.",
        )

    def gaps(self) -> list[Finding]:
        """Return NUMBER_GAP for each gap in the series that are numbered consecutively.

        Series that share a counter (no number occurs in two of them, as in systems that number across journals) are
        checked as one: a number missing in one series may be in another.
        """
        patterns: dict[str, list[tuple[str, str]]] = {}
        for key in self._runs:
            patterns.setdefault(key[1], []).append(key)
        findings: list[Finding] = []
        for keys in patterns.values():
            together = _merged([self._runs[key] for key in keys]) if len(keys) > 1 else None
            if together is not None:
                width = min(self._width[key] for key in keys)
                findings += self._gaps_of("", keys[0][1], together, width)
                continue
            for key in keys:
                findings += self._gaps_of(key[0], key[1], self._runs[key], self._width[key])
        return findings

    def _gaps_of(self, series: str, pattern: str, runs: Runs, width: int) -> list[Finding]:
        gaps = runs.gaps
        missing = sum(last - first + 1 for first, last in gaps)
        if missing > SPARSE * runs.count:
            return []
        where = _where(self.what, series)
        of = f" of series {series}" if series else ""
        findings = []
        for first, last in gaps[:SHOWN]:
            before, after = (pattern.replace("{}", f"{n:0{width}d}", 1) for n in (first - 1, last + 1))
            lacking = [pattern.replace("{}", f"{n:0{width}d}", 1) for n in (first, last)]
            count = last - first + 1
            which = lacking[0] if count == 1 else f"{lacking[0]} to {lacking[1]}"
            verb = "is" if count == 1 else "are"
            findings.append(
                Finding(
                    FindingCode.NUMBER_GAP,
                    where,
                    f"{before}, {after}",
                    which,
                    f"{self.what} number {which}{of} ({count}) {verb} missing between {before} and {after}.",
                )
            )
        if len(gaps) > SHOWN:
            rest = sum(last - first + 1 for first, last in gaps[SHOWN:])
            findings.append(
                Finding(
                    FindingCode.NUMBER_GAP,
                    where,
                    "",
                    str(rest),
                    f"{rest} more {self.what} numbers{of} are missing in {len(gaps) - SHOWN} further gaps.",
                )
            )
        return findings


class Identities:
    """Make ids unique within a file: a repeated id gets "#2", "#3"."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, int], Runs] = {}
        self._other: set[str] = set()
        self._again: dict[str, int] = {}

    def unique(self, text: str) -> str:
        """Return the id, changed only if the file has it already."""
        if self._new(text):
            return text
        count = self._again.get(text, 1)
        while True:
            count += 1
            candidate = f"{text}#{count}"
            if self._new(candidate):
                self._again[text] = count
                return candidate

    def _new(self, text: str) -> bool:
        number = split_number(text)
        if number is None:
            new = text not in self._other
            self._other.add(text)
            return new
        zeros = number.width if number.width > len(str(number.value)) else 0
        return self._runs.setdefault((number.pattern, zeros), Runs()).add(number.value)


def identity(diary: str, transaction: str) -> str:
    """Return the transaction's id, preceded by its journal's unless it contains that (as in Portugal)."""
    carries = re.match(rf"(?:\d{{4}}-\d\d-\d\d )?{re.escape(diary)}(?![0-9A-Za-z])", transaction)
    return transaction if not diary or carries else f"{diary}/{transaction}"


def _where(what: str, series: str) -> str:
    return f"{what} series {series}" if series else f"{what} numbers"


def _merged(parts: list[Runs]) -> Runs | None:
    """Merge all numbers into one set; None if two parts share a number. Compares runs, not single numbers."""
    spans = sorted((start, end) for part in parts for start, end in zip(part.starts, part.ends, strict=True))
    merged = Runs()
    for start, end in spans:
        if merged.ends and start <= merged.ends[-1]:
            return None
        if merged.ends and start == merged.ends[-1] + 1:
            merged.ends[-1] = end
        else:
            merged.starts.append(start)
            merged.ends.append(end)
    return merged
