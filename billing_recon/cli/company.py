"""`company apply`: record a change of company.yaml that decides what is compared, with its reason."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, open_home
from billing_recon.report.terminal import Screen

app = typer.Typer(
    help="Name a change of company.yaml that decides what is compared.", no_args_is_help=True, rich_markup_mode=MARKUP
)


@app.callback()
def company() -> None:
    """Keep `apply` a command of its own."""


@app.command(
    epilog="\b\nExamples:\n  billing-recon company apply --note 'test accounts are left out, agreed with finance'"
)
def apply(
    ctx: typer.Context,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; recorded with the change.")],
    home: HomeOption = None,
) -> None:
    """Record company.yaml as it is, as a named change.

    Needed once days were landed and it decides otherwise which rows, days or figures are compared: where, preset, take, query, table
    and skip_last of a feed, a feed taken out of also, first_day, last_day, history_from, timezone, profile, roles. Any other change
    is recorded by the run that first sees it. All of them stand in the audit chain and in the revenue journal, and days that
    were judged before are stale until they are run again.
    """
    from billing_recon.core.catalog_record import COMPANY
    from billing_recon.day.catalog_versions import apply_catalog, pending_changes

    opened, screen = open_home(ctx, home), Screen()
    changes = [one for one in pending_changes(opened) if one.entry == COMPANY]
    if apply_catalog(opened, actor(), note, company=True) is None:
        screen.say("company.yaml is recorded already; nothing differs")
        return
    screen.say("company.yaml is recorded", style="bold")
    for line in (line for one in changes for line in one.details):
        screen.say(f"  {line}")
    screen.say(
        "next: run the days that it changes again; their verdicts are stale until then: billing-recon run --stale"
    )
