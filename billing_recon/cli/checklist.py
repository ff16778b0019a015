"""`checklist`: how completely each layer fills its business fields, and which fields have faults."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli.options import DayOption, Format, FormatOption, HomeOption, latest_judged_day, open_home
from billing_recon.core.period import parse_day
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon checklist --day 2026-03-02
  billing-recon checklist --day 2026-03-02 --format json | jq 'select(.fault_share != "0")'"""


def checklist(
    ctx: typer.Context,
    day: DayOption = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show, per layer and field, what is filled and what is wrong.

    Counts how many of the day's rows have the field, and how many were quarantined because of it. A layer without rows is
    NO DATA, never 0% or 100%.
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
