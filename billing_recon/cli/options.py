"""Options that several commands share, and which home, day or range they mean."""

from __future__ import annotations

import getpass
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import days_between, parse_day
from billing_recon.report.terminal import is_terminal

if TYPE_CHECKING:
    from billing_recon.day.home import Home

MARKUP: Literal["rich"] | None = "rich" if is_terminal() else None
"""How help is drawn: plain where it is piped."""

HOME_ENV = "BILLING_RECON_HOME"
DEFAULT_HOME = Path("data/demo")

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help=f"The company's home; otherwise ${HOME_ENV}, otherwise {DEFAULT_HOME}."),
]
DayOption = Annotated[
    str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day; otherwise the latest judged.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day of a range.")]


def home_path(ctx: typer.Context, given: Path | None) -> Path:
    """The home that a command means: its own --home, the one before the command, the environment, or the demo's."""
    before = ctx.find_root().params.get("home")
    return given or before or Path(os.environ.get(HOME_ENV) or DEFAULT_HOME)


def open_home(ctx: typer.Context, given: Path | None) -> Home:
    """The home, opened under the name of the person at the keyboard."""
    from billing_recon.day.home import Home

    return Home.open(home_path(ctx, given), actor=actor())


def actor() -> str:
    """Who typed the command, for the audit chain."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def latest_judged_day(home: Home) -> date:
    """The latest day that has a verdict; ConfigurationError if none has."""
    from billing_recon.core.schema import CONTROL_TOTALS
    from billing_recon.day.gate import DAY_GATE

    known = home.warehouse.days(CONTROL_TOTALS.name)
    judged = home.control.verdicts(DAY_GATE, [str(day) for day in known])
    if not judged:
        raise ConfigurationError(
            f"no day of {home.path} has a verdict yet; run one first: billing-recon run --day YYYY-MM-DD"
        )
    return parse_day(max(judged))


def days_asked(first: str, last: str | None) -> list[date]:
    """The days of --day and --to, both counted."""
    begin = parse_day(first)
    return days_between(begin, parse_day(last) if last else begin)


def home_hint(ctx: typer.Context, given: Path | None) -> str:
    """` --home DIR` as the next command needs it: as it was given, or nothing where the environment says it."""
    before = ctx.find_root().params.get("home")
    chosen = given or before
    return f" --home {chosen}" if chosen else ""
