"""`leaks`: revenue lost or overcharged by cause, layer, plan and month, what was recovered, and the capture rate."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli import options
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon leaks                                           every reconciled day
  billing-recon leaks --day 2026-03-01 --to 2026-03-31
  billing-recon leaks --day 2026-01-01 --to 2026-03-31 --format csv > leaks.csv"""


def leaks(
    ctx: typer.Context,
    day: options.AnyDayOption = None,
    to: options.ToOption = None,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """Show what revenue was lost or overcharged, by cause, layer, plan and month, and how much of it was recovered.

    Recovered: another document corrects it, or somebody decided about it and it is no longer found. The capture rate is what
    was billed or recovered of what was expected; overcharges are not set against what was lost.
    """
    from billing_recon.day.gate import DAY_GATE
    from billing_recon.day.leaks import leaks as leaks_of
    from billing_recon.report import exports
    from billing_recon.report import leaks as report

    options.require_first_day(day, to)
    opened = options.open_home(ctx, home)
    known = sorted(opened.control.answers(DAY_GATE))
    if day is None and not known:
        raise ConfigurationError(
            f"no day of {opened.path} was reconciled yet; run one: billing-recon run --day YYYY-MM-DD"
        )
    days = options.days_asked(day, to) if day else options.days_asked(known[0], known[-1])
    found = leaks_of(opened, days[0], days[-1])
    if form is options.Format.CSV:
        sys.stdout.write(exports.rows_csv(found.by_cause, report.COLUMNS))
    elif form is options.Format.JSON:
        sys.stdout.write(exports.rows_json([{"part": "captured", **row} for row in report.captured(found)]))
        sys.stdout.write(exports.rows_json([{"part": "leak", **row} for row in found.by_cause]))
    else:
        screen = Screen()
        screen.say(f"{opened.company.name}, {options.range_text(days)}", style="bold")
        if not found.captured and not found.by_cause:
            screen.say("nothing was expected, and nothing differs")
        if found.captured:
            screen.table(report.capture_table(found))
        if found.by_cause:
            screen.table(report.cause_table(found))
