"""What a step of the day returns to whoever started it."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing_recon.warehouse import Written


@dataclass(frozen=True, slots=True)
class StepResult:
    """Partitions written by a step, and small tables for a reader (amounts as strings)."""

    written: tuple[Written, ...]
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, *written: Written | None) -> StepResult:
        """The result of a step's writes; None is a table that had nothing to write."""
        return cls(tuple(part for part in written if part is not None))

    @property
    def rows(self) -> dict[str, int]:
        return {w.table: w.rows for w in self.written}

    @property
    def digests(self) -> dict[str, str]:
        return {w.table: w.digest for w in self.written}
