"""`breaks`: what differs on some days, by how much, and why."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli import options
from billing_recon.core.figures import count
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon breaks --day 2026-03-02
  billing-recon breaks --day 2026-03-01 --to 2026-03-31 --code PRICE_VERSION
  billing-recon breaks --day 2026-03-02 --format json | jq -r .explanation
  billing-recon breaks --day 2026-03-02 --format csv > breaks.csv"""


def breaks(
    ctx: typer.Context,
    day: options.DayOption = None,
    to: options.ToOption = None,
    code: options.CodeOption = None,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """List what differs, by how much, and why.

    csv and json have the fixed columns in their fixed order, and the same data gives the same bytes.
    """
    options.require_code(code)
    options.require_first_day(day, to)
    from billing_recon.report import day_tables, exports, stored_rows

    opened = options.open_home(ctx, home)
    days = options.days_or_latest(opened, day, to)
    found = stored_rows.breaks(opened, days[0], days[-1], code)
    if form is not options.Format.TABLE:
        sys.stdout.write(exports.EXPORTS[form.value](found))
        return
    screen = Screen()
    when = options.range_text(days)
    screen.say(f"{count(len(found), 'break')} on {when}" + (f" with code {code}" if code else ""), style="bold")
    if not found:
        # No breaks proves nothing about a day that was not compared.
        not_run = len(set(days) - set(opened.warehouse.days(CONTROL_TOTALS.name)))
        if not_run:
            screen.say(f"{count(not_run, 'day')} of {when} not reconciled yet, so nothing was compared there")
        else:
            screen.say("everything compared agrees; billing-recon status shows what each gate decided")
        return
    screen.table(day_tables.breaks(found))
    sums = stored_rows.break_sums(opened, days[0], days[-1])
    screen.table(day_tables.break_sums([s for s in sums if code is None or s.code == code]))
    screen.say(f"next: billing-recon explain{options.home_hint(ctx, home)} {found[0]['break_id']}")
