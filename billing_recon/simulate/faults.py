"""Billing bugs on purpose: which are known, where each can strike, and what a perfect reconciliation says of it.

A fault is first proposed for one invoice (nothing changes) and then applied, so that counting what a population can
hold and injecting are the same code. The engine's bugs are in engine_faults, later layers' in downstream_faults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Generic, TypeVar

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice

Where = TypeVar("Where")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of truth.csv. The invoice's number and the line's id are looked up when all invoices are numbered."""

    code: Code
    pair: Pair
    subscription_id: str
    day: date
    delta: Decimal
    invoice: Invoice | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A fault that fits a place: what would be found, and how to make it so."""

    findings: tuple[Finding, ...]
    apply: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault(Generic[Where]):
    """One kind of bug. `propose` answers None where it cannot strike, or where it would change nothing.

    `spares_one_a_day`: it takes invoices or documents away, and must leave every day one.
    """

    code: Code
    propose: Callable[[Where, Random], Proposal | None]
    doc: str
    spares_one_a_day: bool = False


class TooFew(Exception):
    """A fault found fewer places than asked; the caller says what the whole population can hold."""

    def __init__(self, code: Code, placed: int) -> None:
        super().__init__(code)
        self.code, self.placed = code, placed


def inject(
    seed: int,
    faults: Iterable[Fault[Where]],
    counts: Mapping[Code, int],
    places: list[Where],
    used: set[int],
    invoice_of: Callable[[Where], Invoice],
) -> list[Finding]:
    """Strike each fault as often as asked, every time a different invoice, the pickiest faults first.

    `used` are the ids of invoices already struck; it grows. ConfigurationError when a fault finds too few places.
    """
    found: list[Finding] = []
    for fault in faults:
        left = counts.get(fault.code, 0)
        if not left:
            continue
        rng = Random(f"{seed}/fault/{fault.code}")
        order = list(range(len(places)))
        rng.shuffle(order)
        for index in order:
            if not left:
                break
            place = places[index]
            if id(invoice_of(place)) in used:
                continue
            proposal = fault.propose(place, rng)
            if proposal is not None:
                proposal.apply()
                used.add(id(invoice_of(place)))
                used.update(id(finding.invoice) for finding in proposal.findings if finding.invoice)
                found.extend(proposal.findings)
                left -= 1
        if left:
            raise TooFew(fault.code, counts[fault.code] - left)
    return found


def capacity(
    faults: Iterable[Fault[Where]], places: list[Where], invoice_of: Callable[[Where], Invoice]
) -> dict[Code, int]:
    """How many invoices each fault could strike, were it alone."""
    on_day = Counter(invoice_of(place).issued_on for place in places)
    room = {}
    for fault in faults:
        fits = [place for place in places if fault.propose(place, Random(0)) is not None]
        struck = Counter(invoice_of(place).issued_on for place in fits)
        spared = 1 if fault.spares_one_a_day else 0
        room[fault.code] = sum(min(count, on_day[day] - spared) for day, count in struck.items())
    return room


def refuse_unknown(counts: Mapping[Code, int], supported: tuple[Code, ...]) -> None:
    """ConfigurationError for codes that cannot be simulated and for counts below zero."""
    known = ", ".join(supported)
    problems = [
        f"{code}: this fault cannot be simulated; possible are {known}" for code in counts if code not in supported
    ]
    problems += [
        f"{code}: a count of {count} makes no sense; give 0 or more" for code, count in counts.items() if count < 0
    ]
    if problems:
        raise ConfigurationError(problems)
