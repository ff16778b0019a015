"""`findings`: what does not add up in files that landed."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli import options
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon findings --day 2026-03-02
  billing-recon findings --day 2026-03-01 --to 2026-03-31 --format json | jq 'select(.code == "TAX")'"""


def findings(
    ctx: typer.Context,
    day: options.DayOption = None,
    to: options.ToOption = None,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """Show what does not add up in landed files.

    Covers documents, journals and feed rules. For example: a line that is not quantity x price, a total that is not the sum of its parts, a page that shows another
    figure than its XML, an unbalanced journal, a gap in numbering.
    """
    from billing_recon.report import arrivals, exports

    options.require_first_day(day, to)
    opened = options.open_home(ctx, home)
    days = options.days_or_latest(opened, day, to)
    rows = arrivals.findings(opened, days[0], days[-1])
    screen = Screen()
    for doubt in options.doubts(ctx, home, opened, days):
        screen.warn(f"warning: {doubt}")
    if form is options.Format.JSON:
        sys.stdout.write(exports.rows_json(rows))
        return
    if form is options.Format.CSV:
        sys.stdout.write(exports.rows_csv(rows, arrivals.FINDINGS))
        return
    screen.say(f"{opened.company.name}, {options.range_text(days)}: {count(len(rows), 'finding')}", style="bold")
    if rows:
        screen.table(arrivals.findings_table(rows))
