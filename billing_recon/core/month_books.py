"""The books of a month added up: roll-forwards per measure and currency, and whether they tie with the ledger. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
MEASURES = ("ar", "revenue", "tax")
LINES = (
    *("invoiced", "credited", "received", "refunded", "written_off"),
    *("credit_applied", "kept_as_credit", "against_sales"),
)
"""The lines between opening and closing, in the order in which they are shown. The last four only the ledger knows."""
REASONS = ("timing", "fees", "carried", "accepted")
"""Differences that are explained: booked within the lag, the fee that a payment states, from before the first day, accepted."""


@dataclass(frozen=True, slots=True)
class BookSum:
    """One line of compute.close.close_sums."""

    measure: str
    currency: str
    side: str
    line: str
    span: str
    figure: Decimal
    items: int


@dataclass(frozen=True, slots=True)
class BookDifference:
    """One item whose figure at the month's end is not the ledger's (compute.close.close_differences)."""

    measure: str
    kind: str
    item: str
    currency: str
    ours: Decimal
    booked: Decimal
    delta: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class DifferenceSum:
    """All differences of one reason added up."""

    measure: str
    currency: str
    why: str
    delta: Decimal
    items: int


@dataclass(frozen=True, slots=True)
class RollForward:
    """One measure and currency over the month: opening + lines = closing by our layers, against the ledger's closing.

    `opening` is zero for revenue and tax, which are of the month alone. `explained` is by reason what the ledger has more
    than our layers; `unexplained` is the rest. `unexplained_items` counts items that nobody has explained, which may cancel
    each other out to `unexplained_net`; `shown` are the largest of them.
    """

    measure: str
    currency: str
    opening: Decimal
    lines: tuple[tuple[str, Decimal, int], ...]
    booked: Decimal
    explained: tuple[tuple[str, Decimal], ...] = ()
    unexplained_items: int = 0
    unexplained_net: Decimal = ZERO
    shown: tuple[BookDifference, ...] = ()

    @property
    def closing(self) -> Decimal:
        """The closing figure by our layers."""
        return self.opening + sum((figure for _, figure, _ in self.lines), ZERO)

    @property
    def unexplained(self) -> Decimal:
        """What the ledger has more than our layers and the explained differences."""
        return self.booked - self.closing - sum((figure for _, figure in self.explained), ZERO)

    @property
    def ties(self) -> bool:
        """Whether nothing is unexplained, in sum and for each item."""
        return self.unexplained == 0 and not self.unexplained_items


def roll_forwards(
    sums: Iterable[BookSum], differences: Iterable[DifferenceSum], shown: Iterable[BookDifference]
) -> tuple[RollForward, ...]:
    """A roll-forward for each measure and currency that has any figure.

    Receivables are opened with what the ledger had on the company's first day, since our layers begin there, and with
    every line from then to the month's start. So a difference of an earlier month is carried on and is not lost.
    """
    known, found, listed = list(sums), list(differences), list(shown)
    keys = sorted(
        {(s.measure, s.currency) for s in known} | {(d.measure, d.currency) for d in found},
        key=lambda key: (key[1], MEASURES.index(key[0])),
    )
    return tuple(
        _roll_forward(
            key,
            [s for s in known if (s.measure, s.currency) == key],
            {d.why: d for d in found if (d.measure, d.currency) == key},
            tuple(d for d in listed if (d.measure, d.currency) == key and d.why not in REASONS),
        )
        for key in keys
    )


def _roll_forward(
    key: tuple[str, str],
    sums: Sequence[BookSum],
    differences: Mapping[str, DifferenceSum],
    shown: tuple[BookDifference, ...],
) -> RollForward:
    measure, currency = key
    since = measure == "ar"
    ledger = {s.span: s.figure for s in sums if s.line == "booked"}
    opening = ZERO
    if since:
        opening = ledger.get("opening", ZERO)
        opening += sum((s.figure for s in sums if s.line != "booked" and s.span == "before"), ZERO)
    lines = [
        (line, sum((s.figure for s in here), ZERO), sum(s.items for s in here))
        for line in LINES
        if (here := [s for s in sums if s.line == line and s.span == "in"])
    ]
    spans = ("opening", "before", "in") if since else ("in",)
    rest = [one for why, one in differences.items() if why not in REASONS]
    return RollForward(
        measure,
        currency,
        opening,
        tuple(lines),
        sum((ledger.get(span, ZERO) for span in spans), ZERO),
        tuple((why, differences[why].delta) for why in REASONS if why in differences),
        sum(one.items for one in rest),
        sum((one.delta for one in rest), ZERO),
        shown,
    )


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the trial balance; debit balances are positive."""

    account: str
    role: str
    currency: str
    opening: Decimal
    debit: Decimal
    credit: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """A journal of the month whose debits and credits differ in a currency."""

    journal_id: str
    currency: str
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class MonthBooks:
    """Everything that the close says about the ledger. `books_cash`: it books money too, so that receivables can be tied.

    `unbalanced` are the first of the `unbalanced_journals`.
    """

    accounts: tuple[Account, ...] = ()
    unbalanced: tuple[Unbalanced, ...] = ()
    unbalanced_journals: int = 0
    roll_forwards: tuple[RollForward, ...] = ()
    books_cash: bool = True

    def of(self, measure: str) -> tuple[RollForward, ...]:
        """The roll-forwards of one measure, by currency."""
        return tuple(one for one in self.roll_forwards if one.measure == measure)
