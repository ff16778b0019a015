"""`quarantine list`, `show`, `release` and `discard`: the rows that landing set aside, and what people decide about them."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.looking import Format
from billing_recon.cli.options import MARKUP, HomeOption, ToOption, actor, days_asked, home_hint, open_home
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.quarantine import Fate, Status, Verb
from billing_recon.core.schema import BY_NAME
from billing_recon.core.signoff import roles_of
from billing_recon.report.figures import count
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.quarantine import Decided

app = typer.Typer(
    help="Rows that landing set aside: which, why, whose, the money at risk; and releasing or discarding them.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.callback()
def quarantine() -> None:
    """Rows that landing set aside."""


class Shown(StrEnum):
    """Which rows `list` shows by what was decided."""

    OPEN = "open"
    RELEASED = "released"
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    ALL = "all"


IdsArgument = Annotated[
    list[str], typer.Argument(metavar="ROW_ID...", help="From `list`; its first characters are enough.")
]
AsOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who stands for it; kept in the audit chain.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit chain.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would happen; record and change nothing.")]


@app.command(
    name="list",
    epilog="\b\nExamples:\n  billing-recon quarantine list\n"
    "  billing-recon quarantine list --day 2026-03-02 --table invoice_lines --reason UNPARSABLE\n"
    "  billing-recon quarantine list --status all --format csv > quarantine.csv\n"
    "  billing-recon quarantine list --format json | jq -r .row_id",
)
def list_rows(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day; otherwise all.")] = None,
    to: ToOption = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Only this table.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="REASON", help="Only this reason.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="Only this owner's rows.")] = None,
    status: Annotated[Shown, typer.Option("--status", help="By what was decided; lapsed: of rows sent anew.")] = (
        Shown.OPEN
    ),
    form: Annotated[
        Format, typer.Option("--format", help="table for people; csv and json carry the row as it came.")
    ] = (Format.TABLE),
    home: HomeOption = None,
) -> None:
    """List the rows in quarantine, with file, row, field and what to do; the money at risk in each currency."""
    from billing_recon.contracts.quarantine_reasons import Reason
    from billing_recon.report import quarantine as report

    if table is not None and table not in BY_NAME:
        raise ConfigurationError(f"'{table}' is no table; the tables are {', '.join(BY_NAME)}")
    if reason is not None and reason not in Reason.__members__:
        raise ConfigurationError(f"'{reason}' is no reason; the reasons are {', '.join(Reason)}")
    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")
    days = days_asked(day, to) if day else [date.min, date.max]
    wanted = report.Filter(
        days[0], days[-1], table, reason, owner, None if status is Shown.ALL else Status(status.value)
    )
    opened = open_home(ctx, home)
    found = report.listing(opened, wanted)
    if form is not Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](found))
        return
    screen = Screen()
    which = {Shown.OPEN: " open in quarantine", Shown.ALL: " set aside"}.get(status, f" {status.value}")
    when = "" if not day else f" of {days[0]}" if len(days) == 1 else f" of {days[0]} to {days[-1]}"
    screen.say(f"{count(len(found), 'row')}{which}{when}", style="bold")
    if not found:
        return
    screen.table(report.listed_table(found, with_decision=status is Shown.ALL))
    screen.say(report.risk_sentence(found))
    screen.say(f"next: billing-recon quarantine show{home_hint(ctx, home)} {found[0]['row_id']}")


@app.command(epilog="\b\nExamples:\n  billing-recon quarantine show 07009e8f4059373a")
def show(
    ctx: typer.Context,
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID", help="From `list`; its first characters are enough.")],
    home: HomeOption = None,
) -> None:
    """Show one row as it came, what is wrong with it, whose it is, and every decision on it so far."""
    from billing_recon.day.quarantine import find
    from billing_recon.report.quarantine import show_row

    opened = open_home(ctx, home)
    (row,) = find(opened, row_id)
    show_row(Screen(), row, opened.control.row_decisions(row.row_id), home_hint(ctx, home))


@app.command(
    epilog="\b\nExamples:\n  billing-recon quarantine release 07009e8f --set amount=12.50 --as ana \\\n"
    "      --reason 'decimal comma; confirmed by the bank' --dry-run\n"
    "  billing-recon quarantine release 4c260aaf --as ana --reason 'the first of the two counts'",
)
def release(
    ctx: typer.Context,
    row_ids: IdsArgument,
    corrected: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Read this instead; our column's name. May be repeated."),
    ] = None,
    by: AsOption = "",
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Let rows count, as they came or corrected, if their contract then accepts them.

    A released row lands in the day that it came for and stays there through reruns. All of the rows are released or none.
    Releasing a row twice is one row. The day has to be run again.

    Exits 0 when done (or, with --dry-run, when it can be), 1 when a row cannot be released or its month is closed.
    """
    _decide(ctx, home, Verb.RELEASE, row_ids, _corrections(corrected or []), by, reason, dry_run)


@app.command(
    epilog="\b\nExamples:\n  billing-recon quarantine discard 07009e8f --as ana --reason 'test data of the bank'",
)
def discard(
    ctx: typer.Context,
    row_ids: IdsArgument,
    by: AsOption = "",
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Decide that rows do not count. They stay in the quarantine with the decision and no longer hold the day back."""
    _decide(ctx, home, Verb.DISCARD, row_ids, {}, by, reason, dry_run)


def _corrections(given: list[str]) -> dict[str, str]:
    corrections: dict[str, str] = {}
    for text in given:
        field, equals, value = text.partition("=")
        if not equals or not field:
            raise ConfigurationError(f"--set {text}: write FIELD=VALUE, for example --set amount=12.50")
        if corrections.setdefault(field.strip(), value) != value:
            raise ConfigurationError(f"--set names {field.strip()} twice with different values")
    return corrections


def _decide(
    ctx: typer.Context,
    given_home: HomeOption,
    verb: Verb,
    row_ids: list[str],
    corrections: dict[str, str],
    by: str,
    reason: str,
    dry_run: bool,
) -> None:
    from billing_recon.day.quarantine import decide

    opened = open_home(ctx, given_home)
    decided = decide(
        opened, verb, row_ids, by=by, reason=reason, corrections=corrections, actor=actor(), dry_run=dry_run
    )
    if decided.refused and not dry_run:
        raise GateRefused("\n".join([f"nothing was {_DONE[verb]}:", *(_why_not(decided, verb))]))
    screen = Screen()
    _show(screen, opened, decided, verb, by, dry_run)
    if decided.refused:
        raise typer.Exit(1)
    if decided.recorded:
        days = sorted({report.day for report in decided.reports})
        to = f" --to {days[-1]}" if len(days) > 1 else ""
        screen.say(f"next: billing-recon run{home_hint(ctx, given_home)} --day {days[0]}{to}")


_DONE = {Verb.RELEASE: "released", Verb.DISCARD: "discarded"}
_SAYS = {
    Fate.LANDED: "lands",
    Fate.REPEATED: "repeats a landed row and is collapsed",
    Fate.DISCARDED: "no longer counts as open",
    Fate.REFUSED: "cannot be released",
    Fate.LAPSED: "is gone",
}


def _why_not(decided: Decided, verb: Verb) -> list[str]:
    return [
        f"{outcome.row.row_id} ({outcome.row.row['source_file']} row {outcome.row.row['source_row']}): {outcome.says}"
        for outcome in decided.refused
    ]


def _show(screen: Screen, home: Home, decided: Decided, verb: Verb, by: str, dry_run: bool) -> None:
    number = count(len(decided.outcomes), "row")
    screen.say(f"{f'would {verb.value}' if dry_run else _DONE[verb]} {number}", style="bold")
    table = Table([Col("row id"), Col("table"), Col("day"), Col("the row", wrap=True)])
    for outcome in decided.outcomes:
        before = "" if outcome.new else f"; it was {_DONE[verb]} so before, and nothing new is recorded"
        says = f": {outcome.says}" if outcome.says else ""
        table.add(outcome.row.row_id, outcome.row.table, str(outcome.row.day), f"{_SAYS[outcome.fate]}{says}{before}")
    screen.table(table)
    for report in decided.reports:
        screen.say(str(report))
    if by and not roles_of(by, home.policy.approvers):
        screen.say(f"{by} is none of the policy's approvers; the name is recorded as it was given")
