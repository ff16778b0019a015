"""`exceptions`: breaks as work. List, show, assign, investigate, comment, resolve; and causes that come back every month."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from billing_recon.cli import options
from billing_recon.core.break_decision import DECIDABLE
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.core.break_decision import BreakDecision

app = typer.Typer(
    help="Breaks as work: list, assign, investigate, resolve.",
    no_args_is_help=True,
    rich_markup_mode=options.MARKUP,
)


@app.callback()
def exceptions() -> None:
    """Breaks as work: list, assign, investigate, resolve."""


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
    overdue: Annotated[bool, typer.Option("--overdue", help="Only breaks past the policy's deadline.")] = False,
    status: Annotated[
        Shown, typer.Option("--status", help="open: counts against a gate; gone: no longer differs.")
    ] = Shown.OPEN,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """List exceptions with age, deadline, owner, assignee and decision.

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
        and (e.overdue or not overdue)
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
    carried = sum(e.day < as_of and e.state is not day_exceptions.State.RESOLVED for e in found)
    from_before = f", {carried} carried over from earlier days" if carried else ""
    screen.say(f"{count(len(found), 'exception')}{which} as of {as_of}{from_before}", style="bold")
    if not found:
        return
    screen.table(report.listed(found))
    screen.table(report.sums(found))
    screen.table(report.aging(found))
    hint = options.home_hint(ctx, home)
    screen.say(f"next: billing-recon explain{hint} {found[0].row['break_id']}, then billing-recon exceptions resolve")


@app.command(epilog="\b\nExamples:\n  billing-recon exceptions show B5f0c1e7a")
def show(
    ctx: typer.Context,
    break_id: Annotated[str, typer.Argument(metavar="BREAK_ID", help="From `list`; a unique beginning is enough.")],
    home: options.HomeOption = None,
) -> None:
    """Show everything that was decided, found out and written about a break."""
    from billing_recon.day import exceptions as day_exceptions
    from billing_recon.report import exceptions as report

    opened = options.open_home(ctx, home)
    (found,) = day_exceptions.find(opened, break_id)
    screen = Screen()
    screen.say(f"{found.row['break_id']} of {found.day}: {found.state.value}", style="bold")
    screen.say(found.row["explanation"] or "")
    if found.reopened:
        screen.say(f"open again: {found.reopened}")
    about = [d for d in opened.control.break_decisions(found.day, found.day) if d.break_id == found.row["break_id"]]
    screen.table(report.history(found, about))


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
    from billing_recon.day.resolutions import assign as assign_breaks

    opened = options.open_home(ctx, home)
    made = assign_breaks(opened, break_ids, to.strip(), by=by, reason=reason, actor=options.actor())
    _say(Screen(), made, len(set(break_ids)), f"assigned to {to.strip()}" if to.strip() else "assigned to nobody")


@app.command(
    epilog="\b\nExamples:\n  billing-recon exceptions investigate B5f0c1e7a --as bo --reason 'asked the tax team'"
)
def investigate(
    ctx: typer.Context,
    break_ids: IdsArgument,
    by: options.AsOption = "",
    reason: options.ReasonOption = "",
    home: options.HomeOption = None,
) -> None:
    """State that somebody is looking into breaks. No decision is made and no verdict changes."""
    from billing_recon.day.resolutions import investigate as look_into

    opened = options.open_home(ctx, home)
    made = look_into(opened, break_ids, by=by, reason=reason, actor=options.actor())
    _say(Screen(), made, len(set(break_ids)), "under investigation")


@app.command(
    epilog="\b\nExamples:\n  billing-recon exceptions comment B5f0c1e7a --as bo --text 'the rate table lacks July'"
)
def comment(
    ctx: typer.Context,
    break_ids: IdsArgument,
    words: Annotated[str, typer.Option("--text", metavar="TEXT", help="What was found out.")],
    by: options.AsOption = "",
    home: options.HomeOption = None,
) -> None:
    """Append a comment to breaks. No decision is made and no verdict changes."""
    from billing_recon.day.resolutions import comment as say

    opened = options.open_home(ctx, home)
    made = say(opened, break_ids, by=by, text=words, actor=options.actor())
    _say(Screen(), made, len(set(break_ids)), "commented on")


@app.command(
    epilog="\b\nExamples:\n  billing-recon exceptions resolve B5f0c1e7a --kind credit_note --evidence CN-17 \\\n"
    "      --customer-told yes --as 'Ana Ruiz' --reason 'old price, credited on the 9th'\n"
    "  billing-recon exceptions resolve --reason-code ROUNDING --day 2026-03-01 --to 2026-03-31 \\\n"
    "      --kind accepted_within_tolerance --as 'Ana Ruiz' --code 492039 --reason 'engine rounds by line until May'\n"
    "  billing-recon exceptions resolve B5f0c1e7a --disposition OPEN --as ana --reason 'it was not booked'"
)
def resolve(
    ctx: typer.Context,
    break_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BREAK_ID...]", help="From `list`; or --reason-code for all with one cause."),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=f"One of {', '.join(k.value for k in Resolution)}.")
    ] = "",
    disposition: Annotated[
        str,
        typer.Option(
            "--disposition",
            metavar="DISPOSITION",
            help=f"Instead of a kind, what it turned out to be: {', '.join(d.value for d in DECIDABLE)}.",
        ),
    ] = "",
    evidence: Annotated[
        str, typer.Option("--evidence", metavar="REF", help="What proves it: a document's number, a ticket.")
    ] = "",
    told: Annotated[
        str, typer.Option("--customer-told", metavar="yes|no|not_needed", help="Whether the customer knows.")
    ] = "",
    reason_code: Annotated[
        str | None, typer.Option("--reason-code", metavar="CODE", help="All open breaks with this reason code.")
    ] = None,
    day: options.AnyDayOption = None,
    to: options.ToOption = None,
    by: options.AsOption = "",
    code: Annotated[
        str, typer.Option("--code", metavar="NNNNNN", help="The approver's one-time code, to take breaks off the gate.")
    ] = "",
    reason: options.ReasonOption = "",
    home: options.HomeOption = None,
) -> None:
    """Resolve breaks: how they are corrected or accepted, why, and what proves it.

    Which kinds take a break off its day's gate, and which are allowed for issued invoices, is policy. fixed_at_source never
    does: reconciliation says whether the difference is gone. A decision takes effect when the break's day is run again, and
    survives reruns. It applies to the difference it was made about: if the amount changes, the break is open again.
    Several breaks at once are taken off the gate only with an approver's one-time code.

    Exits 1 if a break's month is closed.
    """
    from billing_recon.day import exceptions as day_exceptions
    from billing_recon.day.resolutions import Answer
    from billing_recon.day.resolutions import resolve as resolve_breaks

    options.require_first_day(day, to)
    options.require_code(reason_code)
    if bool(kind) == bool(disposition):
        raise ConfigurationError("give --kind, or --disposition instead of it")
    if bool(break_ids) == bool(reason_code):
        raise ConfigurationError("give the ids of breaks, or --reason-code for all open ones with one cause")
    answer = Answer(
        kind=_one_of(Resolution, kind.lower(), "a kind of resolution") if kind else None,
        by=by,
        reason=reason,
        evidence=evidence,
        told=_one_of(Told, told.lower(), "an answer to --customer-told") if told else None,
        code=code,
        actor=options.actor(),
        disposition=_one_of(Disposition, disposition.upper(), "a disposition") if disposition else None,
    )
    opened = options.open_home(ctx, home)
    if break_ids:
        found = day_exceptions.find(opened, *break_ids)
    else:
        days = options.days_asked(day, to) if day else [day_exceptions.EARLIEST, day_exceptions.LATEST]
        as_of = options.latest_judged_day(opened)
        listed = day_exceptions.exceptions(opened, days[0], days[-1], as_of)
        found = [e for e in listed if e.row["code"] == reason_code and e.open]
        if not found:
            raise ConfigurationError(f"no break with the code {reason_code} is open there")
    made = resolve_breaks(opened, found, answer)
    screen = Screen()
    what = answer.kind.value if answer.kind else disposition.upper()
    counts = sorted({str(one.disposition) for one in made})
    _say(screen, made, len(found), f"decided: {what}" + (f", counted as {', '.join(counts)}" if answer.kind else ""))
    days_made = sorted({decision.day for decision in made})
    if days_made:
        screen.say(f"next: {options.run_hint(ctx, home, days_made)}")


@app.command(epilog="\b\nExamples:\n  billing-recon exceptions gaps\n  billing-recon exceptions gaps --to 2026-03-31")
def gaps(ctx: typer.Context, to: options.ToOption = None, home: options.HomeOption = None) -> None:
    """List causes that come back month after month: gaps of the product, not single exceptions."""
    from billing_recon.core.period import parse_day
    from billing_recon.day.product_gaps import product_gaps
    from billing_recon.report import exceptions as report

    opened = options.open_home(ctx, home)
    through = parse_day(to) if to else options.latest_judged_day(opened)
    found = product_gaps(opened, through)
    screen = Screen()
    least = opened.policy.exceptions.gap_months
    screen.say(f"{count(len({(g.code, g.pair) for g in found}), 'cause')} in {least} months or more", style="bold")
    if found:
        screen.table(report.gaps(found))


_Choice = TypeVar("_Choice", bound=StrEnum)


def _one_of(choices: type[_Choice], given: str, what: str) -> _Choice:
    try:
        return choices(given)
    except ValueError:
        names = ", ".join(one.value for one in choices if one is not Disposition.ACCEPTED_TOLERANCE)
        raise ConfigurationError(f"'{given}' is not {what}; choose one of {names}") from None


_SHOWN = 10


def _say(screen: Screen, made: list[BreakDecision], asked: int, what: str) -> None:
    screen.say(f"{count(len(made), 'break')} {what}", style="bold")
    for decision in made[:_SHOWN]:
        screen.say(f"{decision.break_id} of {decision.day}, by {decision.decided_by}")
    if len(made) > _SHOWN:
        screen.say(f"and {len(made) - _SHOWN:,} more")
    if len(made) < asked:
        screen.say(f"{count(asked - len(made), 'break')} unchanged: this was already recorded")
