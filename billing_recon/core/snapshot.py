"""The manifest of a snapshot: which files, versions and settings of a closed period a shadow review rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date

from pydantic import Field

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.exact import Frozen
from billing_recon.core.period import add_months, days_between, parse_day


class PinnedFile(Frozen):
    """One file of the snapshot, by its path in it."""

    path: str
    bytes: int
    sha256: str


class PinnedPartition(Frozen):
    """One day of a table: the digest of its rows when they were written, and its files."""

    table: str
    day: date
    rows: int
    digest: str
    files: tuple[str, ...]


class Manifest(Frozen):
    """Everything that a snapshot holds. Its digest identifies the snapshot."""

    label: str = Field(description="the period's last day, and a number if it was frozen again")
    first: date = Field(description="first day of the period")
    last: date = Field(description="last day of the period; the review's clock stands at its end")
    usage_through: tuple[date, ...] = Field(
        description="days after `last` whose arrived usage counts for bills of the period"
    )
    versions: dict[str, int] = Field(description="Delta version of each table")
    partitions: tuple[PinnedPartition, ...]
    files: tuple[PinnedFile, ...] = Field(description="data and configuration")
    policy_number: int
    verdicts: dict[str, str] = Field(description="the gate's verdict per day")
    closed: bool = Field(description="whether every month that the period touches was closed")

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest as canonical JSON."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The manifest as canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def days(self) -> list[date]:
        return days_between(self.first, self.last)


def period_days(text: str, first_day: date | None, last_day: date | None) -> Sequence[date]:
    """The days of `2026-02` or `2026-02-01..2026-02-14` that the company has, in order.

    >>> [str(day) for day in period_days("2026-02", date(2026, 2, 27), None)]
    ['2026-02-27', '2026-02-28']
    """
    begin, dots, end = text.partition("..")
    try:
        if dots:
            first, last = parse_day(begin), parse_day(end)
        else:
            first = date.fromisoformat(f"{text}-01")
            last = date.fromordinal(add_months(first, 1).toordinal() - 1)
    except (ValueError, ConfigurationError):
        raise ConfigurationError(
            f"'{text}' is not a period; write a month as 2026-02, or days as 2026-02-01..2026-02-14"
        ) from None
    days = days_between(first, last)
    return [d for d in days if (first_day is None or d >= first_day) and (last_day is None or d <= last_day)]
