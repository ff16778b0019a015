"""The stage gate: what a rollout's stage is held to, judged. Facts come from day.rollout.gate, bounds from the plan (core.rollout).

Counts and money are exact, ratios are fractions and never rounded. Nothing is a pass without a population.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from billing_recon.core.currency import exponent
from billing_recon.core.figures import count, listed
from billing_recon.core.money import plain
from billing_recon.core.rollout import FINANCIAL, METRICS, Bound, Boundary, Stage, Threshold, Trigger
from billing_recon.core.verdict import Verdict

MONEY_METRICS = frozenset({"break_money", "tolerated_money", "money_left", "ar_drift", "unbilled_usage"})
"""Metrics in money, of each currency by itself."""
RATES = frozenset(
    {
        *("mismatch_rate", "refunds", "capture_rate", "invoice_creation", "payment_failures", "payment_retries"),
        "recovery_rate",
    }
)
"""Metrics that are a part of something."""
STOCKS = frozenset({"unbilled_usage"})
"""Metrics of a day's end: those of several days are not added."""


class Arm(StrEnum):
    """Whose bills a figure is about."""

    COHORT = "cohort"
    """Billed by the new engine."""
    CONTROL = "control"
    """Customers of no rollout at the same time."""


class Phase(StrEnum):
    """When."""

    STAGE = "stage"
    BEFORE = "before"
    """Before the launch."""


class State(StrEnum):
    """A stage's answer as people read it; stored as one of the three verdicts."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    WAITING = "WAITING"
    """All that could be judged holds, and what has to happen first has not."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of a day in one group. `denominator`: of a rate. `population`: invoices, customers or attempts behind it."""

    metric: str
    currency: str | None
    arm: Arm
    phase: Phase
    day: date
    numerator: Decimal
    denominator: Decimal | None
    population: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """How often the new engine's bills crossed a boundary; `due_on`: when it is next due, if the contracts tell."""

    boundary: Boundary
    events: int
    first_day: date | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class StageFacts:
    """Everything that a stage is judged by on a day.

    `invoices`: of the cohort, billed by the new engine or (if only the collection of payments is switched) asked for by it. `unlabelled`:
    bills of exposed customers that name no engine. `fresh`: bills so young (`settle_days`) that a document or posting may be missing
    without being known; they fill no window. `unknown_days`: days of the stage whose own gate gives no answer to rest on, with a sentence each. `unattributed`: breaks of the
    stage that name neither an invoice nor a customer, so they may be the cohort's. `nobodys_failures`: by kind of signal, those that
    failed and name nothing that is known.
    """

    day: date
    since: date
    figures: Sequence[Figure]
    crossings: Sequence[Crossing]
    invoices: int
    unknown_days: Mapping[date, str] = field(default_factory=dict)
    unattributed: int = 0
    unlabelled: int = 0
    fresh: int = 0
    settle_days: int = 0
    nobodys_failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageClause:
    """One bound judged. `kind` is financial, technical or stage; what does not decide is shown."""

    name: str
    kind: str
    verdict: Verdict
    says: str
    decides: bool = True


@dataclass(frozen=True, slots=True)
class StageJudgement:
    """The stage's answer with everything that it rests on."""

    clauses: tuple[StageClause, ...]
    waiting_for: tuple[str, ...]
    triggered: tuple[str, ...]

    @property
    def state(self) -> State:
        """FAIL outranks INCONCLUSIVE: what is known to be wrong freezes the stage, whatever else is not known."""
        deciding = [clause.verdict for clause in self.clauses if clause.decides]
        if self.triggered or Verdict.FAIL in deciding:
            return State.FAIL
        if not deciding or Verdict.INCONCLUSIVE in deciding:
            return State.INCONCLUSIVE
        return State.WAITING if self.waiting_for else State.PASS

    @property
    def verdict(self) -> Verdict:
        return Verdict.INCONCLUSIVE if self.state is State.WAITING else Verdict(self.state.value)


def judge_stage(stage: Stage, triggers: Sequence[Trigger], facts: StageFacts) -> StageJudgement:
    """Judge a stage as of a day by its thresholds, its window and the plan's triggers."""
    tables = _Sums(facts.figures)
    clauses = [*_known(stage, facts), *_exposure(stage, tables), *_tolerated(stage, triggers, tables)]
    for threshold in stage.thresholds:
        clauses += _judge(threshold, tables, facts)
    waiting = tuple(_waiting(stage, facts))
    clauses += [StageClause("window", "stage", Verdict.PASS, says, decides=False) for says in _crossed(stage, facts)]
    return StageJudgement(tuple(clauses), waiting, tuple(_fired(triggers, tables)))


@dataclass(frozen=True, slots=True)
class _Sum:
    """Numerator, denominator and population over some days."""

    numerator: Fraction
    denominator: Fraction | None
    population: int

    def ratio(self, per_invoice: bool) -> Fraction | None:
        """The figure; `per_invoice`: counts and money as a part of the population. None: nothing to be a part of."""
        if self.denominator is not None:
            return self.numerator / self.denominator if self.denominator else None
        if per_invoice:
            return self.numerator / self.population if self.population else None
        return self.numerator


class _Sums:
    """Figures by metric and currency, summed over the days of a group and phase."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._rows: dict[tuple[str, str | None], list[Figure]] = defaultdict(list)
        for figure in figures:
            self._rows[figure.metric, figure.currency].append(figure)

    def currencies(self, bound: Bound) -> list[str | None]:
        """The currencies in which a bound is judged: those in which the cohort has figures, or the one that it names, or none."""
        known = sorted(
            {
                currency
                for (metric, currency), rows in self._rows.items()
                if metric == bound.metric
                and bound.currency in (None, currency)
                and any(row.arm is Arm.COHORT and row.phase is Phase.STAGE for row in rows)
            },
            key=str,
        )
        return known or [bound.currency]

    def days(self, metric: str, currency: str | None) -> dict[date, _Sum]:
        """The cohort's figure of each day of the stage."""
        rows = [r for r in self._rows[metric, currency] if r.arm is Arm.COHORT and r.phase is Phase.STAGE]
        return {row.day: _summed([row]) for row in rows}

    def of(self, metric: str, currency: str | None, arm: Arm, phase: Phase) -> _Sum:
        rows = [r for r in self._rows[metric, currency] if r.arm is arm and r.phase is phase]
        if metric in STOCKS and rows:
            last = max(row.day for row in rows)
            rows = [row for row in rows if row.day == last]
        return _summed(rows)


def _summed(rows: Sequence[Figure]) -> _Sum:
    parts = [Fraction(row.denominator) for row in rows if row.denominator is not None]
    return _Sum(
        sum((Fraction(row.numerator) for row in rows), Fraction(0)),
        sum(parts, Fraction(0)) if parts else None,
        sum(row.population for row in rows),
    )


def _known(stage: Stage, facts: StageFacts) -> Iterator[StageClause]:
    """Whether the stage's days are known at all."""
    allowed = min((t.max_inconclusives for t in stage.thresholds if t.critical and not t.dry_run), default=0)
    if facts.unknown_days:
        says = "; ".join(facts.unknown_days[day] for day in sorted(facts.unknown_days)[:5])
        yield StageClause(
            "days",
            "stage",
            Verdict.INCONCLUSIVE
            if len(facts.unknown_days) > allowed or facts.day in facts.unknown_days
            else Verdict.PASS,
            f"{count(len(facts.unknown_days), 'day')} of the stage not known, {allowed} allowed: {says}",
        )
    if facts.unattributed:
        yield StageClause(
            "unattributed",
            "stage",
            Verdict.INCONCLUSIVE,
            f"{count(facts.unattributed, 'open break')} of the stage name neither an invoice nor a customer, so they may be the "
            "cohort's; resolve them: billing-recon exceptions list",
        )
    if facts.unlabelled:
        yield StageClause(
            "unlabelled",
            "stage",
            Verdict.INCONCLUSIVE,
            f"{count(facts.unlabelled, 'bill')} of exposed customers name no variant, so it is not known which engine made them; have the "
            "engine fill invoice_lines.variant, and deliver them again",
        )
    deciding = {t.metric for t in stage.thresholds if t.critical and not t.dry_run}
    for kind, metric in _SIGNALS.items():
        failures = facts.nobodys_failures.get(kind, 0)
        if failures and metric in deciding:
            yield StageClause(
                "signals",
                "stage",
                Verdict.INCONCLUSIVE,
                f"{count(failures, 'signal')} of kind {kind} failed and name no invoice, subscription or customer that is known, so they "
                "may be the cohort's; have the feed fill signals.subject with one of them, and deliver them again",
            )
    yield StageClause(
        "population",
        "stage",
        Verdict.PASS if facts.invoices else Verdict.INCONCLUSIVE,
        f"{count(facts.invoices, 'invoice')} by the new path since {facts.since}"
        + ("" if facts.invoices else ": nothing was judged, so nothing is proved"),
    )


_SIGNALS = {"invoice_generation": "invoice_creation", "webhook": "failed_webhooks"}
"""Kinds of signals whose failures a stage is judged by. Tickets may be anybody's, so those of strangers count for nobody."""


def _exposure(stage: Stage, sums: _Sums) -> Iterator[StageClause]:
    """Bills by another path than the flag gives hold any stage back, whether or not the plan bounds them."""
    wrong = sums.of("exposure", None, Arm.COHORT, Phase.STAGE).numerator
    if wrong and all(threshold.metric != "exposure" for threshold in stage.thresholds):
        says = f"{count(int(wrong), 'customer')} billed by another path than the flag gives: billing-recon breaks --code EXPOSURE"
        yield StageClause("exposure", METRICS["exposure"][0], Verdict.FAIL, says)


def _tolerated(stage: Stage, triggers: Sequence[Trigger], sums: _Sums) -> Iterator[StageClause]:
    """A small fault of every bill hides in tolerances, so what is tolerated may not exceed the plan's own limit in money."""
    if any(one.metric == "tolerated_money" and one.critical and not one.dry_run for one in stage.thresholds):
        return
    deciding = [one for one in stage.thresholds if one.critical and not one.dry_run]
    for currency in sums.currencies(_TOLERATED):
        limits = [
            one.limit
            for one in (*deciding, *triggers)
            if one.metric == "break_money" and one.against == "itself" and one.direction == "at_most"
            if one.currency in (None, currency)
        ]
        found = sums.of("tolerated_money", currency, Arm.COHORT, Phase.STAGE).numerator
        if limits and currency and found > Fraction(min(limits)):
            yield StageClause(
                f"tolerated_money:{currency}",
                FINANCIAL,
                Verdict.INCONCLUSIVE,
                f"differences within tolerances come to {_shown(found, 'tolerated_money', currency)} in {currency}, more than the plan's limit "
                f"of {plain(min(limits), currency)}: the breaks with disposition ACCEPTED_TOLERANCE (billing-recon breaks); if the old path "
                "has them too, bound them by themselves in the plan: {metric: tolerated_money, against: control, limit: ...}",
            )


_TOLERATED = Bound(metric="tolerated_money", limit=Decimal(0))


def _judge(threshold: Threshold, sums: _Sums, facts: StageFacts) -> Iterator[StageClause]:
    kind = METRICS[threshold.metric][0]
    decides = threshold.critical and not threshold.dry_run
    for currency in sums.currencies(threshold):
        name = ":".join(
            filter(None, (threshold.metric, currency, threshold.against if threshold.against != "itself" else ""))
        )
        what = f"{threshold.metric}{f' in {currency}' if currency else ''}"
        allowed = _allowed(threshold, currency)
        marks = " (dry run)" if threshold.dry_run else "" if threshold.critical else " (not critical)"
        short = _too_small(threshold, sums, currency)
        if short and not _proved_wrong(threshold, sums, currency):
            yield StageClause(
                name,
                kind,
                Verdict.INCONCLUSIVE,
                f"{what}: {short}; {allowed} is allowed{marks}",
                decides and threshold.must_have_data,
            )
            continue
        figure = _measured(threshold, sums, currency)
        assert figure is not None, "populations are not empty"
        missed = _missed_days(threshold, sums, currency)
        holds = len(missed) <= threshold.max_failures
        if threshold.max_failures == 0 or threshold.against != "itself":
            holds = holds and _within(threshold, figure)
        says = f"{what}: {_shown(figure, threshold.metric, currency)}{_versus(threshold, sums, currency)}; {allowed} is allowed"
        if missed:
            says += f"; missed on {listed([str(day) for day in missed])}, {threshold.max_failures} such days allowed"
        yield StageClause(name, kind, Verdict.PASS if holds else Verdict.FAIL, says + marks, decides)


def _proved_wrong(bound: Bound, sums: _Sums, currency: str | None) -> bool:
    """Whether a count or an amount is above its limit already: that needs no population."""
    if bound.against != "itself" or bound.direction != "at_most" or bound.metric in RATES:
        return False
    figure = _measured(bound, sums, currency)
    return figure is not None and not _within(bound, figure)


def _missed_days(threshold: Threshold, sums: _Sums, currency: str | None) -> list[date]:
    """Days on which the bound is missed by the day's own figure; a rate is judged from `min_population` on."""
    if threshold.against != "itself":
        return []
    missed = []
    for day, own in sums.days(threshold.metric, currency).items():
        figure = own.ratio(per_invoice=False)
        enough = threshold.metric not in RATES or own.population >= threshold.min_population
        if figure is not None and enough and not _within(threshold, figure):
            missed.append(day)
    return sorted(missed)


def _too_small(bound: Threshold, sums: _Sums, currency: str | None) -> str:
    """Which group is too small to prove anything, named with its size; empty if none is."""
    for arm, phase in _groups(bound):
        found = sums.of(bound.metric, currency, arm, phase)
        if found.population < bound.min_population or found.ratio(per_invoice=True) is None:
            size = (
                f"NO DATA of {_GROUP[arm, phase]}"
                if not found.population
                else f"{found.population} of {_GROUP[arm, phase]}"
            )
            return f"{size}, and fewer than {bound.min_population} prove nothing"
    return ""


_GROUP = {
    (Arm.COHORT, Phase.STAGE): "the cohort",
    (Arm.COHORT, Phase.BEFORE): "the cohort before the launch",
    (Arm.CONTROL, Phase.STAGE): "the control cohort",
    (Arm.CONTROL, Phase.BEFORE): "the control cohort before the launch",
}


def _groups(bound: Bound) -> tuple[tuple[Arm, Phase], ...]:
    """The groups that a bound compares."""
    match bound.against:
        case "itself":
            return ((Arm.COHORT, Phase.STAGE),)
        case "baseline":
            return ((Arm.COHORT, Phase.STAGE), (Arm.COHORT, Phase.BEFORE))
        case "control":
            return tuple(_GROUP)


def _measured(bound: Bound, sums: _Sums, currency: str | None) -> Fraction | None:
    """The figure that is held to the limit: itself, its change, or the difference of the two groups' changes.

    Groups differ in size, so counts and money are compared per invoice, and the difference is stated for the cohort's invoices: how
    many more there are than expected of them.
    """
    size = Fraction(1)
    if bound.against != "itself" and bound.metric not in RATES:
        size = Fraction(sums.of(bound.metric, currency, Arm.COHORT, Phase.STAGE).population)
    found = [sums.of(bound.metric, currency, *group).ratio(bound.against != "itself") for group in _groups(bound)]
    known = [figure for figure in found if figure is not None]
    if len(known) < len(found):
        return None
    match known:
        case [figure]:
            return figure
        case [now, before]:
            return (now - before) * size
        case [now, before, other_now, other_before]:
            return ((now - before) - (other_now - other_before)) * size
    raise AssertionError(f"{bound.against}: {len(known)} groups")


def _within(bound: Bound, figure: Fraction) -> bool:
    limit = Fraction(bound.limit)
    return figure >= limit if bound.direction == "at_least" else figure <= limit


def _allowed(bound: Bound, currency: str | None) -> str:
    limit = plain(bound.limit, currency if bound.metric in MONEY_METRICS else None)
    return f"{'at least' if bound.direction == 'at_least' else 'at most'} {limit}"


def _versus(bound: Bound, sums: _Sums, currency: str | None) -> str:
    """The figures behind a difference, with their populations."""
    parts = []
    for group in _groups(bound):
        found = sums.of(bound.metric, currency, *group)
        ratio = found.ratio(bound.against != "itself")
        if ratio is not None and bound.against != "itself":
            parts.append(f"{_GROUP[group]} {_decimal(ratio)} of {found.population:,}")
    if parts:
        per = "" if bound.metric in RATES else "per invoice: "
        return f" more than expected ({per}{', '.join(parts)})"
    own = sums.of(bound.metric, currency, Arm.COHORT, Phase.STAGE)
    return (
        f" ({_exact(own.numerator)} of {_exact(own.denominator)})"
        if own.denominator is not None
        else f" (population {own.population:,})"
    )


def _waiting(stage: Stage, facts: StageFacts) -> Iterator[str]:
    """What the window still waits for, in words: what, how much is there, when it is next due."""
    window = stage.window
    judged = (facts.day - facts.since).days + 1 - len(facts.unknown_days)
    if judged < window.days:
        yield f"days: {judged} of {window.days} judged"
    settled = facts.invoices - facts.fresh
    if settled < window.invoices:
        young = (
            f"; {facts.fresh} more within the {count(facts.settle_days, 'day')} in which documents and postings follow"
        )
        yield f"invoices: {settled} of {window.invoices} billed by the new path" + (young if facts.fresh else "")
    crossed = {one.boundary: one for one in facts.crossings}
    for boundary in window.boundaries:
        one = crossed.get(boundary)
        if one is None or not one.events:
            due = f"next due on {one.due_on}" if one and one.due_on else "the contracts do not tell when it is next due"
            yield f"{boundary.value}: not crossed by any bill of the new path; {due}"


def _crossed(stage: Stage, facts: StageFacts) -> Iterator[str]:
    for one in facts.crossings:
        if one.events and one.boundary in stage.window.boundaries:
            yield f"{one.boundary.value}: crossed by {count(one.events, 'bill')} of the new path, first on {one.first_day}"


def _fired(triggers: Sequence[Trigger], sums: _Sums) -> Iterator[str]:
    """Triggers whose bound is missed, also by what is known of a day that is not known as a whole."""
    for trigger in triggers:
        for currency in sums.currencies(trigger):
            figure = _measured(trigger, sums, currency)
            if (
                figure is not None
                and not _within(trigger, figure)
                and sums.of(trigger.metric, currency, Arm.COHORT, Phase.STAGE).population
                + (trigger.metric not in RATES)
            ):
                yield (
                    f"{trigger.then}: {trigger.metric}{f' in {currency}' if currency else ''} is "
                    f"{_shown(figure, trigger.metric, currency)}{_versus(trigger, sums, currency)}; {_allowed(trigger, currency)} is allowed"
                )


def _shown(figure: Fraction, metric: str, currency: str | None) -> str:
    if metric in MONEY_METRICS and currency and figure.denominator != 0:
        exact = figure * 10 ** exponent(currency)
        if exact.denominator == 1:
            return plain(Decimal(exact.numerator).scaleb(-exponent(currency)), currency)
    return _decimal(figure)


def _exact(figure: Fraction | None) -> str:
    return "nothing" if figure is None else _decimal(figure)


def _decimal(figure: Fraction) -> str:
    """A fraction in at most six decimals, for reading only.

    >>> _decimal(Fraction(1, 3)), _decimal(Fraction(12)), _decimal(Fraction(-5, 2))
    ('0.333333', '12', '-2.5')
    """
    text = f"{Decimal(figure.numerator) / Decimal(figure.denominator):.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
