"""`policy show`, `apply` and `history`: the policy in force, applying an edit, and every version."""

from __future__ import annotations

import difflib
import sys
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, open_home, range_text
from billing_recon.report.terminal import Col, Screen, Table

app = typer.Typer(
    help="Show, apply and trace tolerances, windows, owners, gates.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.command(epilog="\b\nExamples:\n  billing-recon policy show")
def show(ctx: typer.Context, home: HomeOption = None) -> None:
    """Show the policy in force, and any edits not applied yet."""
    opened = open_home(ctx, home)
    current = opened.control.current_policy()
    assert current is not None  # opening a home imports its first policy
    sys.stdout.write(
        f"# policy version {current.number}, applied {current.decided_at} by {current.actor}: {current.note}\n"
    )
    sys.stdout.write(current.text)
    if opened.policy_pending:
        from billing_recon.day.configuration import policy_text

        sys.stdout.write("\n# not in force yet; billing-recon policy apply would change:\n")
        edited = policy_text(opened.path).splitlines(keepends=True)
        sys.stdout.writelines(
            difflib.unified_diff(
                current.text.splitlines(keepends=True), edited, f"version {current.number}", "policies/"
            )
        )


@app.command(epilog="\b\nExamples:\n  billing-recon policy apply --note 'late window 3 days, agreed with metering'")
def apply(
    ctx: typer.Context,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; recorded with the version.")] = "",
    home: HomeOption = None,
) -> None:
    """Apply policies/*.yaml as a new version.

    Verdicts under the old version become stale.
    """
    from billing_recon.day.configuration import parse_policy, policy_text
    from billing_recon.day.releases import withdraw_unsettled

    opened = open_home(ctx, home)
    text = policy_text(opened.path)
    parse_policy(text)
    applied = opened.control.apply_policy(text, actor(), note)
    screen = Screen()
    if applied.number == opened.policy_number:
        screen.say(f"policy version {applied.number} is in force already; policies/ is unchanged")
    else:
        screen.say(f"policy version {applied.number} is in force", style="bold")
        withdrawn = withdraw_unsettled(open_home(ctx, home))
        if withdrawn:
            screen.say(
                f"{len(withdrawn)} release{'s' if len(withdrawn) > 1 else ''} withdrawn: {range_text(withdrawn)}"
            )
        screen.say("next: run the days that it should judge again; their verdicts are stale until then")


@app.command(epilog="\b\nExamples:\n  billing-recon policy history")
def history(ctx: typer.Context, home: HomeOption = None) -> None:
    """List every version of the policy: when, by whom, why."""
    table = Table([Col("version", right=True), Col("applied"), Col("by"), Col("why", wrap=True), Col("digest")])
    for version in open_home(ctx, home).control.policy_history():
        table.add(str(version.number), version.decided_at, version.actor, version.note, version.digest[:12])
    Screen().table(table)
