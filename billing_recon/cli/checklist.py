"""`checklist`: which business fields a day's layers have, and in which of them rows were at fault."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from billing_recon.cli.looking import Format
from billing_recon.cli.options import DayOption, HomeOption, latest_judged_day, open_home
from billing_recon.core.period import parse_day
from billing_recon.report.terminal import Screen

EXAMPLES = {
    "checklist": """\b
Examples:
  billing-recon checklist --day 2026-03-02
  billing-recon checklist --day 2026-03-02 --format json | jq 'select(.fault_share != "0")'""",
}


def checklist(
    ctx: typer.Context,
    day: DayOption = None,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show, per layer and business field, how many of the day's rows have it and how many were set aside for it.

    A layer without rows is NO DATA, never 0% or 100%.
    """
    from billing_recon.report import checklist as report

    opened = open_home(ctx, home)
    asked = parse_day(day) if day else latest_judged_day(opened)
    rows = report.checklist(opened, asked)
    if form is not Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](rows))
        return
    screen = Screen()
    screen.say(f"{opened.company.name}, {asked}", style="bold")
    screen.table(report.checklist_table(rows))
