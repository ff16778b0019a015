"""A rollout as one self-contained page: where it stands, what blocks the next stage, cohort against control over the days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.day.rollout.progress import progress
from billing_recon.day.rollout.review import review
from billing_recon.day.rollout.state import last_answer, state_of
from billing_recon.report.day_pack import environment, replace_file
from billing_recon.report.rollout import status
from billing_recon.report.rollout_gate import clause_rows

if TYPE_CHECKING:
    from billing_recon.day.home import Home

_WIDTH, _ROW, _LEFT, _RIGHT = 1000, 38, 110, 220
"""Of the drawing, of one day, and of the texts beside the bars."""


@dataclass(frozen=True, slots=True)
class DayBars:
    """One day: the share of bills with a break in the cohort and in the control cohort, as bars with their figures."""

    day: str
    y: int
    cohort: int
    cohort_says: str
    control: int
    control_says: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The days of a stage, one below the other."""

    days: tuple[DayBars, ...]
    height: int
    width: int = _WIDTH
    left: int = _LEFT

    @property
    def told(self) -> str:
        """The drawing in words, for who cannot see it."""
        return "Open breaks by day: " + "; ".join(
            f"{day.day} cohort {day.cohort_says}, control {day.control_says}" for day in self.days
        )


def plot(days: Sequence[Mapping[str, Any]]) -> Plot:
    """Bars whose length is the share of bills with a break; all of them is the whole width.

    >>> [(d.cohort, d.cohort_says, d.control_says) for d in plot([{"day": "2026-03-01", "cohort": 1, "cohort_invoices": 4}]).days]
    [(167, '1 of 4', 'no bills')]
    """
    bars = []
    for place, day in enumerate(days):
        lengths, words = [], []
        for arm in ("cohort", "control"):
            broken, bills = day.get(arm, 0), day.get(f"{arm}_invoices", 0)
            whole = max(broken, bills)
            lengths.append((_WIDTH - _LEFT - _RIGHT) * broken // whole if whole else 0)
            words.append(f"{broken:,} of {bills:,}" if whole else "no bills")
        bars.append(DayBars(str(day["day"]), place * _ROW, lengths[0], words[0], lengths[1], words[1]))
    return Plot(tuple(bars), max(len(bars), 1) * _ROW)


def write_rollout_page(home: Home, name: str) -> Path:
    """Write `<state>/reports/rollouts/NAME.html` and return its path. The same records give the same bytes."""
    state = state_of(home, name)
    found = progress(home, state)
    answer = found.answer.verdict or last_answer(home, state)
    folder = home.state / "reports" / "rollouts"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{name}.html"
    text = (
        environment()
        .get_template("rollout.html")
        .render(
            company=home.company.name,
            name=name,
            purpose=state.plan.purpose,
            status=status(found),
            verdict=found.verdict,
            answer=answer,
            clauses=clause_rows(answer) if answer else [],
            waits=[stage.name for stage in state.plan.stages if all(span.stage != stage.name for span in state.spans)],
            money=found.money,
            attempts=found.attempts,
            break_money=found.break_money,
            breaks=found.breaks,
            uncorrected=found.uncorrected,
            customers=state.exposed_customers,
            percentage=state.percentage,
            triggered=answer.triggered if answer else (),
            waiting=found.waiting_for,
            review=review(home, name, found) if state.spans else None,
            plot=plot(answer.figures.get("plotted", ())) if answer else None,
        )
    )
    replace_file(page, text)
    return page
