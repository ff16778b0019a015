"""`baseline capture` and `baseline show`: versions of the pre-launch figures that later days are compared with."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, days_asked, home_hint, open_home
from billing_recon.core.figures import count
from billing_recon.report.terminal import Col, Screen, Table

app = typer.Typer(
    help="Capture and show the pre-launch baseline.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.command(
    epilog="""\b
Examples:
  billing-recon baseline capture --name pre-launch --from 2026-01-01 --to 2026-01-28"""
)
def capture(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="N", help="The baseline's name, as the policy refers to it.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")],
    home: HomeOption = None,
) -> None:
    """Capture the metrics of reconciled days as a new version.

    No version is ever overwritten.
    """
    days = days_asked(first, last)
    from billing_recon.day.baselines import capture_baseline

    opened = open_home(ctx, home)
    version = capture_baseline(opened, name, days[0], days[-1], actor())
    screen = Screen()
    screen.say(f"baseline '{name}' version {version}: {count(len(days), 'day')}, {days[0]} to {days[-1]}", style="bold")
    if opened.policy.gate.baseline != name:
        screen.say(
            f"next: the policy does not use it yet; write `baseline: {name}` under `gate:` in policies/, "
            f"then billing-recon policy apply{home_hint(ctx, home)}"
        )


@app.command(
    epilog="""\b
Examples:
  billing-recon baseline show"""
)
def show(ctx: typer.Context, home: HomeOption = None) -> None:
    """List the baselines, and the range of each metric in the one in use."""
    opened = open_home(ctx, home)
    screen = Screen()
    captured = opened.control.baselines()
    if not captured:
        screen.say("no baseline yet; capture one: billing-recon baseline capture --name pre-launch --from DAY --to DAY")
        return
    used = opened.policy.gate.baseline
    newest = {b.name: b.version for b in captured}
    table = Table([Col("baseline"), Col("version", right=True), Col("from"), Col("to"), Col("by"), Col("in use")])
    for b in captured:
        in_use = "yes" if b.name == used and b.version == newest[b.name] else ""
        table.add(b.name, str(b.version), str(b.first), str(b.last), b.actor, in_use)
    screen.table(table)
    if used is None:
        screen.say("the policy names no baseline (gate: baseline), so drift is not checked")
        return
    if used not in newest:
        screen.say(f"the policy names baseline '{used}', which has not been captured")
        return
    from billing_recon.report.baseline import baseline_ranges

    screen.table(baseline_ranges(opened, used))
