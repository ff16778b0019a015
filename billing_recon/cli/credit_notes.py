"""`credit-notes`: the earlier charges that credit notes reverse, and what they credit beyond them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from billing_recon.cli.options import Format, FormatOption, HomeOption, ToOption, days_asked, open_home, range_text
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon credit-notes --day 2026-03-02
  billing-recon credit-notes --day 2026-03-01 --to 2026-03-31
  billing-recon credit-notes --day 2026-03-02 --format json | jq -r 'select(.state != "covered") | .invoice_id'"""
_SHOWN = 20


def credit_notes(
    ctx: typer.Context,
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day of issue, or the first of a range.")],
    to: ToOption = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show which earlier charges credit notes reverse.

    A credit note's line reverses charges of the same customer, product and unit price, the earliest first, each unit once.
    Units without such a charge are uncovered: they credit something that was never charged.
    """
    from billing_recon.day.credit_notes import credit_lines
    from billing_recon.report import credit_notes as shown

    opened = open_home(ctx, home)
    days = days_asked(day, to)
    lines = credit_lines(opened, days[0], days[-1])
    if form is not Format.TABLE:
        sys.stdout.write(shown.EXPORTS[form.value](lines))
        return
    screen = Screen()
    screen.say(f"{count(len(lines), 'line')} on credit notes issued on {range_text(days)}", style="bold")
    if lines:
        screen.table(shown.by_state(lines))
    left = sum(line.state != "covered" for line in lines)
    if left:
        screen.table(shown.not_covered(lines, _SHOWN))
        if left > _SHOWN:
            screen.say(f"and {count(left - _SHOWN, 'line')} more; --format csv lists them all")
