"""`usage`: how final usage is, what re-opened a day, what came late or twice, and which included units are used up."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from billing_recon.cli import options
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon usage                                   as of the latest day
  billing-recon usage --day 2026-03-02 --only duplicates
  billing-recon usage --day 2026-03-01 --to 2026-03-31 --only late --format csv > late.csv"""


class Part(StrEnum):
    """The parts of `usage`."""

    FRESHNESS = "freshness"
    REOPENED = "reopened"
    LATE = "late"
    DUPLICATES = "duplicates"
    ENTITLEMENTS = "entitlements"


_NOTHING = {
    Part.FRESHNESS: "no usage day has an open late window",
    Part.REOPENED: "no usage day was re-opened",
    Part.LATE: "no usage arrived after the late window of its period",
    Part.DUPLICATES: "no event arrived twice",
    Part.ENTITLEMENTS: "no usage reached 50, 90 or 100% of its included units",
}


def usage(
    ctx: typer.Context,
    day: options.DayOption = None,
    to: options.ToOption = None,
    only: Annotated[Part | None, typer.Option("--only", help="One part; required for csv.")] = None,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """Show how final usage is, and what came late or twice.

    `freshness` is as of the last day asked for: usage days whose late window ends on or after the first day asked for, or,
    with --only freshness, the policy's whole lookback. `reopened`, `late`, `duplicates` and `entitlements` cover the days
    asked for.
    """
    from billing_recon.core.schema import ENTITLEMENT_SIGNALS, LATE_USAGE, REOPENED_DAYS
    from billing_recon.day.usage import duplicates_report, late_usage, reopened_days, usage_freshness
    from billing_recon.report import arrivals, exports, stored_rows

    options.require_first_day(day, to)
    if form is options.Format.CSV and only is None:
        raise ConfigurationError(f"--format csv needs --only, one of {', '.join(Part)}: each has its own columns")
    opened = options.open_home(ctx, home)
    days = options.days_or_latest(opened, day, to)
    first, last = days[0], days[-1]
    columns = {
        Part.REOPENED: REOPENED_DAYS.names,
        Part.LATE: LATE_USAGE.names,
        Part.ENTITLEMENTS: ("day", *ENTITLEMENT_SIGNALS.names),
    }
    screen = Screen()
    for doubt in options.doubts(ctx, home, opened, days):
        screen.warn(f"warning: {doubt}")
    if form is options.Format.TABLE:
        screen.say(f"{opened.company.name}, {options.range_text(days)}", style="bold")
    for part in Part if only is None else (only,):
        if part is Part.FRESHNESS:
            rows, drawn = usage_freshness(opened, last), arrivals.freshness_table
            if form is options.Format.TABLE and only is None:
                rows = [row for row in rows if row["window_ends"] >= first]
        elif part is Part.REOPENED:
            rows, drawn = reopened_days(opened, first, last), arrivals.reopened_table
        elif part is Part.LATE:
            rows, drawn = late_usage(opened, first, last), arrivals.late_table
        elif part is Part.DUPLICATES:
            rows, drawn = duplicates_report(opened, first, last), arrivals.duplicates_table
        else:
            rows, drawn = stored_rows.entitlements(opened, first, last), arrivals.entitlements_table
        if form is options.Format.JSON:
            sys.stdout.write(exports.rows_json({"part": part.value, **row} for row in rows))
        elif form is options.Format.CSV:
            names = columns.get(part) or list(rows[0] if rows else ())
            sys.stdout.write(exports.rows_csv(rows, names))
        elif rows:
            screen.table(drawn(rows))
        else:
            screen.say(_NOTHING[part])
