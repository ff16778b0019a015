"""`policy show`, `diff`, `apply` and `history`: the policy in force, what an edit changes, applying it, and every version."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, open_home, range_text
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.policies import Proposal

app = typer.Typer(
    help="Show, compare, apply and trace tolerances, windows, owners, gates.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A whole policy; default: policies/*.yaml of the home.")
]


@app.command(epilog="\b\nExamples:\n  billing-recon policy show\n  billing-recon policy show --day 2026-03-02")
def show(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="As it judges this day.")] = None,
    home: HomeOption = None,
) -> None:
    """Show the newest version of the policy, or the one that judges a day, and whether edits are not applied yet."""
    from billing_recon.core.period import parse_day

    opened = open_home(ctx, home)
    number = opened.policy_on(parse_day(day)).number if day else opened.policy_number
    shown = opened.policy_versions[number - 1]
    sys.stdout.write(f"# policy version {shown.number}, applied {shown.decided_at} by {shown.actor}: {shown.note}\n")
    sys.stdout.write(shown.text)
    if opened.policy_pending:
        from billing_recon.day.configuration import policy_text

        newest = opened.policy_versions[-1]
        sys.stdout.write("\n# not in force yet; field by field: billing-recon policy diff\n")
        lines = (newest.text.splitlines(keepends=True), policy_text(opened.path).splitlines(keepends=True))
        sys.stdout.writelines(difflib.unified_diff(*lines, f"version {newest.number}", "policies/"))


@app.command(
    epilog="\b\nExamples:\n  billing-recon policy diff\n  billing-recon policy diff proposed.yaml",
)
def diff(ctx: typer.Context, file: FileArgument = None, home: HomeOption = None) -> None:
    """Compare an edit with the version in force, field by field: what loosens, what tightens, which days it concerns.

    Nothing is applied. Errors are shown with file and line.
    """
    opened = open_home(ctx, home)
    _explain(Screen(), opened, _proposal(opened, file))


@app.command(
    epilog="\b\nExamples:\n  billing-recon policy apply --note 'late window 3 days, agreed with metering'\n"
    "  billing-recon policy apply --note 'rounding of the new engine' --as 'Ana Ruiz' --code 492039 \\\n"
    "      --as 'Bo Lind' --code 118203"
)
def apply(
    ctx: typer.Context,
    file: FileArgument = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; recorded with the version.")] = "",
    names: Annotated[
        list[str] | None, typer.Option("--as", metavar="APPROVER", help="Who allows what it loosens; given twice.")
    ] = None,
    codes: Annotated[
        list[str] | None, typer.Option("--code", metavar="NNNNNN", help="The one-time code of each, in that order.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Apply policies/*.yaml, or a file, as a new version, and show what it changes.

    It judges the days from its effective_from on; verdicts of those days become stale. What loosens a limit needs two
    approvers of the policy in force.
    """
    from billing_recon.day import policies
    from billing_recon.day.releases import withdraw_unsettled

    if len(names or []) != len(codes or []):
        raise ConfigurationError("each --as needs its --code, in the same order")
    opened = open_home(ctx, home)
    proposal = _proposal(opened, file)
    signatures = list(zip(names or [], codes or [], strict=True))
    applied = policies.apply(opened, proposal, note, actor(), signatures)
    screen = Screen()
    if applied.number == opened.policy_number:
        screen.say(f"policy version {applied.number} is in force already; nothing is changed")
        return
    _explain(screen, opened, proposal)
    by = f", allowed by {applied.approved_by}" if applied.approved_by else ""
    screen.say(f"policy version {applied.number} is in force{by}", style="bold")
    withdrawn = withdraw_unsettled(open_home(ctx, home))
    if withdrawn:
        screen.say(f"{len(withdrawn)} release{'s' if len(withdrawn) > 1 else ''} withdrawn: {range_text(withdrawn)}")
    screen.say("next: run the days that it should judge again; their verdicts are stale until then")


def _proposal(opened: Home, file: Path | None) -> Proposal:
    from billing_recon.day.configuration import policy_text, read_text
    from billing_recon.day.policies import propose

    if file is None:
        return propose(opened, policy_text(opened.path))
    return propose(opened, read_text(file), str(file))


def _explain(screen: Screen, opened: Home, proposal: Proposal) -> None:
    """What changes, and for which days."""
    if not proposal.changes:
        same = proposal.text == opened.policy_versions[-1].text
        screen.say(f"nothing differs from version {opened.policy_number}" + ("" if same else " but comments or layout"))
        return
    table = Table([Col("field"), Col("version in force", wrap=True), Col("proposed", wrap=True), Col("effect")])
    for change in proposal.changes:
        table.add(change.path, change.before or "-", change.after or "-", change.effect.value)
    screen.table(table)
    first = proposal.policy.effective_from
    screen.say(f"judges {'every open day' if first is None else f'{first} and later days'}")
    if proposal.days:
        screen.say(f"{count(len(proposal.days), 'judged day')} to run again: {range_text(proposal.days)}")
    if proposal.loosens:
        people = {0: "nobody, since the policy names no approver", 1: "its one approver", 2: "two approvers"}
        screen.say(
            f"{count(len(proposal.loosens), 'change')} loosens what may pass; to be allowed by: {people[proposal.needed]}"
            if len(proposal.loosens) == 1
            else f"{len(proposal.loosens)} changes loosen what may pass; to be allowed by: {people[proposal.needed]}"
        )


@app.command(epilog="\b\nExamples:\n  billing-recon policy history")
def history(ctx: typer.Context, home: HomeOption = None) -> None:
    """List every version of the policy: from which day it judges, when it was applied, by whom, why, who allowed it."""
    from billing_recon.day.configuration import stored_policy

    table = Table(
        [
            Col("version", right=True),
            Col("applied"),
            Col("by"),
            Col("why", wrap=True),
            Col("judges from"),
            Col("allowed by"),
            Col("digest"),
        ]
    )
    for version in open_home(ctx, home).policy_versions:
        start = stored_policy(version.text, version.number).effective_from
        judges = str(start) if start else "every open day"
        allowed = version.approved_by or "-"
        table.add(
            str(version.number), version.decided_at, version.actor, version.note, judges, allowed, version.digest[:12]
        )
    Screen().table(table)
