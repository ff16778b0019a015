"""`evidence write` and `verify`: the evidence pack of a closed month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, MonthArgument, open_home
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

app = typer.Typer(
    help="Write and verify the evidence pack of a closed month.", no_args_is_help=True, rich_markup_mode=MARKUP
)


@app.command(epilog="\b\nExamples:\n  billing-recon evidence write 2026-03 --out /mnt/auditor/2026-03.zip")
def write(
    ctx: typer.Context,
    month: MonthArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: <state>/evidence/MONTH.zip, as close does.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the pack again: figures, decisions, inputs and SQL of a closed month, in one zip. The same bytes each time."""
    from billing_recon.report.evidence_pack import write_pack

    Screen().say(str(write_pack(open_home(ctx, home), month, out)))


@app.command(epilog="\b\nExamples:\n  billing-recon evidence verify 2026-03.zip")
def verify(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="The zip. No home is needed.")],
) -> None:
    """Check a pack on its own: that its files are those of its manifest, the signature, and every figure computed again.

    Exit 0 if all holds, otherwise 1 with each problem. BILLING_RECON_PUBLIC_KEY is the key that the signature must be of.
    """
    from billing_recon.control.audit_keys import PUBLIC_KEY_ENV
    from billing_recon.control.signatures import trusted_public_key
    from billing_recon.report.evidence_check import verify_pack

    found, screen = verify_pack(pack), Screen()
    for problem in found.problems:
        screen.warn(problem)
    about = f"{found.about.get('company')}, {found.about.get('month')}, evidence {str(found.about.get('evidence_hash'))[:12]}"
    if found.problems:
        screen.verdict("FAIL", f"{about}: {count(len(found.problems), 'problem')}")
        raise typer.Exit(1)
    screen.verdict(
        "PASS", f"{about}: {count(found.files, 'file')} as packed, {count(found.figures, 'figure file')} computed again"
    )
    if not found.signed:
        screen.say("the pack is not signed: whoever changed it could have written its manifest anew")
    elif trusted_public_key() is None:
        screen.say(f"it is signed, but with no key that you trust: set {PUBLIC_KEY_ENV}")
