"""`run`: the daily job for one day or many in one process, and a summary of the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import HomeOption, ToOption, actor, days_asked, home_hint, open_home, when_text
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.defs.runner import DayOutcome
    from billing_recon.report.summary import Outcome

EXAMPLES = """
  billing-recon run --day 2026-03-02
  billing-recon run --day 2026-02-01 --to 2026-02-28 --home acme
  billing-recon run --stale --dry-run
  billing-recon run --stale"""


def run(
    ctx: typer.Context,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day, or the first of a range.")
    ] = None,
    to: ToOption = None,
    home: HomeOption = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Run only days that rest on something else than what is there now.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --stale: list these days and why, and run none.")
    ] = False,
) -> None:
    """Reconcile a day, or every day of a range.

    Each day is landed, re-rated, compared and judged in its own Dagster run, all in one process.

    --stale runs what a fix has made stale and nothing else, the earliest day first: days whose files, earlier days, policy,
    catalog, company or code are no longer those of their verdict, and days that were never judged. It shows the breaks that
    closed, opened and changed, their money, and signatures that lapsed. Without --day and --to it looks at every day that is
    not in a locked or closed month.

    Exits 0 if every day's gate is PASS, 1 if one is FAIL or INCONCLUSIVE (--dry-run: if a day is stale), 3 if a run itself
    failed.
    """
    from billing_recon.day import admit_catalog

    if dry_run and not stale:
        raise ConfigurationError("--dry-run needs --stale")
    if day is None and not stale:
        raise ConfigurationError("which day? Add --day YYYY-MM-DD, or --stale for the days that a fix has made stale")
    days = days_asked(day, to) if day else []
    opened = open_home(ctx, home)
    admit_catalog(opened, actor())  # here, so that an edit is refused before Dagster is loaded
    if stale:
        _run_stale(opened, day, to, home_hint(ctx, home), dry_run)
        return
    from billing_recon.report.summary import Progress, run_summary

    screen = Screen()
    what = f"reconciling {days[0]}" if len(days) == 1 else f"reconciling {count(len(days), 'day')}"
    with screen.progress(what, total=len(days)) as shown:
        from billing_recon.defs.runner import run_days

        progress = Progress(shown)
        outcomes = run_days(opened.path, days, progress, actor=actor())
    screen.table(run_summary(opened, outcomes, progress.seconds))
    _end(screen, opened, outcomes, home_hint(ctx, home))


def _run_stale(home: Home, day: str | None, to: str | None, hint: str, dry_run: bool) -> None:
    from billing_recon.core.period import parse_day
    from billing_recon.day.stale_days import days_asked_about, stale_days
    from billing_recon.report import rerun
    from billing_recon.report.summary import Progress

    screen = Screen()
    days = days_asked_about(home, parse_day(day) if day else None, parse_day(to) if to else None)
    if dry_run:
        found = list(stale_days(home, days))
        if found:
            screen.table(rerun.stale_table(found))
            screen.say(f"next: billing-recon run{hint} --stale")
            raise typer.Exit(1)
        screen.say(_nothing_stale(days))
        return
    with screen.progress("running what is stale") as shown:
        from billing_recon.defs.runner import run_stale

        done = run_stale(home.path, days, Progress(shown), actor=actor())
    if not done.outcomes:
        screen.say(_nothing_stale(days))
        return
    screen.table(rerun.verdicts_table(done.why, done.changes))
    for table in (rerun.money_table(done.changes), rerun.breaks_table(done.changes)):
        if table.rows:
            screen.table(table)
    for sentence in done.changes.lapsed:
        screen.say(f"lapsed: {sentence}")
    _end(screen, home, done.outcomes, hint)


def _nothing_stale(days: Sequence[date]) -> str:
    return f"Nothing is stale {when_text(days)}." if days else "No open day was landed or judged; nothing is stale."


def _end(screen: Screen, home: Home, outcomes: Sequence[DayOutcome], hint: str) -> None:
    """What failed, what to do now, and the exit code."""
    failed = [o for o in outcomes if not o.success]
    for outcome in failed:
        screen.warn(f"error: the run of {outcome.day} failed: {outcome.error} (run {outcome.run_id})")
    screen.say(_next_step(outcomes, hint, home))
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
