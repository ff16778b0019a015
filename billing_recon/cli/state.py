"""`state backup`, `restore`, `verify`, `seal`, `roles`, `forget-runs`: copies of what a home has computed and decided, who may write it, and what is removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, actor, home_path, open_home
from billing_recon.core.printed_command import home_option
from billing_recon.report.terminal import Screen

app = typer.Typer(
    help="Back up, restore and verify decisions and warehouse.", no_args_is_help=True, rich_markup_mode=MARKUP
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, one zip file.")]


@app.command(epilog="\b\nExamples:\n  billing-recon state backup 2026-03-31.zip")
def backup(ctx: typer.Context, file: FileArgument, home: HomeOption = None) -> None:
    """Write decisions, warehouse and releases into one file, each with its digest. The home's own files are not in it."""
    from billing_recon.day.backups import back_up

    screen = Screen()
    with screen.progress("backing up") as progress:
        made = back_up(open_home(ctx, home), file, progress)
    screen.say(f"{file}: {made.files} files and {made.rows} rows of decisions, audit head {made.audit_head}")


@app.command(epilog="\b\nExamples:\n  billing-recon --home acme state restore 2026-03-31.zip")
def restore(ctx: typer.Context, file: FileArgument, home: HomeOption = None) -> None:
    """Put a backup into a home without state, on SQLite or PostgreSQL, whichever it came from.

    The whole backup is checked against its digests before anything is written.
    """
    from billing_recon.control import control_url
    from billing_recon.day import backups

    path = home_path(ctx, home)
    state = Path(os.environ.get("BILLING_RECON_STATE") or path / ".state")
    done = backups.restore(state, control_url(state), file)
    Screen().say(
        f"{done.files} files and {done.rows} rows are in {state}; next: billing-recon state verify{home_option(path)}"
    )


@app.command(epilog="\b\nExamples:\n  billing-recon state verify\n  billing-recon state verify 2026-03-31.zip")
def verify(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A backup; default: the home's state.")] = None,
    home: HomeOption = None,
) -> None:
    """Compare every partition with what was registered when it was written, and the audit chain with the decisions.

    Of a backup, every file with its digest. Exit 1 if the state, 2 if a backup is not whole.
    """
    from billing_recon.day.backups import verify_backup, verify_state

    screen = Screen()
    if file is not None:
        held = verify_backup(file)
        screen.say(f"{file} is whole: {held.files} files, {held.rows} rows of decisions, audit head {held.audit_head}")
        return
    count, problems = verify_state(open_home(ctx, home))
    for problem in problems:
        screen.warn(problem)
    if problems:
        raise typer.Exit(1)
    screen.say(f"the state is whole: {count} partitions are what was registered, and the audit chain agrees")


@app.command(
    epilog="\b\nExamples:\n  billing-recon state seal --as 'Ana Ruiz' --code 492039 --reason 'records are keyed from today on'"
)
def seal(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")],
    approver: Annotated[str, typer.Option("--as", metavar="APPROVER", help="Who answers for it.")] = "",
    code: Annotated[str, typer.Option("--code", metavar="NNNNNN", help="Their one-time code.")] = "",
    home: HomeOption = None,
) -> None:
    """Seal what was registered before BILLING_RECON_AUDIT_KEY was set, as it is now, so that the gate takes it for written by us.

    Once: what is landed and computed with the key is sealed by itself. Run state verify first.
    """
    from billing_recon.day.audit_chain import seal_registered

    count = seal_registered(open_home(ctx, home), approver, code, reason, actor())
    Screen().say(f"{count} rows sealed; what is changed in the database from now on is found by the gate")


@app.command(epilog="\b\nExamples:\n  billing-recon state roles recon_app | psql -U recon_owner recon")
def roles(role: Annotated[str, typer.Argument(metavar="ROLE", help="The role that the program connects as.")]) -> None:
    """Print the SQL by which the owner of the control tables on PostgreSQL lets the program's role work without owning any.

    The role may then add decisions, and neither change nor remove one, drop a trigger or a table. Run it again after each
    upgrade, which only the owner can do: set BILLING_RECON_CONTROL_URL to the owner's and open the home once (state verify).
    """
    from billing_recon.control.roles import grants

    for statement in grants(role):
        Screen().say(statement)


@app.command("forget-runs", epilog="\b\nExamples:\n  billing-recon state forget-runs --older-than 400")
def forget_runs(
    ctx: typer.Context,
    older_than: Annotated[
        int, typer.Option("--older-than", metavar="DAYS", min=30, help="Runs that ended before that.")
    ],
    home: HomeOption = None,
) -> None:
    """Remove old runs with their events from Dagster's records; verdicts, releases and decisions stay as they are.

    What is shown of a partition in Dagster's graph goes with its run. DAGSTER_HOME says which records, else the home's own.
    """
    from datetime import timedelta

    from billing_recon.control.store import utc_now
    from billing_recon.defs.instance import open_instance, state_path
    from billing_recon.defs.retention import forget

    screen = Screen()
    with open_instance(state_path(home_path(ctx, home))) as instance, screen.progress("removing") as progress:
        number = forget(instance, utc_now() - timedelta(days=older_than), progress)
    screen.say(f"{number} runs that ended more than {older_than} days ago are removed from Dagster's records")
