"""`release verify`: what a downstream system asks before it takes a day."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, open_home
from billing_recon.core.period import parse_day
from billing_recon.report.terminal import Screen

app = typer.Typer(help="Verify a day's release.", no_args_is_help=True, rich_markup_mode=MARKUP)


@app.callback()
def release() -> None:
    """Verify a day's release."""


@app.command(epilog="\b\nExamples:\n  billing-recon release verify 2026-03-02 && load-into-the-erp 2026-03-02")
def verify(
    ctx: typer.Context,
    day: Annotated[str, typer.Argument(metavar="YYYY-MM-DD", help="The day.")],
    part: Annotated[
        str, typer.Option("--part", metavar="NAME", help="Only this part of the day, as named in gate.parts.")
    ] = "",
    home: HomeOption = None,
) -> None:
    """Exit with 0 only if the day's release is open and current; otherwise say why, and withdraw it.

    The gate is asked again, and the warehouse is compared with what the verdict rests on.
    """
    from billing_recon.day.releases import verify_release

    manifest = verify_release(open_home(ctx, home), parse_day(day), part)
    what = f"{part} of {day}" if part else day
    Screen().say(f"{what} is released: PASS under evidence {manifest['evidence_hash'][:12]}")
