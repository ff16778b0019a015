"""What a rollout's log tells afterwards: every decision with its name, stale flags, and expected against observed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.compute.metrics import NAMES
from billing_recon.control.rollout_records import RolloutEvent, StageVerdict, Verb
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.money import plain
from billing_recon.core.period import parse_day
from billing_recon.core.rollout import Success
from billing_recon.core.schema import METRICS
from billing_recon.day import reasons
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.rollout.progress import Progress, progress
from billing_recon.day.rollout.state import Span, State, Status, state_of, states
from billing_recon.day.session import register_window

NOTES = ("intervention", "ticket", "feedback", "lesson", "flag_removed", "observed")
"""What a note is about. A lesson is shown on the next plan's checklist; `observed` is a figure of a success metric."""
MONTH_DAYS = 31


def note(home: Home, name: str, about: str, text: str, *, by: str, actor: str, metric: str = "") -> RolloutEvent:
    """Record what happened outside of this program: a manual intervention, a ticket, feedback, a lesson, a figure."""
    if about not in NOTES:
        raise ConfigurationError(f"--about {about} is unknown; give one of {', '.join(NOTES)}")
    state = state_of(home, name)
    by = reasons.somebody(by)
    said = text if about in ("flag_removed", "observed") else reasons.reason(text, "a note")
    if about == "flag_removed" and said not in {flag.key for flag in state.plan.flags}:
        raise ConfigurationError(f"'{said}' is no flag of rollout {name}")
    if about == "observed":
        if metric not in {one.metric for one in state.plan.success}:
            raise ConfigurationError(f"--metric '{metric}' is no metric of success of rollout {name}")
        try:
            Decimal(said)
        except ArithmeticError:
            raise ConfigurationError(f"'{said}' is no figure") from None
    content = json.dumps({about: said, **({"metric": metric} if metric else {})}, sort_keys=True, ensure_ascii=False)
    return home.control.rollouts.append(
        RolloutEvent(
            name,
            Verb.NOTE,
            state.stage or "",
            state.version.digest,
            content=content,
            decided_by=by,
            reason=said,
            actor=actor,
        )
    )


@dataclass(frozen=True, slots=True)
class StaleFlag:
    """A flag that should be gone: since when, who switched it last, and why it is stale."""

    rollout: str
    key: str
    layer: str
    remove_by: date
    switched_by: str
    switched_at: str
    why: str


def flag_report(home: Home, as_of: date) -> list[StaleFlag]:
    """Flags that may not stay: older than allowed, or of a rollout that is over, and not removed from the code."""
    found = []
    for state in states(home):
        removed = {e.facts.get("flag_removed") for e in home.control.rollouts.events(state.name, [Verb.NOTE])}
        last = state.last(Verb.SWITCHED)
        for flag in state.plan.flags:
            why = [
                *([f"should have been removed by {flag.remove_by}"] if as_of > flag.remove_by else []),
                *(["everybody is exposed and the rollout is closed"] if state.status is Status.CLOSED else []),
            ]
            if why and flag.key not in removed:
                found.append(
                    StaleFlag(
                        state.name,
                        flag.key,
                        flag.layer.value,
                        flag.remove_by,
                        last.decided_by if last else "",
                        last.decided_at if last else "",
                        "; ".join(why),
                    )
                )
    return found


def log(home: Home, name: str) -> list[dict[str, Any]]:
    """Every event of a rollout in order, as rows: what, stage, from which day, by whom, why."""
    state_of(home, name)
    return [
        {
            "at": event.decided_at,
            "event": event.facts.get("why", event.verb.value) if event.verb is Verb.SWITCHED else event.verb.value,
            "stage": event.stage,
            "day": event.day,
            "plan": event.plan[:12],
            "by": event.decided_by,
            "reason": event.reason or event.facts.get("verdict", ""),
        }
        for event in home.control.rollouts.events(name)
        if event.verb is not Verb.INTENT
    ]


def review(home: Home, name: str, figures: Progress | None = None) -> dict[str, Any]:
    """What was expected of a rollout and what was observed, from its log and the stored results. `figures`: if known already."""
    state = state_of(home, name)
    events = home.control.rollouts.events(name)
    figures = figures or progress(home, state)
    notes = [event for event in events if event.verb is Verb.NOTE]
    switches = [event for event in events if event.verb is Verb.SWITCHED]
    answers = home.control.rollouts.verdicts(name)
    return {
        "rollout": name,
        "kind": state.plan.kind.value,
        "layers": sorted(layer.value for layer in state.plan.layers),
        "touches": sorted(risk.value for risk in state.plan.touches),
        "status": state.status.value,
        "percentage": str(state.percentage),
        "stages": [
            {
                "stage": span.stage,
                "since": str(span.since),
                "until": str(span.until) if span.until else None,
                "customers": state.lists[span.stage].rows if span.stage in state.lists else 0,
                **_of_span(state, span, answers),
            }
            for span in state.spans
        ],
        "issues": figures.breaks,
        "variance": {currency: plain(gross, currency) for currency, gross in figures.break_money.items()},
        "billed" if figures.attempts is None else "collected": {
            currency: plain(money, currency) for currency, money in figures.money.items()
        },
        "rollbacks": sum(event.facts["why"] in ("rollback", "trigger") for event in switches),
        "pauses": sum(event.verb is Verb.PAUSED for event in events),
        **{f"{about}s": [e.reason for e in notes if about in e.facts] for about in NOTES[:4]},
        "decisions": [
            {"what": row["event"], "stage": row["stage"], "by": row["by"], "at": row["at"], "reason": row["reason"]}
            for row in log(home, name)
            if row["by"]
        ],
        "success": [_observed(home, state, one, notes) for one in state.plan.success],
    }


def _of_span(state: State, span: Span, answers: Sequence[StageVerdict]) -> dict[str, Any]:
    """The share of customers up to a stage, and what the last answer about this exposure of it counted."""
    stage = span.stage
    wide = [state.lists[one] for one in state.plan.names[: state.plan.names.index(stage) + 1] if one in state.lists]
    known = max((one.customers for one in wide), default=0)
    share = (
        Decimal(100)
        if state.plan.stage(stage).everybody
        else Decimal(sum(one.rows for one in wide) * 100) / max(known, 1)
    )
    held = [
        a for a in answers if a.stage == stage and span.since <= a.day and (span.until is None or a.day < span.until)
    ]
    answer = held[-1] if held else None
    plotted = answer.figures.get("plotted", ()) if answer else ()
    return {
        "percentage": str(share.quantize(Decimal("0.01"))),
        "verdict": answer.verdict.value if answer else None,
        "bills": sum(day.get("cohort_invoices", 0) for day in plotted),
        "issues": sum(day.get("cohort", 0) for day in plotted),
    }


def history(home: Home) -> list[dict[str, Any]]:
    """Every rollout by what it changed: how often it was rolled back or held, so that kinds of change can be compared."""
    rows = []
    for state in states(home):
        events = home.control.rollouts.events(state.name)
        back = sum(e.verb is Verb.SWITCHED and e.facts["why"] in ("rollback", "trigger") for e in events)
        held = sum(e.verb is Verb.PAUSED for e in events)
        rows.append(
            {
                "rollout": state.name,
                "kind": state.plan.kind.value,
                "layers": ", ".join(sorted(layer.value for layer in state.plan.layers)),
                "touches": ", ".join(sorted(risk.value for risk in state.plan.touches)),
                "status": state.status.value,
                "rollbacks": back,
                "pauses": held,
                "risk": "low" if not back and not held else "held" if not back else "rolled back",
            }
        )
    return sorted(rows, key=lambda row: (row["layers"], row["kind"], row["rollout"]))


def _observed(home: Home, state: State, one: Success, notes: list[RolloutEvent]) -> dict[str, Any]:
    """A success metric: what it was over the first month with everybody exposed, or the figure that somebody noted.

    `observed` of a metric with currencies is a figure of each. Whether the target is met is said once the month is over.
    """
    noted = [e for e in notes if e.facts.get("metric") == one.metric]
    everybody = {stage.name for stage in state.plan.stages if stage.everybody}
    since = next((span.since for span in state.spans if span.stage in everybody and span.until is None), None)
    found: dict[str, Decimal] = {}
    days = 0
    if noted:
        found = {"": Decimal(noted[-1].reason)}
    elif since is not None and one.metric in NAMES:
        last = since + timedelta(days=MONTH_DAYS - 1)
        days = sum(since <= parse_day(day) <= last for day in home.control.answers(DAY_GATE))
        found = over(home, one.metric, since, last)
    met = None
    if found and (noted or days == MONTH_DAYS):
        met = all(
            value <= one.target if one.direction == "at_most" else value >= one.target for value in found.values()
        )
    return {
        "metric": one.metric,
        "expected": f"{one.direction.replace('_', ' ')} {one.target:f}",
        "observed": ", ".join(f"{plain(value)} {currency}".strip() for currency, value in found.items()) or None,
        "days": None if noted else f"{days} of {MONTH_DAYS}",
        "met": met,
    }


def over(home: Home, metric: str, first: date, last: date) -> dict[str, Decimal]:
    """A metric over days, by currency: a rate from the sums that it is made of, a largest figure, or the mean of the days."""
    mean = "ratio(sum(numerator), coalesce(sum(denominator), count(*)))"
    figure = "max(largest)" if metric.startswith("max_") else mean
    with scratch() as con:
        register_window(con, home, METRICS, first, last)
        rows = con.execute(
            "WITH days AS (SELECT coalesce(currency, '') AS currency, day, sum(numerator) AS numerator, sum(denominator) AS "
            "denominator, max(value) AS largest FROM metrics WHERE metric = $metric AND value IS NOT NULL GROUP BY ALL) "
            f"SELECT currency, CAST({figure} AS DECIMAL(38,6)) FROM days GROUP BY currency ORDER BY currency",
            {"metric": metric},
        ).fetchall()
    return {currency: value for currency, value in rows if value is not None}
