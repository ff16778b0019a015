"""`close`: closes a month. Whether it may close is decided in day.month_close."""

from __future__ import annotations

import typer

from billing_recon.cli.options import HomeOption, MonthArgument, actor, open_home
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon close 2026-03"""


def close(ctx: typer.Context, month: MonthArgument, home: HomeOption = None) -> None:
    """Close a month.

    Needs a current PASS on every day, three sign-offs (finance, product, engineering), and the month before closed.
    Exits 0 if the month closed; otherwise 1, with every condition that does not hold.
    """
    from billing_recon.day.month_close import close_month

    evidence = close_month(open_home(ctx, home), month, f"command by {actor()}")
    Screen().say(f"{month} is closed under evidence {evidence[:12]}; its partitions can no longer be rewritten")
