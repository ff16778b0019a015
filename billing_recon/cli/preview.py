"""`preview`: what a customer will be billed next, from what is known today."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import DayOption, Format, FormatOption, HomeOption, days_or_latest, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon preview CUS-00017
  billing-recon preview CUS-00017 --day 2026-03-14 --format json
  billing-recon preview CUS-00017 --page cus-17.html      a page to send or print"""


def preview(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer_id of the contracts.")],
    day: DayOption = None,
    form: FormatOption = Format.TABLE,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page as well.")] = None,
    home: HomeOption = None,
) -> None:
    """Show a customer's next bills as known at the end of a day: used so far, still to come, included units used.

    The same relations rate them that will rate them when they are due. Nothing is stored.
    """
    from billing_recon.day.preview import preview_customer
    from billing_recon.report import preview as report

    if form is Format.CSV:
        raise ConfigurationError("preview has no csv, since a bill is no single table; take --format json")
    opened = open_home(ctx, home)
    found = preview_customer(opened, customer, days_or_latest(opened, day, None)[-1])
    if page is not None:
        page.write_text(report.page(opened, found), encoding="utf-8")
    if form is Format.JSON:
        sys.stdout.write(report.as_json(opened, found))
        return
    screen = Screen()
    screen.say(f"{customer}, as known at the end of {found.as_of}", style="bold")
    for note in report.notes(found):
        screen.say(note)
    for bill in report.bills(opened, found):
        screen.table(report.lines_table(bill))
    if not found.lines:
        screen.say("no bill is to come")
    if found.units:
        screen.table(report.units_table(found))
    if page is not None:
        screen.say(f"{page} is the same as a page")
