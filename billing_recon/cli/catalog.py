"""`catalog show`, `apply` and `history`: the recorded versions of plans and tax rates, and recording a correction."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, open_home
from billing_recon.report.terminal import Col, Screen, Table

_FEW = 5
"""More new entries of one version than this are counted, not listed."""

app = typer.Typer(
    help="Show, correct and trace plan versions and tax rates.", no_args_is_help=True, rich_markup_mode=MARKUP
)


@app.command(epilog="\b\nExamples:\n  billing-recon catalog show")
def show(ctx: typer.Context, home: HomeOption = None) -> None:
    """Show the recorded plan versions, tax rates and company, and how catalog/ and company.yaml differ from them."""
    from billing_recon.day.catalog_versions import changes_of_versions, pending_changes

    opened, screen = open_home(ctx, home), Screen()
    table = Table([Col("entry", wrap=True), Col("version", right=True), Col("recorded"), Col("by")])
    latest = {change.entry: (version, change) for version, changes in changes_of_versions(opened) for change in changes}
    for entry, (version, change) in sorted(latest.items()):
        if change.after is not None:
            table.add(entry, str(version.number), version.decided_at, version.actor)
    screen.table(table)
    pending = pending_changes(opened)
    if pending:
        screen.say(
            "not recorded yet; a run records what is new; the rest: billing-recon catalog apply --note WHY, billing-recon company apply --note WHY"
        )
        for one in pending:
            screen.say(f"  {one}")


@app.command(epilog="\b\nExamples:\n  billing-recon catalog apply --note 'base fee was mistyped, contract says 12.00'")
def apply(
    ctx: typer.Context,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; recorded with the version.")],
    home: HomeOption = None,
) -> None:
    """Record catalog/ as it is, edits of versions in use included, as a named correction.

    Days that were judged with the earlier terms become stale.
    """
    from billing_recon.core.catalog_record import COMPANY
    from billing_recon.day.catalog_versions import apply_catalog, pending_changes

    opened, screen = open_home(ctx, home), Screen()
    changes = [one for one in pending_changes(opened) if one.entry != COMPANY]
    applied = apply_catalog(opened, actor(), note)
    if applied is None:
        screen.say("catalog/ is recorded already; nothing differs")
        return
    screen.say(f"catalog version {applied.number} is recorded", style="bold")
    for one in changes:
        screen.say(f"  {one}")
    screen.say("next: run the days that it changes again; their verdicts are stale until then")


@app.command(epilog="\b\nExamples:\n  billing-recon catalog history")
def history(ctx: typer.Context, home: HomeOption = None) -> None:
    """List every recorded change: when, by whom, why, from what to what."""
    from billing_recon.day.catalog_versions import changes_of_versions

    table = Table(
        [Col("version", right=True), Col("recorded"), Col("by"), Col("why", wrap=True), Col("change", wrap=True)]
    )
    for version, changes in changes_of_versions(open_home(ctx, home)):
        new = [change for change in changes if change.is_new]
        lines = [str(change) for change in changes if not change.is_new or len(new) <= _FEW]
        lines += [f"{len(new)} new entries"] if len(new) > _FEW else []
        for one in lines:
            table.add(str(version.number), version.decided_at, version.actor, version.note, one)
    Screen().table(table)
