"""The launch rule applied to what a review found: a verdict per clause with its figures. The rule is in core.candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from billing_recon.core import figures
from billing_recon.core.candidate import LaunchRule
from billing_recon.core.figures import count, listed, with_currency
from billing_recon.core.verdict import Verdict, combine

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Extreme:
    """The account that goes furthest: its share, and who it is. `share` is empty where there is nothing to be a share of."""

    share: Decimal | None
    customer_id: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Constructed:
    """What was found of constructed accounts, which count for coverage and for nothing else."""

    invoices: int
    unmeant: int
    scenarios: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[str, int] = field(default_factory=dict)
    """By `one with two`."""
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a review found, counted and summed. Amounts are by currency; currencies are never added."""

    rows: int
    invoices: int
    unmeant_invoices: int = 0
    unmeant: Mapping[str, Decimal] = field(default_factory=dict)
    misstated: Sequence[str] = ()
    """Invoices with right amounts that state another unit price than the terms give; the old engine states what its terms give."""
    accepted: Mapping[str, Decimal] = field(default_factory=dict)
    unexplained: Mapping[str, Decimal] = field(default_factory=dict)
    """The largest unexplained difference of a line."""
    drift: Extreme | None = None
    rise: Extreme | None = None
    scenarios: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    constructed: Constructed | None = None
    """Accounts made up for scenarios without real examples; empty: there are none."""
    sampled: Sequence[str] = ()
    signed: Mapping[str, bool] = field(default_factory=dict)
    """Rows of the sample that were checked by hand, and whether each is right."""
    to_fix: Sequence[str] = ()
    """Causes that somebody marked to be fixed and that are still there."""
    closed: bool = False
    noise: int | None = None
    """Rows in which old against old differs; empty: the noise run was not made."""
    background: int | None = None
    """Rated lines of today's terms that are not what the period's own runs had; empty: not compared."""
    sums_off: int = 0
    """Lines whose parts do not sum to their difference, and causes that are not the sum of their lines."""
    unknown: Sequence[str] = ()
    """What is not known: everything for which nobody can say that it is right."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of the rule, judged."""

    name: str
    verdict: Verdict
    says: str


def judge(rule: LaunchRule, found: Found) -> list[Clause]:
    """Every clause in order. The whole is PASS only if each is."""
    return [*_proved(found), *_differences(rule, found), *_customers(rule, found), *_examples(rule, found)]


def verdict_of(clauses: Sequence[Clause]) -> Verdict:
    """The verdict over all clauses."""
    return combine(clause.verdict for clause in clauses)


def _clause(name: str, holds: bool, says: str, otherwise: Verdict = Verdict.FAIL) -> Clause:
    return Clause(name, Verdict.PASS if holds else otherwise, says)


def _proved(found: Found) -> Iterator[Clause]:
    """Whether the review can say anything at all."""
    open_ = Verdict.INCONCLUSIVE
    yield _clause(
        "population",
        bool(found.rows and found.invoices),
        f"{count(found.rows, 'line')} on {count(found.invoices, 'invoice')} compared",
        open_,
    )
    if found.noise is None:
        yield Clause("noise", open_, "old against old was not compared; run the review again")
    else:
        yield _clause("noise", not found.noise, f"old against old differs in {count(found.noise, 'row')}", open_)
    if found.background is None:
        yield Clause("background", open_, "today's terms were not rated again; run the review again")
    else:
        yield _clause(
            "background",
            not found.background,
            "our rating of today's terms gives what the period's own runs had"
            if not found.background
            else f"our rating of today's terms differs from what the period's own runs had in {count(found.background, 'line')}: "
            "run the days again, freeze the period and run the review again",
            open_,
        )
    if found.sums_off:
        says = f"{count(found.sums_off, 'row')} of lines and causes do not sum; this is a bug in billing-recon, please report it"
        yield Clause("sums", open_, says)
    for problem in found.unknown:
        yield Clause("known", open_, problem)


def _differences(rule: LaunchRule, found: Found) -> Iterator[Clause]:
    if not found.invoices:
        return
    share = Decimal(found.unmeant_invoices) / Decimal(found.invoices)
    yield _clause(
        "max_unmeant_share",
        share <= rule.max_unmeant_share,
        f"{found.unmeant_invoices:,} of {count(found.invoices, 'invoice')} differ in a way nobody meant, {_percent(share)}; "
        f"at most {_percent(rule.max_unmeant_share)}",
    )
    over = {c: v for c, v in found.unmeant.items() if v > rule.max_unmeant_money.get(c, ZERO)}
    yield _clause(
        "max_unmeant_money",
        not over,
        f"unmeant money is {_money(found.unmeant)} gross; at most {_money(rule.max_unmeant_money)}",
    )
    if found.misstated:
        share = Decimal(len(found.misstated)) / Decimal(found.invoices)
        yield _clause(
            "max_misstated_share",
            share <= rule.max_misstated_share,
            f"{len(found.misstated):,} of {count(found.invoices, 'invoice')} with right amounts state a unit price that the terms do not give, "
            f"{_percent(share)}: {listed(found.misstated)}; at most {_percent(rule.max_misstated_share)}",
        )
    large = {c: v for c, v in found.unexplained.items() if v > rule.max_unexplained}
    yield _clause(
        "max_unexplained",
        not large,
        f"the largest unexplained difference of a line is {_money(found.unexplained)}; at most {rule.max_unexplained:f}",
    )
    if rule.max_accepted_money is not None:
        bounds = rule.max_accepted_money
        beyond = {c: v for c, v in found.accepted.items() if v > bounds.get(c, ZERO)}
        yield _clause(
            "max_accepted_money",
            not beyond,
            f"accepted differences are {_money(found.accepted)} gross; at most {_money(bounds)}",
        )
    elif found.accepted:
        says = f"accepted differences are {_money(found.accepted)} gross; the rule has no bound for them"
        yield Clause("max_accepted_money", Verdict.PASS, says)
    if found.to_fix:
        says = f"{count(len(found.to_fix), 'cause')} marked to be fixed and still there: {listed(list(found.to_fix))}"
        yield Clause("to_fix", Verdict.FAIL, says)


def _customers(rule: LaunchRule, found: Found) -> Iterator[Clause]:
    for name, bound, extreme, what in (
        ("max_account_drift", rule.max_account_drift, found.drift, "unmeant difference"),
        ("max_rise", rule.max_rise, found.rise, "rise"),
    ):
        if bound is None:
            continue
        if extreme is None:
            yield Clause(name, Verdict.PASS, f"no account has a {what}; at most {_percent(bound)}")
            continue
        share = "from nothing" if extreme.share is None else _percent(extreme.share)
        yield _clause(
            name,
            extreme.share is not None and extreme.share <= bound,
            f"the largest {what} is {extreme.customer_id}'s: {with_currency(extreme.amount, extreme.currency, signed=True)}, "
            f"{share}; at most {_percent(bound)}",
        )


def _examples(rule: LaunchRule, found: Found) -> Iterator[Clause]:
    made_up = found.constructed or Constructed(0, 0)
    needed = [(n, found.scenarios.get(n, 0), made_up.scenarios.get(n, 0)) for n in rule.coverage]
    for one, two in rule.coverage_pairs:
        name = f"{one} with {two}"
        needed.append((name, found.pairs.get((one, two), 0), made_up.pairs.get(name, 0)))
    if needed:
        without = [name for name, real, constructed in needed if not real and not constructed]
        shown = [
            f"{real} {name}" if real else f"{constructed} constructed {name}" for name, real, constructed in needed
        ]
        yield _clause(
            "coverage",
            not without,
            f"without an example: {', '.join(without)}" if without else f"examples: {', '.join(shown)}",
            Verdict.INCONCLUSIVE,
        )
    if found.constructed:
        for problem in made_up.problems:
            yield Clause("constructed", Verdict.INCONCLUSIVE, problem)
        if made_up.unmeant or not made_up.problems:
            says = f"{made_up.unmeant} of {count(made_up.invoices, 'invoice')} of constructed accounts differ in a way nobody meant; none may"
            yield _clause("constructed", not made_up.unmeant, says)
    if rule.sample or found.sampled:
        wrong = [row for row in found.sampled if found.signed.get(row) is False]
        open_ = [row for row in found.sampled if row not in found.signed]
        if wrong:
            yield Clause("sample", Verdict.FAIL, f"checked by hand and wrong: {listed(wrong)}")
        else:
            yield _clause(
                "sample",
                not open_ and bool(found.sampled),
                f"{len(found.sampled) - len(open_)} of {count(len(found.sampled), 'invoice')} checked by hand"
                + (f"; open: {listed(open_)}" if open_ else ""),
                Verdict.INCONCLUSIVE,
            )
    if rule.require_closed:
        yield _clause(
            "require_closed",
            found.closed,
            "the period was closed when it was frozen"
            if found.closed
            else "the period was not closed when it was frozen",
            Verdict.INCONCLUSIVE,
        )


def _percent(share: Decimal) -> str:
    """A share as a percentage of at most four decimals.

    >>> _percent(Decimal("0.0125")), _percent(Decimal(1) / Decimal(3))
    ('1.25%', '33.3333%')
    """
    text = f"{share * 100:.4f}".rstrip("0").rstrip(".")
    return f"{text}%"


def _money(amounts: Mapping[str, Decimal]) -> str:
    """Amounts by currency; without any, 0."""
    known: dict[str | None, Decimal] = {}
    known.update(amounts)
    return figures.per_currency(known) if known else "0"
