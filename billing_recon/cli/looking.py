"""`status`, `breaks` and `explain`: how a day went, what differs, and the whole working of one difference."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import (
    DayOption,
    HomeOption,
    ToOption,
    days_asked,
    home_hint,
    latest_judged_day,
    open_home,
)
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import parse_day, parse_month
from billing_recon.core.reason import Code
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.report.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = {
    "status": """\b
Examples:
  billing-recon status                      the latest day
  billing-recon status --day 2026-03-02
  billing-recon status --month 2026-03      the calendar, missing days, sign-offs""",
    "breaks": """\b
Examples:
  billing-recon breaks --day 2026-03-02
  billing-recon breaks --day 2026-03-01 --to 2026-03-31 --code PRICE_VERSION
  billing-recon breaks --day 2026-03-02 --format json | jq -r .explanation
  billing-recon breaks --day 2026-03-02 --format csv > breaks.csv""",
    "explain": """\b
Examples:
  billing-recon explain 5f0c1e7a
  billing-recon explain 5f0c1e7a --sql audit/5f0c1e7a && cd audit/5f0c1e7a && duckdb < break.sql
  billing-recon breaks --format json | jq -r .break_id | xargs -n1 billing-recon explain""",
}


class Format(StrEnum):
    """How breaks are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def status(
    ctx: typer.Context,
    day: DayOption = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="A whole month instead.")] = None,
    home: HomeOption = None,
) -> None:
    """Show where a day stands, or a month.

    A day: its gate with the conditions, landing, evidence. A month: its calendar, missing days, sign-offs.

    Exits 0 when what is shown is a current PASS throughout, otherwise 1.
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


def breaks(
    ctx: typer.Context,
    day: DayOption = None,
    to: ToOption = None,
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only this reason code.")] = None,
    form: Annotated[
        Format, typer.Option("--format", help="table for people; csv and json carry every column.")
    ] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List what differs, by how much, why, and whose it is.

    The same data gives the same bytes in csv and json, with the fixed columns in their order and amounts as exact text.
    """
    if code is not None and code not in Code.__members__:
        raise ConfigurationError(f"'{code}' is no reason code; the codes are {', '.join(Code)}")
    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")
    from billing_recon.report import day_tables, exports
    from billing_recon.report import stored_rows as reading

    opened = open_home(ctx, home)
    days = days_asked(day, to) if day else [latest_judged_day(opened)]
    first, last = days[0], days[-1]
    found = reading.breaks(opened, first, last, code)
    if form is not Format.TABLE:
        sys.stdout.write(exports.EXPORTS[form.value](found))
        return
    screen = Screen()
    when = f"{first}" if first == last else f"{first} to {last}"
    screen.say(f"{count(len(found), 'break')} of {when}" + (f" with code {code}" if code else ""), style="bold")
    if not found:
        not_run = set(days) - set(opened.warehouse.days(CONTROL_TOTALS.name))
        _say_whether_run(screen, len(not_run), when)
        return
    screen.table(day_tables.breaks(found))
    sums = reading.break_sums(opened, first, last)
    screen.table(day_tables.break_sums([s for s in sums if code is None or s.code == code]))
    screen.say(f"next: billing-recon explain{home_hint(ctx, home)} {found[0]['break_id']}")


def _say_whether_run(screen: Screen, not_run: int, when: str) -> None:
    """No breaks means nothing where nothing was compared."""
    if not_run:
        screen.say(f"{count(not_run, 'day')} of {when} not reconciled yet, so nothing was compared there")
    else:
        screen.say("what was compared agrees; see billing-recon status for what each gate says")


def explain(
    ctx: typer.Context,
    break_id: Annotated[
        str, typer.Argument(metavar="BREAK_ID", help="From `breaks`; its first characters are enough.")
    ],
    sql: Annotated[
        Path | None,
        typer.Option(
            "--sql", metavar="FOLDER", help="Write the day's inputs and the SQL that leads to the break there."
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show the whole working of one break.

    Every layer, every stage, both computations side by side, the source rows, terms and policy. With --sql an auditor gets
    all of it as files and a script that plain DuckDB runs again.
    """
    from billing_recon.report import stored_rows as reading
    from billing_recon.report.break_working import show_working

    opened = open_home(ctx, home)
    found = reading.breaks_like(opened, break_id)
    exact = [row for row in found if row["break_id"] == break_id]
    if not found or not break_id:
        listing = f"billing-recon breaks{home_hint(ctx, home)} --day YYYY-MM-DD"
        raise ConfigurationError(f"no break '{break_id}' in {opened.path}; list them with: {listing}")
    if len(found) > 1 and not exact:
        ids = ", ".join(row["break_id"] for row in found)
        raise ConfigurationError(f"'{break_id}' begins several break ids ({ids}); give more of it")
    row = (exact or found)[0]
    if sql is not None:
        from billing_recon.report.break_sql import write_rerun

        script = write_rerun(opened, row["day"], row["break_id"], sql)
        Screen().say(f"wrote {script} and its inputs; run it again: cd {sql} && duckdb < {script.name}")
        return
    show_working(Screen(), opened, row, home_hint(ctx, home))
