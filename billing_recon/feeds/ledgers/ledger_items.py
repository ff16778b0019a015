"""The items that a reader of a ledger format yields, in file order, so that large files are never in memory as a whole."""

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
    """The file's header. Comes first."""

    version: str | None = None
    company: str | None = None
    currency: str | None = None
    period: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class Stated:
    """Control totals that a file states for a section. `name` is the file's name for them."""

    section: Section
    name: str
    count: int | None = None
    debit: Decimal | None = None
    credit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """An explanation of how to read the file's figures."""

    sentence: str


Item = Header | Account | Journal | SalesInvoice | Receipt | Stated | Note | Finding


class Reader(Protocol):
    """A module that reads one format and is named after it."""

    def recognise(self, head: bytes, name: str) -> bool:
        """Whether the head of a file (some kilobytes) has this format. Never raises."""

    def stream(self, path: Path, options: LedgerOptions) -> Iterator[Item]:
        """Yield the file's items. Raise LedgerUnreadable."""


def skipped(where: str, what: str, sentence: str) -> Finding:
    """Report a part of the file that is not among its entries."""
    return Finding(FindingCode.SKIPPED, where, what, "", sentence)
