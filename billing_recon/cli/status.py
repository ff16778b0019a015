"""`status`: where a day or a month stands."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import DayOption, HomeOption, home_hint, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import parse_day, parse_month
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon status                      the newest day, and every other day that is not green
  billing-recon status --through 2026-03-31 the same; each day up to this one should have run
  billing-recon status --day 2026-03-02
  billing-recon status --month 2026-03      the calendar, missing days, sign-offs"""


def status(
    ctx: typer.Context,
    day: DayOption = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="A whole month instead.")] = None,
    through: Annotated[
        str | None, typer.Option("--through", metavar="YYYY-MM-DD", help="Each day up to this one should have run.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show where the days, one day or a month stand.

    Without a day: the newest day that was judged, whatever its verdict; which other days are FAIL, INCONCLUSIVE or no
    longer a current PASS; and which should have run and did not: days before the newest, days that were landed, days with
    a file of every required layer, and with --through each day up to that one.

    For a day: its gate with every condition, landing, evidence. For a month: its calendar, missing days, sign-offs.

    Exits 0 if every day asked about is a current PASS (without a day or month: every day that should have run), otherwise 1.
    """
    if day and month:
        raise ConfigurationError("give --day or --month, not both")
    if through and (day or month):
        raise ConfigurationError("--through asks about all days; leave out --day and --month")
    from billing_recon.day.remembered_files import remembered_files
    from billing_recon.report.status import show_day, show_latest, show_month

    hint = home_hint(ctx, home)
    with remembered_files(open_home(ctx, home)) as opened:
        if month:
            parse_month(month)
            green = show_month(Screen(), opened, month, hint)
        elif day:
            green = show_day(Screen(), opened, parse_day(day), hint)
        else:
            green = show_latest(Screen(), opened, parse_day(through) if through else None, hint)
    if not green:
        raise typer.Exit(1)
