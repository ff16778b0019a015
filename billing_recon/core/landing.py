"""The report of one landing. Its row equation proves that no row is lost or counted twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class LandingStatus(StrEnum):
    """The state of a table's delivery for one day."""

    PRESENT = "present"
    EMPTY = "empty"
    """A file was delivered and has no data rows."""
    MISSING = "missing"
    """No file was delivered."""
    REFUSED = "refused"
    """A file was delivered that cannot be read in its declared format; nothing of it was landed."""


@dataclass(frozen=True, slots=True)
class LandingReport:
    """Counts of one landing. `files` are (path relative to the home, SHA-256 of its bytes).

    `accepted` includes released rows and `quarantined` includes discarded ones; `released` and `discarded` count those.
    `skipped` counts lines before the header and after the last row, `left_out` rows that the feed's `where` leaves out, and
    `of_other_days` those of other partitions; `in_files` counts all rows of the files, if that is more than `rows_in`.
    """

    table: str
    day: date
    status: LandingStatus
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    files: tuple[tuple[str, str], ...] = ()
    message: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
    released: int = 0
    discarded: int = 0
    skipped: int = 0
    left_out: int = 0
    of_other_days: int = 0
    in_files: int | None = None

    @property
    def open_rows(self) -> int:
        """Rows in quarantine that nobody has discarded; the gate counts them."""
        return self.quarantined - self.discarded

    @property
    def equation_holds(self) -> bool:
        """rows in = accepted (released ones among them) + quarantined (open or discarded) + duplicates collapsed, and rows in
        the files = left out + of other days + rows in."""
        return (
            self.in_files in (None, self.left_out + self.of_other_days + self.rows_in)
            and self.rows_in == self.accepted + self.quarantined + self.duplicates
            and 0 <= self.released <= self.accepted
            and 0 <= self.discarded <= self.quarantined
        )

    def __str__(self) -> str:
        released = f" ({self.released} of them released)" if self.released else ""
        discarded = f" ({self.discarded} of them discarded)" if self.discarded else ""
        apart = [
            f"{count} {what}"
            for count, what in ((self.left_out, "left out by where"), (self.of_other_days, "of other days"))
            if count
        ]
        before = f"{self.in_files} rows in the files = {' + '.join(apart)} + {self.rows_in}; " if apart else ""
        lines = f"; {self.skipped} line{'' if self.skipped == 1 else 's'} skipped" if self.skipped else ""
        return (
            f"{self.table} {self.day}: {before}{self.rows_in} rows in = {self.accepted} accepted{released} + "
            f"{self.quarantined} quarantined{discarded} + {self.duplicates} duplicates collapsed{lines}"
        )
