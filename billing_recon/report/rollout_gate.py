"""A stage's answer for a reader: its clauses, financial and technical apart, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from billing_recon.control.rollout_records import StageVerdict
from billing_recon.day.rollout.state import states
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

ORDER = ("stage", "financial", "technical")


def clause_rows(answer: StageVerdict) -> list[dict[str, Any]]:
    """Every clause, those of the stage first, then financial and technical ones."""
    clauses = [dict(one) for one in answer.figures.get("clauses", ())]
    return sorted(clauses, key=lambda one: ORDER.index(one["kind"]))


def clauses(answer: StageVerdict) -> Table:
    """The clauses as a table; what does not decide is marked."""
    table = Table([Col("kind"), Col("clause"), Col("verdict"), Col("why")])
    for one in clause_rows(answer):
        verdict = one["verdict"] if one["decides"] else f"({one['verdict']})"
        table.add(one["kind"], one["name"], verdict, one["says"])
    return table


def waiting(answer: StageVerdict) -> Iterator[str]:
    """What fired, and what has to happen first."""
    yield from (f"trigger: {one}" for one in answer.triggered)
    yield from (f"waiting for {one}" for one in answer.waiting_for)


def checks(found: Iterable[tuple[str, bool, str]]) -> Table:
    """What had to hold in a rehearsal."""
    table = Table([Col("what"), Col("holds"), Col("why")])
    for name, holds, says in found:
        table.add(name, "yes" if holds else "NO", says)
    return table


def day_table(home: Home, day: date) -> Table:
    """What the stage gate answered about a day, a row per rollout that exposed anybody."""
    columns = ("Rollout", "Stage", "Verdict", "Bills", "Breaks", "Control: bills", "Control: breaks", "Waits for")
    table = Table([Col(name, right=name not in ("Rollout", "Stage", "Verdict", "Waits for")) for name in columns])
    for state in states(home):
        stages = [span.stage for span in state.spans if span.since <= day and (span.until is None or day < span.until)]
        answer = home.control.rollouts.latest_verdict(state.name, stages[-1], day) if stages else None
        if answer is None:
            continue
        plotted = answer.figures.get("plotted", ())
        sums = [
            f"{sum(one.get(name, 0) for one in plotted):,}"
            for name in ("cohort_invoices", "cohort", "control_invoices", "control")
        ]
        why = [*answer.triggered, *answer.figures.get("because", ()), *answer.waiting_for]
        table.add(state.name, answer.stage, answer.figures.get("state", answer.verdict.value), *sums, "; ".join(why))
    return table
