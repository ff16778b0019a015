"""`approvers enrol`, `remove`, `list` and `key`: who can prove that a signature is theirs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, open_home
from billing_recon.report.terminal import Col, Screen, Table, is_terminal

app = typer.Typer(
    help="Enrol the people who sign, each with a one-time password.", no_args_is_help=True, rich_markup_mode=MARKUP
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As named under approvers in the policy.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Another approver who confirms it.")]
CodeOption = Annotated[str, typer.Option("--code", metavar="NNNNNN", help="The confirming approver's one-time code.")]


@app.command(
    epilog="\b\nExamples:\n  billing-recon approvers enrol 'Ana Ruiz'\n"
    "  billing-recon approvers enrol 'Bo Lind' --by 'Ana Ruiz' --code 492039"
)
def enrol(
    ctx: typer.Context,
    name: NameArgument,
    by: ByOption = "",
    code: CodeOption = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")] = "",
    home: HomeOption = None,
) -> None:
    """Give an approver a secret for their authenticator app. It is shown once.

    Whoever is enrolled already confirms a further person, and a new secret of a person. The first needs nobody.
    """
    import segno

    from billing_recon.day import approvers

    secret, uri = approvers.enrol(open_home(ctx, home), name, by=by, code=code, actor=actor(), reason=reason)
    screen = Screen()
    if is_terminal():
        segno.make(uri, error="m").terminal(out=sys.stdout, compact=True)
    screen.say(f"secret  {secret}")
    screen.say(f"uri     {uri}")
    screen.say("Let the person scan it or type it in themselves, now: it is not shown again.")


@app.command(
    epilog="\b\nExamples:\n  billing-recon approvers remove 'Bo Lind' --by 'Ana Ruiz' --code 492039 --reason 'left the company'"
)
def remove(
    ctx: typer.Context,
    name: NameArgument,
    by: ByOption = "",
    code: CodeOption = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")] = "",
    home: HomeOption = None,
) -> None:
    """Remove an approver: their codes are refused from now on. Signatures that they gave stay."""
    from billing_recon.day import approvers

    approvers.remove(open_home(ctx, home), name, by=by, code=code, actor=actor(), reason=reason)
    Screen().say(f"{name} is removed")


@app.command("list", epilog="\b\nExamples:\n  billing-recon approvers list")
def show(ctx: typer.Context, home: HomeOption = None) -> None:
    """List who may sign, in which role, and who is enrolled, since when and confirmed by whom."""
    opened = open_home(ctx, home)
    enrolled = {one.name: one for one in opened.control.enrolled()}
    table = Table([Col("name"), Col("role"), Col("enrolled"), Col("confirmed by"), Col("entered by")])
    for person in opened.policy.approvers:
        one = enrolled.pop(person.name, None)
        seen = (one.decided_at, one.approved_by or "nobody: the first", one.actor) if one else ("no", "", "")
        table.add(person.name, person.role, *seen)
    for one in enrolled.values():
        table.add(one.name, "none: not in the policy", one.decided_at, one.approved_by, one.actor)
    Screen().table(table)


@app.command(epilog="\b\nExamples:\n  billing-recon approvers key")
def key() -> None:
    """Make a key for BILLING_RECON_APPROVER_KEY, under which the secrets are encrypted. Keep it outside the database.

    export BILLING_RECON_APPROVER_KEY=... before any approver is enrolled, signs or reopens.
    """
    from billing_recon.control.one_time_codes import new_key

    sys.stdout.write(f"{new_key()}\n")
