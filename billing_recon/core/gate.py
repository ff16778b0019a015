"""When a day passes: judge the facts about one partition by the policy, and answer every condition in words.

Nothing is read or stored here: `judge` depends only on its two arguments. The facts are in core.gate_facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from billing_recon.core.figures import listed, with_currency
from billing_recon.core.gate_facts import (
    BrokenInvoices,
    DayFacts,
    Detected,
    Exposure,
    MetricFact,
    NotKnown,
    OpenBreaks,
    SettledBreaks,
    Unknown,
)
from billing_recon.core.gate_policy import Limit, Threshold
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.money import plain
from billing_recon.core.period import parse_day
from billing_recon.core.policy import Policy
from billing_recon.core.printed_command import capture_command
from billing_recon.core.reason import Code, Disposition
from billing_recon.core.verdict import Verdict, combine

__all__ = [
    "BrokenInvoices",
    "Condition",
    "DayFacts",
    "Detected",
    "Exposure",
    "Judgement",
    "MetricFact",
    "NotKnown",
    "OpenBreaks",
    "SettledBreaks",
    "Unknown",
    "judge",
    "why_not_known",
]


@dataclass(frozen=True, slots=True)
class Condition:
    """One question of a gate and its answer. `observed` and `bound` are figures as text, never floats.

    A condition that is not `blocking` is shown but does not decide.
    """

    name: str
    verdict: Verdict
    sentence: str
    observed: str = ""
    bound: str = ""
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the conditions that it follows from, in order."""

    verdict: Verdict
    conditions: tuple[Condition, ...]


def judge(facts: DayFacts, policy: Policy) -> Judgement:
    """Judge one day's facts by the policy.

    INCONCLUSIVE if something could not be checked: a required layer is missing, refused, or empty and may not be; a day
    that this one rests on is not known; a subscription has no terms; a threshold's metric has no value; the baseline was never captured.
    """
    gate = policy.gate
    quiet = _quiet(facts, policy)
    conditions = (
        *_layers(facts, policy),
        *_history(facts.not_known, facts.partition),
        *_warehouse(facts.damaged),
        _accounted(facts.landing),
        _quarantine(facts.quarantined_rows, gate.max_quarantined_rows),
        *_too_much_quarantined(facts.landing, gate.quarantine_share_stops),
        _rated(facts.unrated_subscriptions, facts.unrated_because),
        *_before_history(facts.before_history),
        _compared(facts, quiet),
        _footing(facts.footing_failures),
        *_breaks(facts, policy, quiet),
        *_settled(facts.settled_breaks),
        _unexplained(facts.unexplained),
        *_exposure(facts.open_breaks),
        *_expired(policy, facts.partition),
        *_detectors(facts.detected, policy),
        *_baseline(facts.baseline_found, gate.baseline),
        # On a quiet day a threshold without a value is shown and does not decide.
        *(
            replace(c, blocking=False) if quiet and c.verdict is Verdict.INCONCLUSIVE else c
            for threshold in gate.thresholds
            for c in _threshold(threshold, facts.metrics, gate.baseline)
        ),
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
            answer, sentence = (
                Verdict.INCONCLUSIVE,
                f"No file of {table} was delivered; ask its source for {facts.partition}.",
            )
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
            answer, sentence = Verdict.PASS, f"{table} was delivered with {_count(report.accepted, 'row')}."
        yield Condition(name, answer, sentence, observed, "allowed empty" if table in policy.gate.may_be_empty else "")
    for table in sorted(set(reports) - set(policy.gate.required_layers)):
        if reports[table].status is LandingStatus.REFUSED:
            sentence = f"{table} is optional, but its file could not be read: {reports[table].message}"
            yield Condition(f"layer:{table}", Verdict.INCONCLUSIVE, sentence)


def _history(not_known: Iterable[NotKnown], partition: str) -> Iterable[Condition]:
    for one in not_known:
        name = f"history:{one.why.value}" + (f":{one.table}" if one.table else "")
        said = why_not_known(one, partition)
        yield Condition(name, Verdict.INCONCLUSIVE, said, _count(len(one.days), "day"), "0 days")


def why_not_known(one: NotKnown, partition: str) -> str:
    """Which earlier days are not known, why, and what to run."""
    rerun = f"billing-recon run --day {one.days[0]} --to {partition}"
    of = f"{one.table} of {one.shown}" if one.table else one.shown
    match one.why:
        case Unknown.NEVER_LANDED:
            return (
                f"{of} was never landed, so what rests on it was not compared. Run from there on: {rerun}; or, if the "
                f"files of a later day carry the history, make that day the first_day of company.yaml."
            )
        case Unknown.LEFT_OUT:
            return (
                f"{of} was never run. Nothing was delivered for it as far as files show, so the other days were compared. "
                f"Run from there on: {rerun}"
            )
        case Unknown.REFUSED:
            return f"{of} could not be read, so what rests on it was not compared. Have it sent again, then: {rerun}"
        case Unknown.NOT_DELIVERED:
            return (
                f"{of} was not delivered, so what rests on it was not compared. Ask for it, or deliver a file without "
                f"rows if there was no usage, then: {rerun}"
            )
        case Unknown.NOT_ROLLED_UP:
            return f"The usage of {one.shown} is not rolled up from what is landed now. Run again: {rerun}"
        case Unknown.LANDED_TOO_EARLY:
            return f"{of} repeats events of an earlier day that was landed after it. Run again: {rerun}"
        case Unknown.ROWS_DECIDED:
            return f"Decisions about quarantined rows ({of}) take effect when the day is run again: {rerun}"
        case Unknown.BREAKS_DECIDED:
            return f"Decisions about breaks ({of}) take effect when the day is run again: {rerun}"
        case Unknown.BEING_WRITTEN:
            return f"A write of {of} was cut off or is in progress. Once it is over, run again: {rerun}"
        case _:
            assert_never(one.why)


def _warehouse(damaged: tuple[str, ...]) -> Iterable[Condition]:
    if damaged:
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        yield Condition("warehouse", Verdict.INCONCLUSIVE, f"{damaged[0]}{more}.", str(len(damaged)), "0")


def _accounted(landing: Iterable[LandingReport]) -> Condition:
    lost = [str(report) for report in landing if not report.equation_holds]
    if lost:
        return Condition("rows_accounted_for", Verdict.FAIL, "Rows were lost while landing: " + "; ".join(lost) + ".")
    return Condition("rows_accounted_for", Verdict.PASS, "Every row delivered was accepted, quarantined or collapsed.")


def _quarantine(rows: int, allowed: int) -> Condition:
    if rows > allowed:
        sentence = (
            f"{_count(rows, 'row')} in quarantine, {allowed or 'none'} allowed; see: billing-recon quarantine list."
        )
        return Condition("quarantine", Verdict.FAIL, sentence, str(rows), str(allowed))
    return Condition("quarantine", Verdict.PASS, f"{_count(rows, 'row')} in quarantine.", str(rows), str(allowed))


def _too_much_quarantined(landing: Iterable[LandingReport], bound: Decimal) -> Iterable[Condition]:
    """Layers with so many quarantined rows that comparing the rest would prove nothing."""
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


def _rated(unrated: tuple[str, ...], because: tuple[str, ...]) -> Condition:
    if not unrated:
        return Condition("rated", Verdict.PASS, "Every subscription could be rated.", "0", "0")
    sentence = (
        f"{_count(len(unrated), 'subscription')} could not be rated, so what they should have been billed is unknown: "
        f"{' '.join((f'{listed(unrated)}.', *because))}"
    )
    return Condition("rated", Verdict.INCONCLUSIVE, sentence, str(len(unrated)), "0")


def _before_history(subscriptions: tuple[str, ...]) -> Iterable[Condition]:
    """Bills that the company's declared opening leaves out, stated with the verdict so that nothing is passed over."""
    if subscriptions:
        sentence = (
            f"{_count(len(subscriptions), 'subscription')} not compared: a period with usage began before history_from of "
            f"company.yaml ({listed(subscriptions)})."
        )
        yield Condition("before_history", Verdict.PASS, sentence, str(len(subscriptions)), "", blocking=False)


def _quiet(facts: DayFacts, policy: Policy) -> tuple[str, ...]:
    """The layers that were delivered empty on a day with nothing to compare; none if it is not such a day.

    It is one if it was computed and has no control total, if everything it rests on is known, and if each required layer
    other than usage and contracts is empty and may be.
    """
    if facts.layer_rows.get("control_totals") != 0 or facts.not_known or not facts.compared_now:
        return ()
    accepted = {report.table: report.accepted for report in facts.landing if report.status in _DELIVERED}
    layers = [table for table in policy.gate.required_layers if table not in ("usage_events", "subscriptions")]
    return tuple(layers) if all(accepted.get(t) == 0 and t in policy.gate.may_be_empty for t in layers) else ()


_DELIVERED = (LandingStatus.PRESENT, LandingStatus.EMPTY)


def _compared(facts: DayFacts, quiet: tuple[str, ...]) -> Condition:
    if not facts.compared_now:
        sentence = (
            "The layers were compared before the data or settings became what they are now. Run the day again: "
            f"billing-recon run --day {facts.partition}"
        )
        return Condition("compared", Verdict.INCONCLUSIVE, sentence)
    if quiet:
        sentence = (
            f"A quiet day: nothing was due and nothing was billed, so there was nothing to compare. {', '.join(quiet)} "
            f"{'was' if len(quiet) == 1 else 'were'} delivered empty, which gate.may_be_empty allows."
        )
        return Condition("compared", Verdict.PASS, sentence)
    if facts.layer_rows.get("control_totals", 0) == 0:
        sentence = (
            "No pair of layers was compared: there is no control total. Where days without any bill, document, posting or "
            "payment are normal, have empty files delivered and list those layers in gate.may_be_empty."
        )
        return Condition("compared", Verdict.INCONCLUSIVE, sentence)
    return Condition("compared", Verdict.PASS, "The layers were compared.")


def _footing(failures: tuple[str, ...]) -> Condition:
    if failures:
        return Condition("footing", Verdict.FAIL, "Totals do not foot: " + "; ".join(failures), str(len(failures)), "0")
    return Condition("footing", Verdict.PASS, "Every control total foots with its breaks.", "0", "0")


def _breaks(facts: DayFacts, policy: Policy, quiet: tuple[str, ...]) -> Iterable[Condition]:
    """Open breaks in currencies with limits are held to those, all others to `max_breaks`."""
    gate = policy.gate
    money = {b.currency for b in facts.open_breaks if b.currency} | {b.currency for b in facts.broken_invoices}
    money |= set() if quiet else {limit.currency for limit in gate.limits if limit.currency != "*"}
    decided = []
    for currency in sorted(money):
        limit = gate.limit_of(currency)
        if limit is None:
            continue
        conditions, decides = _limits(facts, currency, limit)
        yield from conditions
        decided += [currency] if decides else []
    yield _counted([b for b in facts.open_breaks if b.currency not in decided], gate.max_breaks, decided)


def _counted(found: list[OpenBreaks], allowed: int, elsewhere: list[str]) -> Condition:
    count = sum(b.count for b in found)
    of = f" apart from {', '.join(elsewhere)}, which limits decide" if elsewhere else ""
    if count == 0:
        return Condition("breaks", Verdict.PASS, f"No open breaks{of}.", "0", str(allowed))
    sentence = f"{_count(count, 'open break')}{of}, {allowed or 'none'} allowed: {_listed(found)}."
    return Condition("breaks", Verdict.FAIL if count > allowed else Verdict.PASS, sentence, str(count), str(allowed))


def _listed(found: Iterable[OpenBreaks]) -> str:
    return ", ".join(
        f"{b.code} {b.count} (gross {with_currency(b.gross, b.currency)}, net {with_currency(b.net, b.currency)})"
        for b in sorted(found, key=lambda b: (b.code, b.currency or ""))
        if b.count
    )


def _limits(facts: DayFacts, currency: str, limit: Limit) -> tuple[list[Condition], bool]:
    """The conditions of one currency's limits, and whether they decide about its breaks instead of the count."""
    name = f"limits:{currency}"
    mine = [one for one in facts.broken_invoices if one.currency == currency]
    compared = max((one.compared for one in mine), default=0)
    if compared < limit.min_population:
        seen = f"{_count(compared, 'invoice')} in {currency}, and a rate is judged from {limit.min_population} on"
        if limit.below_minimum == "count":
            sentence = f"{seen}: its open breaks are counted instead."
            shown = Condition(f"{name}:population", Verdict.PASS, sentence, str(compared), "", blocking=False)
            return [shown], False
        sentence = (
            f"{seen}: too few to prove anything. gate.limits: below_minimum: count would hold such days to max_breaks."
        )
        return [
            Condition(f"{name}:population", Verdict.INCONCLUSIVE, sentence, str(compared), str(limit.min_population))
        ], True
    found = [b for b in facts.open_breaks if b.currency == currency]
    exposure = next((e for e in facts.exposures if e.currency == currency), None)
    conditions = [_rate(one, limit, name) for one in sorted(mine, key=lambda one: one.pair)]
    if exposure is None:
        exposure = Exposure(currency, Decimal(0), "", Decimal(0))
    whose = f"account {exposure.account}" if exposure.account else "items without an account"
    per_account = f"At most {with_currency(exposure.of_account, currency)} of open breaks of one account ({whose})"
    total = f"{with_currency(exposure.total, currency)} of open breaks, gross" + (
        f": {_listed(found)}" if found else ""
    )
    for what, amount, bound, sentence in (
        ("per_account", exposure.of_account, limit.max_per_account, per_account if found else "No account has any"),
        ("total", exposure.total, limit.max_total, total),
    ):
        conditions.append(
            Condition(
                f"{name}:{what}",
                Verdict.FAIL if amount > bound else Verdict.PASS,
                f"{sentence}; {with_currency(bound, currency)} allowed.",
                with_currency(amount, currency),
                with_currency(bound, currency),
            )
        )
    return conditions, True


def _rate(one: BrokenInvoices, limit: Limit, name: str) -> Condition:
    """Compared as products of whole numbers and the bound, so that nothing is rounded."""
    allowed = limit.max_rate * one.compared
    sentence = (
        f"{one.broken} of {_count(one.compared, 'invoice')} of {one.pair} in {one.currency} have an open break; "
        f"{plain(limit.max_rate * 100)}% of them, {plain(allowed)}, allowed."
    )
    verdict = Verdict.FAIL if Decimal(one.broken) > allowed else Verdict.PASS
    return Condition(f"{name}:rate:{one.pair}", verdict, sentence, f"{one.broken} of {one.compared}", plain(allowed))


def _settled(found: tuple[SettledBreaks, ...]) -> Iterable[Condition]:
    """Breaks that do not count, stated with the verdict so that nothing accepted is hidden."""
    for disposition in dict.fromkeys(b.disposition for b in found):
        mine = [b for b in found if b.disposition == disposition]
        count = sum(b.count for b in mine)
        sums = ", ".join(
            f"gross {with_currency(b.gross, b.currency)}, net {with_currency(b.net, b.currency)}" for b in mine
        )
        sentence = f"{_count(count, 'break')} {_SETTLED.get(disposition, disposition)}, not counted: {sums}."
        yield Condition(f"not_counted:{disposition}", Verdict.PASS, sentence, str(count), "", blocking=False)


_SETTLED = {
    Disposition.ACCEPTED_TOLERANCE.value: "within tolerance",
    Disposition.EXPECTED_CHANGE.value: "covered by an expected change",
    Disposition.TIMING.value: "decided to be timing, or to be corrected in a later period",
}


def _expired(policy: Policy, partition: str) -> Iterable[Condition]:
    """Expected changes that have expired: somebody has to remove or renew them."""
    day = parse_day(partition)
    expired = [(one, one.days_expired(day)) for one in policy.expected_changes if one.days_expired(day) > 0]
    if expired:
        shown = "; ".join(
            f"{one.id} expired {_count(days, 'day')} ago, on {one.expires} (owner {one.owner})" for one, days in expired
        )
        sentence = f"{shown}. Remove them from policies/ or renew them, then: billing-recon policy apply"
        yield Condition("expected_changes", Verdict.FAIL, sentence, str(len(expired)), "0 expired", blocking=False)


def _detectors(found: tuple[Detected, ...], policy: Policy) -> Iterable[Condition]:
    for one in sorted(found, key=lambda f: f.detector):
        severity = policy.detectors.severity(one.detector)
        sentence = f"{_count(one.count, 'finding')}: {one.example}" + (" ..." if one.count > 1 else "")
        yield Condition(
            f"detector:{one.detector.value}", Verdict.FAIL, sentence, str(one.count), "0", blocking=severity == "block"
        )


def _unexplained(count: int) -> Condition:
    if count:
        sentence = (
            f"{_count(count, 'break')} without an explanation; billing-recon breaks --code UNEXPLAINED shows them."
        )
        return Condition("no_unexplained", Verdict.FAIL, sentence, str(count), "0")
    return Condition("no_unexplained", Verdict.PASS, "Every difference is explained.", "0", "0")


def _exposure(found: Iterable[OpenBreaks]) -> Iterable[Condition]:
    """A bill by another path than the flag gives moves no money, so no limit in money may let it pass."""
    count = sum(b.count for b in found if b.code == Code.EXPOSURE)
    if count:
        sentence = (
            f"{_count(count, 'invoice')} billed by another path than the flag of a rollout gives the customer; "
            "billing-recon breaks --code EXPOSURE shows them."
        )
        yield Condition("exposure", Verdict.FAIL, sentence, str(count), "0")


def _baseline(found: bool, name: str | None) -> Iterable[Condition]:
    if name is None:
        return
    if found:
        yield Condition("baseline", Verdict.PASS, f"Measured against the baseline '{name}'.")
    else:
        sentence = f"The policy names the baseline '{name}', which was never captured: " + capture_command(name)
        yield Condition("baseline", Verdict.INCONCLUSIVE, sentence)


def _threshold(threshold: Threshold, metrics: Iterable[MetricFact], baseline: str | None) -> Iterable[Condition]:
    """One condition per bound. Groups (currency, cohort, variant) without a population are left out, unless all are."""
    mine = sorted((m for m in metrics if m.metric == threshold.metric), key=str)
    blocking = threshold.severity == "block"
    values = [(str(m), m.value) for m in mine if m.value is not None]
    drifts = [(str(m), abs(d)) for m in mine if (d := _drift(m, threshold.against)) is not None]
    if threshold.within_band:
        yield _band(threshold, mine, blocking)
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
            against = _AGAINST[threshold.against]
            what = f"no change against {against}" if kind == "max_drift" else "no value"
            unnamed = kind == "max_drift" and threshold.against == "baseline" and baseline is None
            hint = "; the policy names no baseline" if unnamed else ""
            sentence = f"{threshold.metric} has {what} on this day{hint}: NO DATA is not a pass."
            yield Condition(name, Verdict.INCONCLUSIVE, sentence, "NO DATA", limit, blocking)
            continue
        outside = [(label, v) for label, v in figures if (v < bound if kind == "min" else v > bound)]
        shown = "; ".join(f"{label} {plain(v)}" for label, v in (outside or figures))
        drifted = f" away from {_AGAINST[threshold.against]}" if kind == "max_drift" else ""
        sentence = f"{shown}{drifted}; {limit}{drifted} is allowed."
        yield Condition(name, Verdict.FAIL if outside else Verdict.PASS, sentence, shown, limit, blocking)


_AGAINST = {"baseline": "the baseline", "prior": "the day before", "cycle": "the same day of the cycle before"}


def _drift(metric: MetricFact, against: str) -> Decimal | None:
    return {"baseline": metric.drift, "prior": metric.prior_drift, "cycle": metric.cycle_drift}[against]


def _band(threshold: Threshold, mine: list[MetricFact], blocking: bool) -> Condition:
    """Whether every group of the metric with a value and a band lies within the band."""
    name = f"threshold:{threshold.metric}:band"
    known = [(m, m.value, m.low, m.high) for m in mine]
    shown = [(m, v, low, high) for m, v, low, high in known if v is not None and low is not None and high is not None]
    if not shown:
        sentence = f"{threshold.metric} has no value or too few days like this one: NO DATA is not a pass."
        return Condition(name, Verdict.INCONCLUSIVE, sentence, "NO DATA", "within its band", blocking)
    outside = [row for row in shown if not row[2] <= row[1] <= row[3]]
    figures = "; ".join(
        f"{m} {plain(v)}, expected {plain(low)} to {plain(high)}" for m, v, low, high in outside or shown
    )
    verdict = Verdict.FAIL if outside else Verdict.PASS
    return Condition(name, verdict, f"{figures}.", figures, "within its band", blocking)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
