"""`quarantine list`: the rows that landing set aside, and why. Releasing them is by resending the file and rerunning the day."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from billing_recon.cli.asking import MARKUP, DayOption, HomeOption, ToOption, days_asked, latest_judged_day, open_home
from billing_recon.cli.looking import Format
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.tables import BY_NAME
from billing_recon.report.figures import count
from billing_recon.report.terminal import Col, Screen, Table

app = typer.Typer(
    help="Rows that landing set aside: which, why, whose, and the money at risk.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.callback()
def quarantine() -> None:
    """Rows that landing set aside."""


@app.command(
    name="list",
    epilog="\b\nExamples:\n  billing-recon quarantine list --day 2026-03-02\n"
    "  billing-recon quarantine list --day 2026-03-02 --table invoice_lines --format json",
)
def list_rows(
    ctx: typer.Context,
    day: DayOption = None,
    to: ToOption = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Only this table.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table for people; json carries the row as it came.")] = (
        Format.TABLE
    ),
    home: HomeOption = None,
) -> None:
    """List the rows in quarantine, with file, row, field and what to do."""
    if table is not None and table not in BY_NAME:
        raise ConfigurationError(f"'{table}' is no table; the tables are {', '.join(BY_NAME)}")
    if form is Format.CSV:
        raise ConfigurationError("quarantine list writes table or json; a row as it came does not fit into columns")
    from billing_recon.report import reading

    opened = open_home(ctx, home)
    days = days_asked(day, to) if day else [latest_judged_day(opened)]
    found = reading.quarantined(opened, days[0], days[-1], table)
    if form is Format.JSON:
        for row in found:
            texts = {key: None if value is None else str(value) for key, value in row.items()}
            sys.stdout.write(json.dumps(texts, ensure_ascii=False) + "\n")
        return
    screen = Screen()
    when = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
    screen.say(f"{count(len(found), 'row')} in quarantine of {when}", style="bold")
    if not found:
        return
    listed = Table(
        (Col("table"), Col("file"), Col("row", right=True), Col("reason"), Col("what and what to do", wrap=True))
    )
    for row in found:
        listed.add(row["table_name"], row["source_file"], str(row["source_row"]), row["reason"], row["message"])
    screen.table(listed)
    screen.say(f"next: have the rows mended at their source, land the file again, and run the day: --day {days[0]}")
