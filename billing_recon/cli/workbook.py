"""`workbook`: the tie-out, breaks, exceptions and control totals of some days as an Excel file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import DayOption, HomeOption, ToOption, days_or_latest, open_home, require_first_day
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon workbook --day 2026-03-02
  billing-recon workbook --day 2026-03-01 --to 2026-03-31 --out march.xlsx"""


def workbook(
    ctx: typer.Context,
    day: DayOption = None,
    to: ToOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: <first>.xlsx, or <first>_<last>.xlsx, here.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the tie-out, breaks, exceptions, control totals, landing and whole months' roll-forwards of some days as a workbook.

    Each sheet is a table with typed columns. The tie-out's figures are formulas over the other sheets, so that it foots in
    Excel or does not. No cell of the data is a formula or a link.
    """
    from billing_recon.report.workbook import write_workbook

    require_first_day(day, to)
    opened = open_home(ctx, home)
    days = days_or_latest(opened, day, to)
    name = f"{days[0]}.xlsx" if len(days) == 1 else f"{days[0]}_{days[-1]}.xlsx"
    path = write_workbook(opened, days[0], days[-1], out or Path(name))
    Screen().say(
        f"{path} has the tie-out, breaks, exceptions, control totals, landing and the roll-forwards of whole months"
    )
