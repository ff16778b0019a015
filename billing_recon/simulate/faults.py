"""Billing bugs on purpose: what a bug is, where and how often it is injected, and what a perfect reconciliation reports.

A fault is first proposed for one invoice, without changing it, and then applied, so that the same code counts possible
places and injects. A code has one or more forms, as the same difference has several causes. The engine's forms are
assembled in engine_faults, those of later layers in downstream_faults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Generic, TypeVar

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice

Where = TypeVar("Where")
Here = TypeVar("Here")
There = TypeVar("There")


class Reach(StrEnum):
    """What one injection of a fault affects."""

    LINE = "line"
    INVOICE = "invoice"
    ACCOUNT = "account"
    """Several invoices of one customer."""
    BATCH = "batch"
    """Several invoices of one day, of one meter or of one tax region."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of truth.csv. The invoice's number and the line's id are looked up when all invoices are numbered.

    `named`: an invoice id that no invoice has. `fault`: the form that caused it, filled in by `inject`.
    """

    code: Code
    pair: Pair
    subscription_id: str
    day: date
    delta: Decimal
    invoice: Invoice | None = None
    line: int | None = None
    named: str = ""
    form: str = ""
    reach: Reach = Reach.INVOICE


@dataclass(frozen=True, slots=True)
class Proposal:
    """A fault that fits a place: the findings it causes, and how to apply it. `affected`: changed invoices without a finding."""

    findings: tuple[Finding, ...]
    apply: Callable[[], None]
    affected: tuple[Invoice, ...] = ()

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        return (*self.affected, *(finding.invoice for finding in self.findings if finding.invoice is not None))


@dataclass(frozen=True, slots=True)
class Fault(Generic[Where]):
    """One form of one kind of bug. `propose` returns None where it does not fit or would change nothing.

    `several`: one injection makes several findings per pair, so the form must be asked for by name. `spares_one_a_day`: it
    removes invoices or documents, and must leave one on every day.
    """

    code: Code
    form: str
    propose: Callable[[Where, Random], Proposal | None]
    doc: str
    reach: Reach = Reach.INVOICE
    several: bool = False
    spares_one_a_day: bool = False

    @property
    def name(self) -> str:
        """CODE:FORM, as used in `--fault`."""
        return f"{self.code}:{self.form}"


class TooFew(Exception):
    """A fault has fewer places than asked for; the caller reports what the population can hold."""

    def __init__(self, name: str, placed: int) -> None:
        super().__init__(name)
        self.name, self.placed = name, placed


def together(proposals: Iterable[Proposal | None], fewest: int = 2) -> Proposal | None:
    """Several proposals as one; None if fewer than `fewest` fit."""
    fitting = [proposal for proposal in proposals if proposal is not None]
    if len(fitting) < fewest:
        return None

    def apply() -> None:
        for proposal in fitting:
            proposal.apply()

    findings = tuple(finding for proposal in fitting for finding in proposal.findings)
    return Proposal(findings, apply, tuple(invoice for proposal in fitting for invoice in proposal.affected))


def inject(
    seed: int,
    faults: Iterable[Fault[Where]],
    counts: Mapping[str, int],
    places: list[Where],
    used: set[int],
    invoice_of: Callable[[Where], Invoice],
) -> list[Finding]:
    """Inject each fault as often as asked, each time into another invoice: first those that affect many, then the rarest.

    `counts` are by CODE:FORM, or by CODE: then the code's forms take turns, and a form that fits nowhere is skipped. `used`:
    ids of invoices that have a fault already; it grows. TooFew if a fault has too few places.
    """
    known = tuple(faults)
    asked: list[tuple[str, tuple[Fault[Where], ...]]] = [(fault.name, (fault,)) for fault in known if fault.several]
    for code in dict.fromkeys(fault.code for fault in known):
        forms = tuple(fault for fault in known if fault.code == code and not fault.several)
        asked += [*((form.name, (form,)) for form in forms), (code, forms)]
    found: list[Finding] = []
    for name, forms in asked:
        if counts.get(name):
            found += _inject(name, forms, counts[name], Random(f"{seed}/fault/{name}"), places, used, invoice_of)
    return found


def _inject(
    name: str,
    forms: Sequence[Fault[Where]],
    count: int,
    rng: Random,
    places: list[Where],
    used: set[int],
    invoice_of: Callable[[Where], Invoice],
) -> list[Finding]:
    order = list(range(len(places)))
    rng.shuffle(order)
    turns = [(form, iter(order)) for form in forms]
    turn = rng.randrange(len(forms)) if forms else 0
    found: list[Finding] = []
    for number in range(count):
        for form, left in (turns[(turn + number + n) % len(turns)] for n in range(len(turns))):
            proposal = _fitting(form, left, rng, places, used, invoice_of)
            if proposal is not None:
                found += [replace(one, form=form.form, reach=form.reach) for one in proposal.findings]
                break
        else:
            raise TooFew(name, number)
    return found


def _fitting(
    form: Fault[Where],
    left: Iterator[int],
    rng: Random,
    places: list[Where],
    used: set[int],
    invoice_of: Callable[[Where], Invoice],
) -> Proposal | None:
    """Apply the form to the first remaining place that it fits and that has no fault yet."""
    for index in left:
        if id(invoice_of(places[index])) in used:
            continue
        proposal = form.propose(places[index], rng)
        if proposal is None or any(id(invoice) in used for invoice in proposal.invoices):
            continue
        proposal.apply()
        used.add(id(invoice_of(places[index])))
        used.update(id(invoice) for invoice in proposal.invoices)
        return proposal
    return None


def divided(
    seed: int, counts: Mapping[str, int], earlier: Iterable[Fault[Here]], later: Iterable[Fault[There]]
) -> dict[str, int]:
    """`counts` with codes split by form if they have forms on both sides, which are injected separately; forms in turn."""
    forms: dict[Code, list[str]] = {}
    sides: dict[Code, set[bool]] = {}
    for side, faults in ((False, tuple(earlier)), (True, tuple(later))):
        for fault in faults:
            sides.setdefault(fault.code, set()).add(side)
            if not fault.several:
                forms.setdefault(fault.code, []).append(fault.name)
    found: Counter[str] = Counter()
    for name, count in counts.items():
        code = Code(name) if name in Code.__members__ else None
        if code is None or len(sides.get(code, ())) < 2:
            found[name] += count
            continue
        turn = Random(f"{seed}/sides/{code}").randrange(len(forms[code]))
        for number in range(count):
            found[forms[code][(turn + number) % len(forms[code])]] += 1
    return dict(found)


def capacity(
    faults: Iterable[Fault[Where]],
    asked: Mapping[str, int],
    places: list[Where],
    invoice_of: Callable[[Where], Invoice],
) -> dict[str, int]:
    """How often each code (its forms in turn) and each form asked for could be injected, if it were the only one."""
    on_day = Counter(invoice_of(place).issued_on for place in places)
    room: dict[str, int] = {}
    fits: dict[Code, set[int]] = {}
    spared: dict[Code, int] = {}

    def most(indexes: Iterable[int], spare: int) -> int:
        on_days = Counter(invoice_of(places[index]).issued_on for index in indexes)
        return sum(min(count, on_day[day] - spare) for day, count in on_days.items())

    for fault in faults:
        if fault.several and not asked.get(fault.name):
            continue
        taken: set[int] = set()
        room[fault.name] = 0
        fitting: set[int] = set()
        for index, place in enumerate(places):
            proposal = fault.propose(place, Random(0))
            if proposal is None:
                continue
            fitting.add(index)
            if not any(id(invoice) in taken for invoice in proposal.invoices):
                taken.update(id(invoice) for invoice in proposal.invoices)
                room[fault.name] += 1
        if not fault.several:
            fits.setdefault(fault.code, set()).update(fitting)
            spared[fault.code] = spared.get(fault.code, 0) or int(fault.spares_one_a_day)
            room[fault.name] = most(fitting, int(fault.spares_one_a_day))
    return room | {code: most(indexes, spared[code]) for code, indexes in fits.items()}


def refuse_unknown(counts: Mapping[str, int], forms: Mapping[Code, Sequence[str]]) -> None:
    """ConfigurationError for codes and forms that cannot be simulated and for counts below zero."""
    problems = []
    for name, count in counts.items():
        code, _, form = name.partition(":")
        if code not in forms:
            problems.append(f"{name}: this fault cannot be simulated; possible are {', '.join(forms)}")
        elif form and form not in forms[Code(code)]:
            problems.append(f"{name}: {code} has no such form; it has {', '.join(forms[Code(code)])}")
        if count < 0:
            problems.append(f"{name}: a count of {count} is not possible; give 0 or more")
    if problems:
        raise ConfigurationError(problems)
