"""Options that several commands share, and the home, days and columns that they mean."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count, listed
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.printed_command import home_option
from billing_recon.core.reason import Code
from billing_recon.report.terminal import is_terminal

if TYPE_CHECKING:
    from billing_recon.day.home import Home

MARKUP: Literal["rich"] | None = "rich" if is_terminal() else None
"""How help is drawn: plain when it is piped."""

HOME_ENV = "BILLING_RECON_HOME"
DEFAULT_HOME = Path("data/demo")


class Format(StrEnum):
    """Output formats of commands that list rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help=f"The company's home; default ${HOME_ENV}, else {DEFAULT_HOME}."),
]
DayOption = Annotated[
    str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day; default: the newest day with a verdict.")
]
AnyDayOption = Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day; default: all days.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day of a range.")]
CodeOption = Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only this reason code.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="table: for people; csv, json: every column, amounts as exact text.")
]
MonthArgument = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month.")]
AsOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; recorded in the audit chain.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")]


def home_path(ctx: typer.Context, given: Path | None) -> Path:
    """The home a command works on: its own --home, the one before the command, the environment's, or the demo's."""
    before = ctx.find_root().params.get("home")
    return given or before or Path(os.environ.get(HOME_ENV) or DEFAULT_HOME)


def open_home(ctx: typer.Context, given: Path | None) -> Home:
    """The home, opened in the name of the person at the keyboard."""
    from billing_recon.day.home import Home

    return Home.open(home_path(ctx, given), actor=actor())


def actor() -> str:
    """Who typed the command, for the audit chain."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def latest_judged_day(home: Home) -> date:
    """The latest day with a verdict, whatever the verdict; ConfigurationError if there is none."""
    from billing_recon.day.gate import DAY_GATE

    judged = home.control.answers(DAY_GATE)
    if not judged:
        raise ConfigurationError(
            f"no day of {home.path} has a verdict yet; run one first: billing-recon run --day YYYY-MM-DD"
        )
    return parse_day(max(judged))


def days_asked(first: str, last: str | None) -> list[date]:
    """The days from --day to --to, both included."""
    begin = parse_day(first)
    return days_between(begin, parse_day(last) if last else begin)


def days_or_latest(home: Home, day: str | None, to: str | None) -> list[date]:
    """The days from --day to --to, or the latest judged day; check the options with `require_first_day` before."""
    return days_asked(day, to) if day else [latest_judged_day(home)]


def require_first_day(day: str | None, to: str | None) -> None:
    """Refuse --to without --day."""
    if to and not day:
        raise ConfigurationError("--to needs --day, the first day of the range")


def require_code(code: str | None) -> None:
    """Refuse a reason code that does not exist."""
    if code is not None and code not in Code.__members__:
        raise ConfigurationError(f"'{code}' is not a reason code; the codes are {', '.join(Code)}")


def range_text(days: Sequence[date]) -> str:
    """`2026-03-02`, or `2026-03-02 to 2026-03-31`."""
    return f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def when_text(days: Sequence[date]) -> str:
    """`on 2026-03-02`, or `from 2026-03-01 to 2026-03-31`."""
    return f"{'on' if days[0] == days[-1] else 'from'} {range_text(days)}"


def home_hint(ctx: typer.Context, given: Path | None) -> str:
    """` --home DIR` for the next command, as it was given; empty if the environment names the home."""
    return home_option(given or ctx.find_root().params.get("home"))


def doubts(ctx: typer.Context, given: Path | None, home: Home, days: Sequence[date]) -> list[str]:
    """What nobody knows about days that were not, or not wholly, compared: nothing found there proves nothing."""
    from billing_recon.day.overview import undecided

    never, unproved = undecided(home, days)
    return [
        f"{count(len(of), 'day')} of {range_text(days)} {what} ({listed(map(str, of))}); "
        f"see: billing-recon status{home_hint(ctx, given)} --day {of[0]}"
        for what, of in (
            ("not reconciled yet, so nothing was compared there", never),
            ("INCONCLUSIVE: not everything was compared there", unproved),
        )
        if of
    ]


def run_hint(ctx: typer.Context, given: Path | None, days: Sequence[date]) -> str:
    """The command that runs these days again, from the first to the last."""
    to = f" --to {days[-1]}" if len(days) > 1 else ""
    return f"billing-recon run{home_hint(ctx, given)} --day {days[0]}{to}"
