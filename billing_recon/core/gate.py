"""When a day passes: facts about one partition are held against the policy, and every condition is answered in words.

Nothing is read here and nothing is stored: `judge` is a function of its two arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.money import plain
from billing_recon.core.policy import Policy, Threshold
from billing_recon.core.verdict import Verdict, combine


@dataclass(frozen=True, slots=True)
class Condition:
    """One question of a gate and its answer. `observed` and `bound` are figures as text, never floats.

    A condition that is not `blocking` is shown and does not decide.
    """

    name: str
    verdict: Verdict
    sentence: str
    observed: str = ""
    bound: str = ""
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """The breaks of one code and currency that count against the gate. No currency: amounts are units of usage."""

    code: str
    currency: str | None
    count: int
    gross: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class MetricFact:
    """A metric of the day. `value` None: no population. `drift`: relative change against the baseline, if known."""

    metric: str
    currency: str | None = None
    cohort: str = "all"
    variant: str = "control"
    value: Decimal | None = None
    drift: Decimal | None = None

    def __str__(self) -> str:
        scope = [self.currency] if self.currency else []
        scope += [self.cohort] if self.cohort != "all" else []
        scope += [self.variant] if self.variant != "control" else []
        return f"{self.metric} ({', '.join(scope)})" if scope else self.metric


@dataclass(frozen=True, slots=True)
class DayFacts:
    """Everything that a day's gate looks at.

    `layer_rows` counts the rows of computed tables; `footing_failures` are sentences, one a failure;
    `unrated_subscriptions` are ids that the catalog has no terms for; `baseline_found`: the policy's baseline exists.
    """

    partition: str
    landing: tuple[LandingReport, ...] = ()
    layer_rows: Mapping[str, int] = field(default_factory=dict)
    quarantined_rows: int = 0
    open_breaks: tuple[OpenBreaks, ...] = ()
    unexplained: int = 0
    footing_failures: tuple[str, ...] = ()
    unrated_subscriptions: tuple[str, ...] = ()
    metrics: tuple[MetricFact, ...] = ()
    baseline_found: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the conditions that it follows from, in the order in which they were asked."""

    verdict: Verdict
    conditions: tuple[Condition, ...]


def judge(facts: DayFacts, policy: Policy) -> Judgement:
    """Hold one day's facts against the policy.

    INCONCLUSIVE where something could not be looked at: a required layer that is missing, refused, or empty without
    leave; a subscription without terms; a threshold whose metric has no value; a baseline that was never captured.
    """
    gate = policy.gate
    conditions = (
        *_layers(facts, policy),
        _accounted(facts.landing),
        _quarantine(facts.quarantined_rows, gate.max_quarantined_rows),
        *_too_much_quarantined(facts.landing, gate.quarantine_share_stops),
        _rated(facts.unrated_subscriptions),
        _compared(facts.layer_rows),
        _footing(facts.footing_failures),
        _breaks(facts.open_breaks, gate.max_breaks),
        _unexplained(facts.unexplained),
        *_baseline(facts.baseline_found, gate.baseline),
        *(c for threshold in gate.thresholds for c in _threshold(threshold, facts.metrics, gate.baseline)),
    )
    return Judgement(combine(c.verdict for c in conditions if c.blocking), conditions)


def _layers(facts: DayFacts, policy: Policy) -> Iterable[Condition]:
    reports = {report.table: report for report in facts.landing}
    for table in policy.gate.required_layers:
        report = reports.get(table)
        name = f"layer:{table}"
        if report is None:
            yield Condition(
                name, Verdict.INCONCLUSIVE, f"{table} was not landed for {facts.partition}; run the day first."
            )
            continue
        observed = f"{report.accepted} rows"
        if report.status is LandingStatus.MISSING:
            answer, sentence = Verdict.INCONCLUSIVE, f"No file of {table} came; ask its source for {facts.partition}."
        elif report.status is LandingStatus.REFUSED:
            answer, sentence = (
                Verdict.INCONCLUSIVE,
                f"{table} could not be read: {report.message or 'ask for a resend'}",
            )
        elif report.accepted == 0 and table not in policy.gate.may_be_empty:
            why = "its file has no rows" if report.rows_in == 0 else "every row of its file is in quarantine"
            answer = Verdict.INCONCLUSIVE
            sentence = f"{table} is empty: {why}; ask for a resend, or add it to gate.may_be_empty if that is normal."
        else:
            answer, sentence = Verdict.PASS, f"{table} came with {_count(report.accepted, 'row')}."
        yield Condition(name, answer, sentence, observed, "allowed empty" if table in policy.gate.may_be_empty else "")
    for table in sorted(set(reports) - set(policy.gate.required_layers)):
        if reports[table].status is LandingStatus.REFUSED:
            sentence = f"{table} is optional, but its file came and could not be read: {reports[table].message}"
            yield Condition(f"layer:{table}", Verdict.INCONCLUSIVE, sentence)


def _accounted(landing: Iterable[LandingReport]) -> Condition:
    lost = [str(report) for report in landing if not report.equation_holds]
    if lost:
        return Condition("rows_accounted_for", Verdict.FAIL, "Rows were lost while landing: " + "; ".join(lost) + ".")
    return Condition("rows_accounted_for", Verdict.PASS, "Every row that came was accepted, quarantined or collapsed.")


def _quarantine(rows: int, allowed: int) -> Condition:
    if rows > allowed:
        sentence = f"{_count(rows, 'row')} in quarantine, {allowed or 'none'} allowed; billing-recon quarantine list"
        return Condition("quarantine", Verdict.FAIL, sentence, str(rows), str(allowed))
    return Condition("quarantine", Verdict.PASS, f"{_count(rows, 'row')} in quarantine.", str(rows), str(allowed))


def _too_much_quarantined(landing: Iterable[LandingReport], bound: Decimal) -> Iterable[Condition]:
    """A layer of which so much was set aside that comparing the rest would say nothing."""
    for report in landing:
        if Decimal(report.open_rows) > bound * Decimal(report.rows_in):
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(report.reasons.items()))
            yield Condition(
                f"quarantine:{report.table}",
                Verdict.FAIL,
                f"{report.open_rows} of {report.rows_in} rows of {report.table} are in quarantine ({reasons}); more than "
                f"{bound * 100:f}% stops the day. Ask for a resend, or see: billing-recon status --day {report.day}",
                str(report.open_rows),
                f"{bound * 100:f}% of {report.rows_in}",
            )


def _rated(unrated: tuple[str, ...]) -> Condition:
    if not unrated:
        return Condition("rated", Verdict.PASS, "Every subscription could be rated.", "0", "0")
    sentence = (
        f"{_count(len(unrated), 'subscription')} could not be rated, so what they should have been billed is unknown: "
        f"{_some(unrated)}; add their plan version or tax region to the catalog."
    )
    return Condition("rated", Verdict.INCONCLUSIVE, sentence, str(len(unrated)), "0")


def _compared(layer_rows: Mapping[str, int]) -> Condition:
    if layer_rows.get("control_totals", 0) == 0:
        return Condition("compared", Verdict.INCONCLUSIVE, "No pair of layers was compared: there is no control total.")
    return Condition("compared", Verdict.PASS, "The layers were compared.")


def _footing(failures: tuple[str, ...]) -> Condition:
    if failures:
        return Condition("footing", Verdict.FAIL, "Totals do not foot: " + "; ".join(failures), str(len(failures)), "0")
    return Condition("footing", Verdict.PASS, "Every control total foots with its breaks.", "0", "0")


def _breaks(found: tuple[OpenBreaks, ...], allowed: int) -> Condition:
    count = sum(b.count for b in found)
    if count == 0:
        return Condition("breaks", Verdict.PASS, "No open breaks.", "0", str(allowed))
    parts = ", ".join(
        f"{b.code} {b.count} (gross {_money(b.gross, b.currency)}, net {_money(b.net, b.currency)})"
        for b in sorted(found, key=lambda b: (b.code, b.currency or ""))
        if b.count
    )
    sentence = f"{_count(count, 'open break')}, {allowed or 'none'} allowed: {parts}."
    return Condition("breaks", Verdict.FAIL if count > allowed else Verdict.PASS, sentence, str(count), str(allowed))


def _unexplained(count: int) -> Condition:
    if count:
        sentence = (
            f"{_count(count, 'break')} without an explanation; billing-recon breaks --code UNEXPLAINED shows them."
        )
        return Condition("no_unexplained", Verdict.FAIL, sentence, str(count), "0")
    return Condition("no_unexplained", Verdict.PASS, "Every difference is explained.", "0", "0")


def _baseline(found: bool, name: str | None) -> Iterable[Condition]:
    if name is None:
        return
    if found:
        yield Condition("baseline", Verdict.PASS, f"Measured against the baseline '{name}'.")
    else:
        sentence = f"The policy names the baseline '{name}', which was never captured; billing-recon baseline capture"
        yield Condition("baseline", Verdict.INCONCLUSIVE, sentence)


def _threshold(threshold: Threshold, metrics: Iterable[MetricFact], baseline: str | None) -> Iterable[Condition]:
    """One condition a bound. Groups (currency, cohort, variant) without a population are left out, unless all are."""
    mine = sorted((m for m in metrics if m.metric == threshold.metric), key=str)
    blocking = threshold.severity == "block"
    values = [(str(m), m.value) for m in mine if m.value is not None]
    drifts = [(str(m), abs(m.drift)) for m in mine if m.drift is not None]
    for kind, bound, figures in (
        ("max", threshold.max, values),
        ("min", threshold.min, values),
        ("max_drift", threshold.max_drift, drifts),
    ):
        if bound is None:
            continue
        name = f"threshold:{threshold.metric}:{kind}"
        limit = f"{'at least' if kind == 'min' else 'at most'} {plain(bound)}"
        if not figures:
            what = "no change against the baseline" if kind == "max_drift" else "no value"
            hint = "; the policy names no baseline" if kind == "max_drift" and baseline is None else ""
            sentence = f"{threshold.metric} has {what} on this day{hint}: NO DATA is not a pass."
            yield Condition(name, Verdict.INCONCLUSIVE, sentence, "NO DATA", limit, blocking)
            continue
        outside = [(label, v) for label, v in figures if (v < bound if kind == "min" else v > bound)]
        shown = "; ".join(f"{label} {plain(v)}" for label, v in (outside or figures))
        drifted = " away from the baseline" if kind == "max_drift" else ""
        sentence = f"{shown}{drifted}; {limit}{drifted} is allowed."
        yield Condition(name, Verdict.FAIL if outside else Verdict.PASS, sentence, shown, limit, blocking)


def _money(amount: Decimal, currency: str | None) -> str:
    return f"{plain(amount, currency)} {currency or 'units'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
