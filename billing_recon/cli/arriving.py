"""`usage` and `findings`: what arrived, how final it is, what came late or twice, and what landed files say of themselves."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from billing_recon.cli.looking import Format
from billing_recon.cli.options import DayOption, HomeOption, ToOption, days_asked, latest_judged_day, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = {
    "usage": """\b
Examples:
  billing-recon usage                                   as of the latest day
  billing-recon usage --day 2026-03-02 --only duplicates
  billing-recon usage --day 2026-03-01 --to 2026-03-31 --only late --format csv > late.csv""",
    "findings": """\b
Examples:
  billing-recon findings --day 2026-03-02
  billing-recon findings --day 2026-03-01 --to 2026-03-31 --format json | jq 'select(.code == "TAX")'""",
}


class Part(StrEnum):
    """The parts of `usage`."""

    FRESHNESS = "freshness"
    REOPENED = "reopened"
    LATE = "late"
    DUPLICATES = "duplicates"
    ENTITLEMENTS = "entitlements"


def usage(
    ctx: typer.Context,
    day: DayOption = None,
    to: ToOption = None,
    only: Annotated[Part | None, typer.Option("--only", help="One part; csv needs it.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show how final usage is, which days arrivals re-opened, what came too late or twice, and whose included units it reached.

    `freshness` is as of the last day asked for: the days whose late window ends in the days asked for or after, and with --only
    freshness the policy's whole lookback. The other parts are of the days asked for.
    """
    from billing_recon.core.schema import ENTITLEMENT_SIGNALS, LATE_USAGE, REOPENED_DAYS
    from billing_recon.day.usage import (
        duplicates_report,
        late_usage,
        reopened_days,
        usage_freshness,
    )
    from billing_recon.report import arrivals as report
    from billing_recon.report import stored_rows as reading

    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")
    if form is Format.CSV and only is None:
        raise ConfigurationError(f"--format csv needs --only, one of {', '.join(Part)}: each has columns of its own")
    opened = open_home(ctx, home)
    days = days_asked(day, to) if day else [latest_judged_day(opened)]
    first, last = days[0], days[-1]
    named = {
        Part.REOPENED: list(REOPENED_DAYS.names),
        Part.LATE: list(LATE_USAGE.names),
        Part.ENTITLEMENTS: ["day", *ENTITLEMENT_SIGNALS.names],
    }
    screen = Screen()
    if form is Format.TABLE:
        screen.say(f"{opened.company.name}, {first}" + (f" to {last}" if last != first else ""), style="bold")
    for part in Part:
        if only not in (None, part):
            continue
        if part is Part.FRESHNESS:
            rows, drawn = usage_freshness(opened, last), report.freshness_table
            if form is Format.TABLE and only is None:
                rows = [row for row in rows if row["window_ends"] >= first]
        elif part is Part.REOPENED:
            rows, drawn = reopened_days(opened, first, last), report.reopened_table
        elif part is Part.LATE:
            rows, drawn = late_usage(opened, first, last), report.late_table
        elif part is Part.DUPLICATES:
            rows, drawn = duplicates_report(opened, first, last), report.duplicates_table
        else:
            rows, drawn = reading.entitlements(opened, first, last), report.entitlements_table
        if form is Format.JSON:
            sys.stdout.write(report.rows_json(rows, part=part.value))
        elif form is Format.CSV:
            sys.stdout.write(report.rows_csv(rows, named.get(part) or list(rows[0] if rows else ())))
        elif rows:
            screen.table(drawn(rows))
        else:
            screen.say(_NOTHING[part])


_NOTHING = {
    Part.FRESHNESS: "no usage whose late window is open",
    Part.REOPENED: "no day was re-opened",
    Part.LATE: "no usage came after the window of its period",
    Part.DUPLICATES: "no event came twice",
    Part.ENTITLEMENTS: "no included units were reached by 50, 90 or 100%",
}


def findings(
    ctx: typer.Context,
    day: DayOption = None,
    to: ToOption = None,
    form: Annotated[Format, typer.Option("--format", help="How they are written.")] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show what does not add up in files that landed all the same: documents, journals, rules of a feed.

    A line that is not quantity x price, a total that is not its parts, a page that shows another figure than its XML, a journal
    that does not balance, a gap in numbering.
    """
    from billing_recon.report import arrivals as report

    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")
    opened = open_home(ctx, home)
    days = days_asked(day, to) if day else [latest_judged_day(opened)]
    rows = report.findings(opened, days[0], days[-1])
    if form is Format.JSON:
        sys.stdout.write(report.rows_json(rows))
        return
    if form is Format.CSV:
        sys.stdout.write(report.rows_csv(rows, report.FINDINGS))
        return
    screen = Screen()
    when = f"{days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
    screen.say(f"{opened.company.name}, {when}: {count(len(rows), 'finding')}", style="bold")
    if rows:
        screen.table(report.findings_table(rows))
