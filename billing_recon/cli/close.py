"""`close`: locks and closes a month. Whether it may close is decided in day.month_close."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, MonthArgument, actor, open_home
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon checklist --month 2026-03     what is left to do, by whom and until when
  billing-recon close 2026-03 --lock          freeze it while people sign
  billing-recon close 2026-03"""


def close(
    ctx: typer.Context,
    month: MonthArgument,
    lock: Annotated[
        bool, typer.Option("--lock", help="Only freeze the month, so that people sign what stays.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A further file for the head of the audit chain.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Close a month.

    Needs every task of its checklist done: each day a current PASS, the days of the cut-off known, every break decided, journals
    in balance, receivables, revenue and tax tied with the ledger, unbilled usage known, the audit chain whole, three
    sign-offs (finance, product, engineering), and the month before closed.
    Exits 0 if the month closed; otherwise 1, with every task that is not done, its owner and due day.
    """
    from billing_recon.day.audit_chain import NotStamped
    from billing_recon.day.month_close import close_month, days_to_close, lock_month
    from billing_recon.report.evidence_pack import write_pack

    opened = open_home(ctx, home)
    by = f"command by {actor()}"
    if lock:
        evidence = lock_month(opened, month, by)
        Screen().say(
            f"{month} is locked at evidence {evidence[:12]}; next: billing-recon signoff {month} --as NAME --code NNNNNN"
        )
        return
    try:
        evidence = close_month(opened, month, by, out)
    except NotStamped as error:
        Screen().warn(str(error))
        evidence = close_month(opened, month, by, out)
    Screen().say(f"{month} is closed under evidence {evidence[:12]}; its partitions can no longer be rewritten")
    pack = str(write_pack(opened, month))
    Screen().say(f"evidence pack: {pack}; next: billing-recon evidence verify {quote(pack)}")
    took = days_to_close(opened, month)
    if took is not None:
        Screen().say(f"time to close: {count(took, 'day')} after the month's end")
