"""`status`: where a day or a month stands."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import DayOption, HomeOption, home_hint, latest_judged_day, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import parse_day, parse_month
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon status                      the latest day
  billing-recon status --day 2026-03-02
  billing-recon status --month 2026-03      the calendar, missing days, sign-offs"""


def status(
    ctx: typer.Context,
    day: DayOption = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="A whole month instead.")] = None,
    home: HomeOption = None,
) -> None:
    """Show where a day or a month stands.

    For a day: its gate with every condition, landing, evidence. For a month: its calendar, missing days, sign-offs.

    Exits 0 if everything shown is a current PASS, otherwise 1.
    """
    if day and month:
        raise ConfigurationError("give --day or --month, not both")
    from billing_recon.report.status import show_day, show_month

    opened = open_home(ctx, home)
    hint = home_hint(ctx, home)
    if month:
        parse_month(month)
        green = show_month(Screen(), opened, month, hint)
    else:
        green = show_day(Screen(), opened, parse_day(day) if day else latest_judged_day(opened), hint)
    if not green:
        raise typer.Exit(1)
