"""`signoff`: an approver's signature under a month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, MonthArgument, actor, open_home
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon signoff 2026-03 --as 'Ana Ruiz' --code 492039"""


def signoff(
    ctx: typer.Context,
    month: MonthArgument,
    approver: Annotated[str, typer.Option("--as", metavar="APPROVER", help="As named under approvers in the policy.")],
    code: Annotated[
        str, typer.Option("--code", metavar="NNNNNN", help="The approver's one-time code; see billing-recon approvers.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A further file for the head of the audit chain.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Sign a month as it stands now, with a one-time code that proves who signs.

    The signature is bound to the month's evidence and lapses if the evidence changes.
    """
    from billing_recon.day.month_close import sign_off

    for signed in sign_off(open_home(ctx, home), month, approver, actor(), code=code, out=out):
        Screen().say(
            f"{signed.approver} signed {month} for {signed.role.value} under evidence {signed.evidence_hash[:12]}"
        )
