"""The summary of a run of days: one line per day with verdict, invoices, breaks, money and time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from billing_recon.core.figures import and_open, count, per_currency
from billing_recon.report.stored_rows import Sum, break_sums, invoices_issued
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home


class Outcome(Protocol):
    """The outcome of one day's run. `verdict` is None if the run did not get that far."""

    @property
    def day(self) -> date: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def success(self) -> bool: ...


class Progress:
    """Called with each day's outcome; reports it and records how long the day took."""

    def __init__(self, report: Callable[[str, int], None]) -> None:
        self._report = report
        self._started = time.monotonic()
        self.seconds: dict[date, float] = {}

    def __call__(self, outcome: Outcome) -> None:
        now = time.monotonic()
        self.seconds[outcome.day] = now - self._started
        self._started = now
        self._report(f"{outcome.day} {label(outcome)} ({self.seconds[outcome.day]:.1f} s)", len(self.seconds))


def label(outcome: Outcome) -> str:
    """The verdict, or why there is none."""
    return (outcome.verdict or "not judged") if outcome.success else "run failed"


def run_summary(home: Home, outcomes: Sequence[Outcome], seconds: dict[date, float]) -> Table:
    """One line per day, and a total line for several days. Currencies are never added."""
    table = Table(
        [
            Col("day"),
            Col("verdict"),
            Col("invoices", right=True),
            Col("breaks", right=True),
            Col("net", wrap=True),
            Col("gross", wrap=True),
            Col("quarantined", right=True),
            Col("seconds", right=True),
        ]
    )
    days = [outcome.day for outcome in outcomes]
    # What an earlier run found is not what this one did.
    judged = {outcome.day for outcome in outcomes if outcome.verdict}
    invoices = invoices_issued(home, min(days), max(days))
    by_day: dict[date, list[Sum]] = defaultdict(list)
    for found in break_sums(home, min(days), max(days)):
        if found.day in judged:
            by_day[found.day].append(found)
    quarantined = {day: sum(r.quarantined for r in home.control.landing_reports(day)) for day in days}

    def line(name: str, verdict: str, of: Sequence[date]) -> None:
        sums = [s for day in of for s in by_day[day]]
        table.add(
            name,
            verdict,
            f"{sum(invoices.get(day, 0) for day in of):,}",
            and_open(sum(s.count for s in sums), sum(s.open for s in sums)),
            per_currency(_added(sums, "net"), signed=True),
            per_currency(_added(sums, "gross")),
            f"{sum(quarantined[day] for day in of):,}",
            f"{sum(seconds.get(day, 0.0) for day in of):.1f}",
        )

    for outcome in outcomes:
        line(str(outcome.day), label(outcome), [outcome.day])
    if len(outcomes) > 1:
        passed = sum(outcome.success and outcome.verdict == "PASS" for outcome in outcomes)
        line(count(len(days), "day"), f"{passed:,} PASS", days)
        table.last_is_total = True
    return table


def _added(sums: Sequence[Sum], figure: str) -> dict[str | None, Decimal]:
    added: dict[str | None, Decimal] = {}
    for s in sums:
        added[s.currency] = added.get(s.currency, Decimal(0)) + getattr(s, figure)
    return added
