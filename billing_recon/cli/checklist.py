"""`checklist`: how completely each layer fills its business fields; and with --month, what is left to do before its close."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import DayOption, Format, FormatOption, HomeOption, latest_judged_day, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import parse_day, parse_month
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.day.home import Home

EXAMPLES = """
  billing-recon checklist --day 2026-03-02
  billing-recon checklist --day 2026-03-02 --format json | jq 'select(.fault_share != "0")'
  billing-recon checklist --month 2026-03   the tasks of the close, with owners and due days
  billing-recon checklist --month 2026-03 --page close.html"""


def checklist(
    ctx: typer.Context,
    day: DayOption = None,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="The tasks of a month's close instead.")
    ] = None,
    form: FormatOption = Format.TABLE,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="With --month: write the close as a page.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show, per layer and field, what is filled and what is wrong.

    Counts how many of the day's rows have the field, and how many were quarantined because of it. A layer without rows is
    NO DATA, never 0% or 100%.

    With --month: every task of the month's close with its state, owner and due day; receivables, revenue and tax against the
    ledger; the trial balance; and what changed since it was closed before. Exits 0 if nothing holds the month open, else 1.
    """
    from billing_recon.report import checklist as report

    opened = open_home(ctx, home)
    if month:
        if day:
            raise ConfigurationError("give --day or --month, not both")
        _of_month(opened, month, form, page)
        return
    if page is not None:
        raise ConfigurationError("--page is of a month: give --month; a day has its day pack")
    asked = parse_day(day) if day else latest_judged_day(opened)
    rows = report.checklist(opened, asked)
    if form is not Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](rows))
        return
    screen = Screen()
    screen.say(f"{opened.company.name}, {asked}", style="bold")
    screen.table(report.checklist_table(rows))


def _of_month(home: Home, month: str, form: Format, page: Path | None) -> None:
    from billing_recon.day.month_close import checklist_in_force
    from billing_recon.report.month_checklist import as_json, show_close

    parse_month(month)
    if page is not None:
        from billing_recon.report.month_page import month_page

        text, done = month_page(home, month)
        page.write_text(text, encoding="utf-8")
        Screen().say(f"{page} has the close of {month}")
        if not done:
            raise typer.Exit(1)
        return
    if form is Format.CSV:
        raise ConfigurationError("the tasks of a month are a table or JSON lines; give --format json")
    if form is Format.JSON:
        lines = checklist_in_force(home, month)
        sys.stdout.write(as_json(lines))
        done = all(line.done for line in lines)
    else:
        done = show_close(Screen(), home, month)
    if not done:
        raise typer.Exit(1)
