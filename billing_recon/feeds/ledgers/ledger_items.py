"""What a reader of a ledger format yields, in the order of its file, so that a large file is never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from billing_recon.core.journal import (
    Account,
    Finding,
    FindingCode,
    Journal,
    LedgerOptions,
    Period,
    Receipt,
    SalesInvoice,
)

Section = Literal["entries", "invoices", "payments"]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file message about itself. Comes first."""

    version: str | None = None
    company: str | None = None
    currency: str | None = None
    period: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class Stated:
    """Control totals that a file states for a section, empty where it states none. `name` is the file's own name."""

    section: Section
    name: str
    count: int | None = None
    debit: Decimal | None = None
    credit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """How the file's figures must be understood."""

    sentence: str


Item = Header | Account | Journal | SalesInvoice | Receipt | Stated | Note | Finding


class Reader(Protocol):
    """A module that reads one format and is named after it."""

    def recognise(self, head: bytes, name: str) -> bool:
        """Whether the head of a file (some kilobytes) is of this format. Never raises."""

    def stream(self, path: Path, options: LedgerOptions) -> Iterator[Item]:
        """The file's items. Raises LedgerUnreadable."""


def skipped(where: str, what: str, sentence: str) -> Finding:
    """Something of the file that is not among its entries."""
    return Finding(FindingCode.SKIPPED, where, what, "", sentence)
