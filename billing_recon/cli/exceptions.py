"""`exceptions list`, `assign` and `resolve`: breaks that are not fixed yet, their assignee, and what was decided."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli import options
from billing_recon.core.break_decision import DECIDABLE
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.reason import Disposition
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.core.break_decision import BreakDecision

app = typer.Typer(
    help="Breaks as work: list, assign, resolve.",
    no_args_is_help=True,
    rich_markup_mode=options.MARKUP,
)


@app.callback()
def exceptions() -> None:
    """Breaks as work: list, assign, resolve."""


class Shown(StrEnum):
    """Which exceptions `list` shows: `decided` ones do not count against a gate, `gone` ones no longer differ."""

    OPEN = "open"
    DECIDED = "decided"
    GONE = "gone"
    ALL = "all"


IdsArgument = Annotated[
    list[str], typer.Argument(metavar="BREAK_ID...", help="From `list`; a unique beginning is enough.")
]


@app.command(
    name="list",
    epilog="\b\nExamples:\n  billing-recon exceptions list\n"
    "  billing-recon exceptions list --owner tax --older-than 7\n"
    "  billing-recon exceptions list --day 2026-03-01 --to 2026-03-31 --status all --format csv > march.csv",
)
def list_exceptions(
    ctx: typer.Context,
    day: options.AnyDayOption = None,
    to: options.ToOption = None,
    code: options.CodeOption = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="Only this owner's breaks.")] = None,
    assignee: Annotated[
        str | None, typer.Option("--assignee", metavar="NAME", help="Only breaks assigned to this person.")
    ] = None,
    older_than: Annotated[
        int | None, typer.Option("--older-than", metavar="DAYS", help="Only breaks older than this.")
    ] = None,
    status: Annotated[
        Shown, typer.Option("--status", help="open: counts against a gate; gone: no longer differs.")
    ] = Shown.OPEN,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """List exceptions with age, owner, assignee and decision.

    Ages are as of the latest judged day.
    """
    from billing_recon.day import exceptions as day_exceptions
    from billing_recon.report import exceptions as report

    options.require_code(code)
    options.require_first_day(day, to)
    opened = options.open_home(ctx, home)
    days = options.days_asked(day, to) if day else [day_exceptions.EARLIEST, day_exceptions.LATEST]
    as_of: date = options.latest_judged_day(opened)
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
    if form is not options.Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](found))
        return
    screen = Screen()
    which = "" if status is Shown.ALL else f" {status.value}"
    screen.say(f"{count(len(found), 'exception')}{which} as of {as_of}", style="bold")
    if not found:
        return
    screen.table(report.listed(found))
    screen.table(report.sums(found))
    hint = options.home_hint(ctx, home)
    screen.say(f"next: billing-recon explain{hint} {found[0].row['break_id']}, then billing-recon exceptions resolve")


@app.command(epilog="\b\nExamples:\n  billing-recon exceptions assign B5f0c1e7a --to bo --reason 'owns the tax table'")
def assign(
    ctx: typer.Context,
    break_ids: IdsArgument,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who works on them; '' removes the assignee.")],
    by: options.AsOption = "",
    reason: options.ReasonOption = "",
    home: options.HomeOption = None,
) -> None:
    """Assign breaks to somebody. No decision is made and no verdict changes."""
    from billing_recon.day.exceptions import assign as assign_breaks

    opened = options.open_home(ctx, home)
    made = assign_breaks(opened, break_ids, to.strip(), by=by, reason=reason, actor=options.actor())
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
    by: options.AsOption = "",
    reason: options.ReasonOption = "",
    home: options.HomeOption = None,
) -> None:
    """Decide what breaks turned out to be.

    TIMING and EXPECTED_CHANGE take a break off its day's gate; DEFECT and DATA_ERROR keep it there until it is fixed; OPEN
    revokes a decision. A decision takes effect when the break's day is run again, and survives reruns. It applies to the
    difference it was made about: if the amount changes, the break is open again.

    Exits 1 if a break's month is closed.
    """
    from billing_recon.day.exceptions import resolve as resolve_breaks

    known = {one.value: one for one in Disposition}
    if disposition.upper() not in known:
        names = ", ".join(one.value for one in DECIDABLE)
        raise ConfigurationError(f"'{disposition}' is not a disposition; choose one of {names}")
    opened = options.open_home(ctx, home)
    chosen = known[disposition.upper()]
    made = resolve_breaks(opened, break_ids, chosen, by=by, reason=reason, actor=options.actor())
    screen = Screen()
    _say(screen, made, len(set(break_ids)), f"decided: {chosen.value}")
    days = sorted({decision.day for decision in made})
    if days:
        screen.say(f"next: {options.run_hint(ctx, home, days)}")


def _say(screen: Screen, made: list[BreakDecision], asked: int, what: str) -> None:
    screen.say(f"{count(len(made), 'break')} {what}", style="bold")
    for decision in made:
        screen.say(f"{decision.break_id} of {decision.day}, by {decision.decided_by}")
    if len(made) < asked:
        screen.say(f"{count(asked - len(made), 'break')} unchanged: this was already recorded")
