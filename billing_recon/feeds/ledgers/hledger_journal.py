"""A text journal as written: transactions, postings and settings of directives. Nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from billing_recon.core.journal import Account, Finding
from billing_recon.feeds.ledgers.hledger_amounts import Marks, PostingAmount


@dataclass(slots=True)
class Posting:
    """One posting as written. `kind`: "" real, "()" outside the balance, "[]" balanced among its like."""

    line: int
    account: str
    kind: str
    text: PostingAmount
    day: date | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Transaction:
    """One transaction as written, its aliases and parents applied."""

    line: int
    day: date
    code: str
    description: str
    postings: list[Posting] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    file: str = ""


@dataclass(slots=True)
class Scope:
    """Settings of directives, up to the end of their file."""

    year: int | None
    parents: list[str] = field(default_factory=list)
    aliases: list[tuple[str, str, bool]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def copy(self) -> Scope:
        return Scope(self.year, list(self.parents), list(self.aliases), list(self.tags))


@dataclass(slots=True)
class JournalText:
    """The whole content of a file. `default` is the commodity of amounts without one (D)."""

    marks: Marks
    transactions: list[Transaction] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    default: str = ""
    bucket: str = ""
