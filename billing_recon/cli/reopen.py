"""`reopen`: opens a closed month again."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, MonthArgument, actor, open_home
from billing_recon.core.errors import CloseRefused
from billing_recon.core.printed_command import reopen_command
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon reopen 2026-03 --as 'Ana Ruiz' --code 492039 --reason 'credit note of ACME booked late'"""


def reopen(
    ctx: typer.Context,
    month: MonthArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")],
    approver: Annotated[str, typer.Option("--as", metavar="APPROVER", help="The approver who allows it.")] = "",
    code: Annotated[str, typer.Option("--code", metavar="NNNNNN", help="The approver's one-time code.")] = "",
    home: HomeOption = None,
) -> None:
    """Reopen a closed month, with a reason and an approver who allows it.

    Its partitions may then be rewritten, and its sign-offs no longer count.
    """
    from billing_recon.day.month_close import reopen_month

    opened = open_home(ctx, home)
    if not approver:
        raise CloseRefused([f"an approver allows it: {reopen_command(month)}"])
    reopen_month(opened, month, approver, code=code, reason=reason, actor=actor())
    Screen().say(f"{month} is open again; any change from now on is a restatement and needs new sign-offs")
