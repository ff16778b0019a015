"""What a mutation is and what it foretells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from quality.mutations.books import Bill, Books


@dataclass(frozen=True, slots=True)
class Finding:
    """One break that must be there. `codes`: the first is ours, the others are as honest; `day` empty: any; `line` empty:
    the break is of the whole invoice; `subscription` *: any. `required` is False for an optional finding."""

    codes: tuple[str, ...]
    pair: str
    invoice: str
    line: str
    subscription: str
    delta: Decimal
    day: date | None = None
    required: bool = True


Findings = list[Finding] | None
"""None where the mutation does not fit the bill. An empty list: it fits, and nothing may be found."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """An edit of one bill (and of those that it takes for itself). Its first line of documentation is its story."""

    name: str
    strike: Callable[[Books, Bill], Findings]

    @property
    def story(self) -> str:
        return (self.strike.__doc__ or "").strip().split("\n")[0]


def on_line(
    codes: str, bill: Bill, line: str, delta: Decimal, *, day: date | None = None, required: bool = True
) -> Finding:
    """The engine's line is wrong. `codes` are separated by bars, the first is ours."""
    return Finding(tuple(codes.split("|")), "expected_billed", bill.name, line, bill.sub, delta, day, required)


def on_invoice(
    codes: str,
    bill: Bill,
    delta: Decimal,
    *,
    pair: str = "expected_billed",
    name: str | None = None,
    day: date | None = None,
    required: bool = True,
) -> Finding:
    """The whole invoice, document, journal or payment is wrong."""
    named = bill.name if name is None else name
    return Finding(tuple(codes.split("|")), pair, named, "", bill.sub, delta, day, required)


def anywhere(codes: str, bill: Bill, delta: Decimal, pair: str, *, required: bool = True) -> Finding:
    """A row of another layer that names the invoice, and leads to no subscription."""
    return Finding(tuple(codes.split("|")), pair, bill.name, "", "*", delta, None, required)
