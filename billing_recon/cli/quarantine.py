"""`quarantine list`, `show`, `release` and `discard`: quarantined rows, and what people decide about them."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli import options
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.figures import count
from billing_recon.core.quarantine import Fate, Status, Verb
from billing_recon.core.schema import BY_NAME
from billing_recon.core.signoff import roles_of
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.quarantine import Decided

app = typer.Typer(
    help="Quarantined rows: list, release, discard.",
    no_args_is_help=True,
    rich_markup_mode=options.MARKUP,
)


@app.callback()
def quarantine() -> None:
    """Quarantined rows: list, release, discard."""


class Shown(StrEnum):
    """Which rows `list` shows; `lapsed`: decided, but no longer in their file."""

    OPEN = "open"
    RELEASED = "released"
    DISCARDED = "discarded"
    LAPSED = "lapsed"
    ALL = "all"


IdsArgument = Annotated[
    list[str], typer.Argument(metavar="ROW_ID...", help="From `list`; a unique beginning is enough.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, without recording it.")]


@app.command(
    name="list",
    epilog="\b\nExamples:\n  billing-recon quarantine list\n"
    "  billing-recon quarantine list --day 2026-03-02 --table invoice_lines --reason UNPARSABLE\n"
    "  billing-recon quarantine list --status all --format csv > quarantine.csv\n"
    "  billing-recon quarantine list --format json | jq -r .row_id",
)
def list_rows(
    ctx: typer.Context,
    day: options.AnyDayOption = None,
    to: options.ToOption = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Only this table.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="REASON", help="Only this reason.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="Only this owner's rows.")] = None,
    status: Annotated[Shown, typer.Option("--status", help="By decision; lapsed: no longer in their file.")] = (
        Shown.OPEN
    ),
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """List quarantined rows: where, what is wrong, what to do.

    Also shows the money at risk in each currency.
    """
    from billing_recon.contracts.quarantine_reasons import Reason
    from billing_recon.report import quarantine as report

    if table is not None and table not in BY_NAME:
        raise ConfigurationError(f"'{table}' is not a table; the tables are {', '.join(BY_NAME)}")
    if reason is not None and reason not in Reason.__members__:
        raise ConfigurationError(f"'{reason}' is not a quarantine reason; the reasons are {', '.join(Reason)}")
    options.require_first_day(day, to)
    days = options.days_asked(day, to) if day else [date.min, date.max]
    wanted = report.Filter(
        days[0], days[-1], table, reason, owner, None if status is Shown.ALL else Status(status.value)
    )
    opened = options.open_home(ctx, home)
    found = report.listing(opened, wanted)
    if form is not options.Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](found))
        return
    screen = Screen()
    which = {Shown.OPEN: " open in quarantine", Shown.ALL: " quarantined"}.get(status, f" {status.value}")
    when = f" on {options.range_text(days)}" if day else ""
    screen.say(f"{count(len(found), 'row')}{which}{when}", style="bold")
    if not found:
        return
    screen.table(report.listed_table(found, with_decision=status is Shown.ALL))
    screen.say(report.risk_sentence(found))
    screen.say(f"next: billing-recon quarantine show{options.home_hint(ctx, home)} {found[0]['row_id']}")


@app.command(epilog="\b\nExamples:\n  billing-recon quarantine show 07009e8f4059373a")
def show(
    ctx: typer.Context,
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID", help="From `list`; a unique beginning is enough.")],
    home: options.HomeOption = None,
) -> None:
    """Show one row: as it arrived, what is wrong, its owner, every decision."""
    from billing_recon.day.quarantine import find
    from billing_recon.report.quarantine import show_row

    opened = options.open_home(ctx, home)
    (row,) = find(opened, row_id)
    show_row(Screen(), row, opened.control.row_decisions(row.row_id), options.home_hint(ctx, home))


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
        typer.Option("--set", metavar="FIELD=VALUE", help="Read this value instead; FIELD is our column. Repeatable."),
    ] = None,
    by: options.AsOption = "",
    reason: options.ReasonOption = "",
    dry_run: DryRunOption = False,
    home: options.HomeOption = None,
) -> None:
    """Land rows after all, as they arrived or corrected.

    A row must then satisfy its contract. It lands in its own day and stays there through reruns; releasing it twice lands
    it once. Either all rows are released or none. The day has to be run again.

    Exits 0 if the rows are released (with --dry-run: if they can be), 1 if one cannot be or its month is closed.
    """
    _decide(ctx, home, Verb.RELEASE, row_ids, _corrections(corrected or []), by, reason, dry_run)


@app.command(
    epilog="\b\nExamples:\n  billing-recon quarantine discard 07009e8f --as ana --reason 'test data of the bank'",
)
def discard(
    ctx: typer.Context,
    row_ids: IdsArgument,
    by: options.AsOption = "",
    reason: options.ReasonOption = "",
    dry_run: DryRunOption = False,
    home: options.HomeOption = None,
) -> None:
    """Decide that rows do not count.

    They stay in quarantine with the decision and no longer hold the day back.
    """
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
    given_home: options.HomeOption,
    verb: Verb,
    row_ids: list[str],
    corrections: dict[str, str],
    by: str,
    reason: str,
    dry_run: bool,
) -> None:
    from billing_recon.day.quarantine import decide

    opened = options.open_home(ctx, given_home)
    decided = decide(
        opened, verb, row_ids, by=by, reason=reason, corrections=corrections, actor=options.actor(), dry_run=dry_run
    )
    if decided.refused and not dry_run:
        raise GateRefused("\n".join([f"nothing was {_DONE[verb]}:", *(_why_not(decided, verb))]))
    screen = Screen()
    _show(screen, opened, decided, verb, by, dry_run)
    if decided.refused:
        raise typer.Exit(1)
    if decided.recorded:
        days = sorted({report.day for report in decided.reports})
        screen.say(f"next: {options.run_hint(ctx, given_home, days)}")


_DONE = {Verb.RELEASE: "released", Verb.DISCARD: "discarded"}
_OUTCOME = {
    Fate.LANDED: "lands",
    Fate.REPEATED: "duplicates a landed row and is collapsed",
    Fate.DISCARDED: "is no longer open",
    Fate.REFUSED: "cannot be released",
    Fate.LAPSED: "is no longer in its file",
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
        before = "" if outcome.new else f"; already {_DONE[verb]}, nothing new is recorded"
        says = f": {outcome.says}" if outcome.says else ""
        table.add(
            outcome.row.row_id, outcome.row.table, str(outcome.row.day), f"{_OUTCOME[outcome.fate]}{says}{before}"
        )
    screen.table(table)
    for report in decided.reports:
        screen.say(str(report))
    if by and not roles_of(by, home.policy.approvers):
        screen.say(f"{by} is not an approver in the policy; the name is recorded as given")
