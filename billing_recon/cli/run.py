"""`run`: the daily job for one day or many in one process, and a summary of the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import HomeOption, ToOption, actor, days_asked, home_hint, open_home
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.report.summary import Outcome

EXAMPLES = """
  billing-recon run --day 2026-03-02
  billing-recon run --day 2026-02-01 --to 2026-02-28 --home acme"""


def run(
    ctx: typer.Context,
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day, or the first of a range.")],
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """Reconcile a day, or every day of a range.

    Each day is landed, re-rated, compared and judged in its own Dagster run, all in one process.

    Exits 0 if every day's gate is PASS, 1 if one is FAIL or INCONCLUSIVE, 3 if a run itself failed.
    """
    from billing_recon.day import admit_catalog
    from billing_recon.report.summary import Progress, run_summary

    days = days_asked(day, to)
    opened = open_home(ctx, home)
    admit_catalog(opened, actor())  # here, so that an edit is refused before Dagster is loaded
    screen = Screen()
    what = f"reconciling {days[0]}" if len(days) == 1 else f"reconciling {count(len(days), 'day')}"
    with screen.progress(what, total=len(days)) as shown:
        from billing_recon.defs.runner import run_days

        progress = Progress(shown)
        outcomes = run_days(opened.path, days, progress, actor=actor())
    screen.table(run_summary(opened, outcomes, progress.seconds))
    failed = [o for o in outcomes if not o.success]
    for outcome in failed:
        screen.warn(f"error: the run of {outcome.day} failed: {outcome.error} (run {outcome.run_id})")
    screen.say(_next_step(outcomes, home_hint(ctx, home), opened))
    if failed:
        raise typer.Exit(3)
    if any(o.verdict != "PASS" for o in outcomes):
        raise typer.Exit(1)


def _next_step(outcomes: Sequence[Outcome], hint: str, home: Home) -> str:
    """One line: what to do now."""
    stuck = [o for o in outcomes if not o.success]
    if stuck:
        return f"next: fix what stopped {stuck[0].day}, then billing-recon run{hint} --day {stuck[0].day}"
    shut = [o for o in outcomes if o.verdict != "PASS"]
    pages = home.state / "reports" / "index.html"
    if not shut:
        return f"next: every gate is PASS; the day packs are in {pages}"
    first = shut[0].day
    look = "breaks" if shut[0].verdict == "FAIL" else "status"
    return f"next: billing-recon {look}{hint} --day {first}   (the day packs are in {pages})"
