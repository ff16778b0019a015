"""How urgent a page is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How urgent a page is, in the words of PagerDuty."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """For comparing two severities."""
        return list(Severity).index(self)
