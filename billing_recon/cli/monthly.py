"""`signoff`, `close` and `reopen`: a month's end. Whether it may close is decided in day.closing."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, actor, open_home
from billing_recon.core.period import parse_month
from billing_recon.report.terminal import Screen

EXAMPLES = {
    "signoff": """\b
Examples:
  billing-recon signoff 2026-03 --as alice""",
    "close": """\b
Examples:
  billing-recon close 2026-03""",
    "reopen": """\b
Examples:
  billing-recon reopen 2026-03 --reason 'credit note of ACME booked late'""",
}

MonthArgument = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month.")]


def signoff(
    ctx: typer.Context,
    month: MonthArgument,
    approver: Annotated[str, typer.Option("--as", metavar="APPROVER", help="As named under approvers in the policy.")],
    home: HomeOption = None,
) -> None:
    """Sign a month as it stands now.

    The signature is bound to the evidence and lapses when that changes.
    """
    from billing_recon.day.month_close import sign_off

    for signed in sign_off(open_home(ctx, home), month, approver, actor()):
        Screen().say(
            f"{signed.approver} signed {month} for {signed.role.value} under evidence {signed.evidence_hash[:12]}"
        )


def close(ctx: typer.Context, month: MonthArgument, home: HomeOption = None) -> None:
    """Close a month.

    It needs every day a current PASS, three sign-offs (finance, product, engineering), and the month before closed.
    Exits 1 and says every condition that does not hold, otherwise 0.
    """
    from billing_recon.day.month_close import close_month

    evidence = close_month(open_home(ctx, home), month, f"command by {actor()}")
    Screen().say(f"{month} is closed under evidence {evidence[:12]}; its partitions are not rewritten from now on")


def reopen(
    ctx: typer.Context,
    month: MonthArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit chain.")],
    home: HomeOption = None,
) -> None:
    """Open a closed month again, so that its partitions may be rewritten. Its sign-offs no longer count."""
    parse_month(month)
    open_home(ctx, home).control.reopen_month(month, reason, actor())
    Screen().say(f"{month} is open again; what changes from now on is a restatement and has to be signed anew")
