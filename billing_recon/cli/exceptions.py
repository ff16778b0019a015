"""`exceptions list`, `assign` and `resolve`: the breaks that nobody has mended yet, who looks at them, what they were."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.looking import Format
from billing_recon.cli.options import (
    MARKUP,
    HomeOption,
    ToOption,
    actor,
    days_asked,
    home_hint,
    latest_judged_day,
    open_home,
)
from billing_recon.core.break_decision import DECIDABLE
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code, Disposition
from billing_recon.report.figures import count
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.core.break_decision import BreakDecision

app = typer.Typer(
    help="Breaks over days: which are open and how old, who looks at them, and what each turned out to be.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.callback()
def exceptions() -> None:
    """Breaks that people work off."""


class Shown(StrEnum):
    """Which exceptions `list` shows."""

    OPEN = "open"
    DECIDED = "decided"
    GONE = "gone"
    ALL = "all"


IdsArgument = Annotated[
    list[str], typer.Argument(metavar="BREAK_ID...", help="From `list`; its first characters are enough.")
]
AsOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who stands for it; kept in the audit chain.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit chain.")]


@app.command(
    name="list",
    epilog="\b\nExamples:\n  billing-recon exceptions list\n"
    "  billing-recon exceptions list --owner tax --older-than 7\n"
    "  billing-recon exceptions list --day 2026-03-01 --to 2026-03-31 --status all --format csv > march.csv",
)
def list_exceptions(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The breaks' day; else all.")] = None,
    to: ToOption = None,
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only this reason code.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="Only this owner's.")] = None,
    assignee: Annotated[str | None, typer.Option("--assignee", metavar="NAME", help="Only this person's.")] = None,
    older_than: Annotated[int | None, typer.Option("--older-than", metavar="DAYS", help="Only older ones.")] = None,
    status: Annotated[
        Shown, typer.Option("--status", help="open: counting against a gate; gone: mended since they were decided.")
    ] = Shown.OPEN,
    form: Annotated[Format, typer.Option("--format", help="table for people; csv and json carry all.")] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List exceptions with their age as of the latest judged day, owner, who looks at them, and what was decided."""
    from billing_recon.day import exceptions as day_exceptions
    from billing_recon.report import exceptions as report

    if code is not None and code not in Code.__members__:
        raise ConfigurationError(f"'{code}' is no reason code; the codes are {', '.join(Code)}")
    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")
    opened = open_home(ctx, home)
    days = days_asked(day, to) if day else [day_exceptions.EARLIEST, day_exceptions.LATEST]
    as_of: date = latest_judged_day(opened)
    found = [
        e
        for e in day_exceptions.exceptions(opened, days[0], days[-1], as_of)
        if (code is None or e.row["code"] == code)
        and (owner is None or e.row["owner"] == owner)
        and (assignee is None or e.assignee == assignee)
        and (older_than is None or e.age > older_than)
        and {
            Shown.OPEN: e.open,
            Shown.DECIDED: not e.open and not e.gone,
            Shown.GONE: e.gone,
            Shown.ALL: True,
        }[status]
    ]
    if form is not Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](found))
        return
    screen = Screen()
    which = "" if status is Shown.ALL else f" {status.value}"
    screen.say(f"{count(len(found), 'exception')}{which} as of {as_of}", style="bold")
    if not found:
        return
    screen.table(report.listed(found))
    screen.table(report.sums(found))
    hint = home_hint(ctx, home)
    screen.say(f"next: billing-recon explain{hint} {found[0].row['break_id']}, then billing-recon exceptions resolve")


@app.command(epilog="\b\nExamples:\n  billing-recon exceptions assign B5f0c1e7a --to bo --reason 'owns the tax table'")
def assign(
    ctx: typer.Context,
    break_ids: IdsArgument,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who looks at them; '' takes it off them.")],
    by: AsOption = "",
    reason: ReasonOption = "",
    home: HomeOption = None,
) -> None:
    """Say who looks at breaks. It decides nothing, and no verdict changes by it."""
    from billing_recon.day.exceptions import assign as assign_breaks

    opened = open_home(ctx, home)
    made = assign_breaks(opened, break_ids, to.strip(), by=by, reason=reason, actor=actor())
    screen = Screen()
    _say(screen, made, len(set(break_ids)), f"assigned to {to.strip()}" if to.strip() else "assigned to nobody")


@app.command(
    epilog="\b\nExamples:\n  billing-recon exceptions resolve B5f0c1e7a --disposition TIMING --as ana \\\n"
    "      --reason 'bank holiday; booked on the 7th'\n"
    "  billing-recon exceptions resolve B5f0c1e7a --disposition OPEN --as ana --reason 'it was not booked'"
)
def resolve(
    ctx: typer.Context,
    break_ids: IdsArgument,
    disposition: Annotated[
        str,
        typer.Option("--disposition", metavar="DISPOSITION", help=f"One of {', '.join(d.value for d in DECIDABLE)}."),
    ],
    by: AsOption = "",
    reason: ReasonOption = "",
    home: HomeOption = None,
) -> None:
    """Decide what breaks turned out to be; OPEN takes a decision back.

    TIMING and EXPECTED_CHANGE take a break off its day's gate; DEFECT and DATA_ERROR keep it there until it is mended. A
    decision holds for the difference that it was made about: where the figure changes, the break is open again. It
    survives reruns, and takes effect when the break's day is run again.

    Exits 1 when a break's month is closed.
    """
    from billing_recon.day.exceptions import resolve as resolve_breaks

    known = {one.value: one for one in Disposition}
    if disposition.upper() not in known:
        names = ", ".join(one.value for one in DECIDABLE)
        raise ConfigurationError(f"'{disposition}' is no disposition; choose one of {names}")
    opened = open_home(ctx, home)
    chosen = known[disposition.upper()]
    made = resolve_breaks(opened, break_ids, chosen, by=by, reason=reason, actor=actor())
    screen = Screen()
    _say(screen, made, len(set(break_ids)), f"decided: {chosen.value}")
    days = sorted({decision.day for decision in made})
    if days:
        to = f" --to {days[-1]}" if len(days) > 1 else ""
        screen.say(f"next: billing-recon run{home_hint(ctx, home)} --day {days[0]}{to}")


def _say(screen: Screen, made: list[BreakDecision], asked: int, what: str) -> None:
    screen.say(f"{count(len(made), 'break')} {what}", style="bold")
    for decision in made:
        screen.say(f"{decision.break_id} of {decision.day}, by {decision.decided_by}")
    if len(made) < asked:
        screen.say(f"{count(asked - len(made), 'break')} said so already; nothing new is recorded for them")
