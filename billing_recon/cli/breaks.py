"""`breaks`: what differs on some days, by how much, and why."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli import options
from billing_recon.core.figures import and_open
from billing_recon.core.reason import Disposition
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
    screen = Screen()
    doubts = options.doubts(ctx, home, opened, days)
    if form is not options.Format.TABLE:
        for doubt in doubts:
            screen.warn(f"warning: {doubt}")
        sys.stdout.write(exports.EXPORTS[form.value](found))
        return
    counted = sum(Disposition(row["disposition"]).counts_against_gate for row in found)
    screen.say(
        f"{and_open(len(found), counted)} {'break' if len(found) == 1 else 'breaks'} {options.when_text(days)}"
        + (f" with code {code}" if code else ""),
        style="bold",
    )
    for doubt in doubts:
        screen.say(doubt)
    if not found:
        if not doubts:
            screen.say("everything compared agrees; billing-recon status shows what each gate decided")
        return
    screen.table(day_tables.breaks(found))
    sums = stored_rows.break_sums(opened, days[0], days[-1])
    screen.table(day_tables.break_sums([s for s in sums if code is None or s.code == code]))
    screen.say(f"next: billing-recon explain{options.home_hint(ctx, home)} {found[0]['break_id']}")
