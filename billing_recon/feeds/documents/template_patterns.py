"""Search a template's patterns on pages of unknown senders, with bounded text and time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic

import regex  # type: ignore[import-untyped]  # like re, with a timeout; it ships no types

from billing_recon.core.document import DocumentUnreadable

LONGEST_TEXT = 1_000_000
"""Characters that patterns are searched in: some three hundred pages."""
SECONDS = 5.0
"""Limit for all patterns of one template on one document; a hundredth is usual."""
MOST_FOUND = 100_000

Found = re.Match[str]
"""What regex gives has the same interface."""


class Search:
    """The patterns of one template on one document. Raise DocumentUnreadable when their time is up."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._until = monotonic() + seconds

    def all(self, pattern: str, text: str) -> Iterator[Found]:
        """Yield every match in order. ^ and $ match at line ends."""
        self._measure(text)
        try:
            for number, found in enumerate(_compiled(pattern).finditer(text, timeout=self._left(pattern))):
                if number == MOST_FOUND:
                    raise DocumentUnreadable(f"the pattern '{pattern}' occurs more than {MOST_FOUND:,} times")
                yield found
        except TimeoutError as error:
            raise DocumentUnreadable(_late(pattern)) from error

    def first(self, pattern: str, text: str, start: int = 0) -> Found | None:
        """Return the first match from `start` on."""
        self._measure(text)
        try:
            found: Found | None = _compiled(pattern).search(text, pos=start, timeout=self._left(pattern))
            return found
        except TimeoutError as error:
            raise DocumentUnreadable(_late(pattern)) from error

    def replaced(self, pattern: str, put: str, text: str) -> str:
        """Return `text` with every match replaced by the literal `put`."""
        self._measure(text)
        try:
            return str(_compiled(pattern).sub(lambda _: put, text, timeout=self._left(pattern)))
        except TimeoutError as error:
            raise DocumentUnreadable(_late(pattern)) from error

    def _left(self, pattern: str) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise DocumentUnreadable(_late(pattern))
        return left

    @staticmethod
    def _measure(text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise DocumentUnreadable(f"its pages have more than {LONGEST_TEXT:,} characters, too many for an invoice")


def _compiled(pattern: str) -> regex.Pattern:
    return regex.compile(pattern, regex.MULTILINE)  # kept by the module's own cache


def _late(pattern: str) -> str:
    return (
        f"the template's patterns took longer than {SECONDS:.0f} seconds, at last '{pattern}'; "
        "simplify it (no repetition inside a repetition)"
    )
