"""`reopen`: opens a closed month again."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, MonthArgument, actor, open_home
from billing_recon.core.period import parse_month
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon reopen 2026-03 --reason 'credit note of ACME booked late'"""


def reopen(
    ctx: typer.Context,
    month: MonthArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")],
    home: HomeOption = None,
) -> None:
    """Reopen a closed month, with a reason.

    Its partitions may then be rewritten, and its sign-offs no longer count.
    """
    parse_month(month)
    open_home(ctx, home).control.reopen_month(month, reason, actor())
    Screen().say(f"{month} is open again; any change from now on is a restatement and needs new sign-offs")
