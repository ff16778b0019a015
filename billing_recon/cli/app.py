"""The app: its commands in the order in which a newcomer needs them, and what each kind of error exits with."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from billing_recon import __version__
from billing_recon.cli import arriving, exceptions, looking, monthly, starting
from billing_recon.cli import baseline as baselines
from billing_recon.cli import checklist as checking
from billing_recon.cli import credit_notes as crediting
from billing_recon.cli import options as asking
from billing_recon.cli import policy as policies
from billing_recon.cli import quarantine as setting_aside
from billing_recon.cli import read as reading
from billing_recon.cli import run as running
from billing_recon.core.errors import BillingReconError, CloseRefused, ConfigurationError, GateRefused

EXIT_PASS = 0
"""All gates PASS, or the command did what it was asked."""
EXIT_NOT_PASSED = 1
"""A gate is FAIL or INCONCLUSIVE, or refuses what was asked."""
EXIT_USAGE = 2
"""The command or the configuration is wrong."""
EXIT_RUN_FAILED = 3
"""The run itself failed."""


class Commands(typer.core.TyperGroup):
    """Turns the errors that are written for users into one message on stderr and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BillingReconError as error:
            sys.stdout.flush()
            lines = str(error).splitlines() or [type(error).__name__]
            sys.stderr.write("".join(f"error: {line}\n" for line in lines))
            raise typer.Exit(exit_code_of(error)) from error


def exit_code_of(error: BillingReconError) -> int:
    """Which exit code an error means."""
    if isinstance(error, ConfigurationError):
        return EXIT_USAGE
    return EXIT_NOT_PASSED if isinstance(error, GateRefused | CloseRefused) else EXIT_RUN_FAILED


app = typer.Typer(
    name="billing-recon",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=asking.MARKUP,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Start here:
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-03-01 --customers 50 \\
      --fault PRICE_VERSION=2 --out try
  billing-recon run --home try --day 2026-01-01 --to 2026-03-01
  billing-recon breaks --home try --day 2026-02-03
  billing-recon explain --home try BREAK_ID

\b
Exit codes:
  0  all gates PASS
  1  a gate is FAIL or INCONCLUSIVE
  2  the command or the configuration is wrong
  3  the run itself failed""",
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"billing-recon {__version__}\n")
        raise typer.Exit


@app.callback()
def billing_recon(
    home: asking.HomeOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Proves every day that what customers used is what the engine charged, the invoice said and the ledger booked.

    Every layer of a day is landed, held to its contract, re-rated and compared with its neighbours. Each difference
    becomes a break with a reason, an owner and its working, and a gate says PASS, FAIL or INCONCLUSIVE.
    """


app.command(epilog=starting.EXAMPLES["init"])(starting.init)
app.command(
    epilog=starting.EXAMPLES["simulate"], short_help="Make a company to try things on, with known billing bugs."
)(starting.simulate)
app.command(epilog=running.EXAMPLES["run"])(running.run)
app.command(epilog=looking.EXAMPLES["status"])(looking.status)
app.command(epilog=looking.EXAMPLES["breaks"])(looking.breaks)
app.command(epilog=looking.EXAMPLES["explain"])(looking.explain)
app.command(
    "credit-notes",
    epilog=crediting.EXAMPLES["credit-notes"],
    short_help="Show which earlier charges credit notes take back.",
)(crediting.credit_notes)
app.command(
    epilog=checking.EXAMPLES["checklist"], short_help="Show per layer and field what is filled and what is wrong."
)(checking.checklist)
app.command(epilog=arriving.EXAMPLES["usage"], short_help="Show how final usage is, and what came late or twice.")(
    arriving.usage
)
app.command(epilog=arriving.EXAMPLES["findings"], short_help="Show what does not add up in files that landed.")(
    arriving.findings
)
app.command(epilog=reading.EXAMPLES["read"], short_help="Read invoices and ledgers as JSON lines, with findings.")(
    reading.read
)
app.add_typer(baselines.app, name="baseline", short_help="Capture and show the pre-launch baseline.")
app.command(epilog=monthly.EXAMPLES["signoff"])(monthly.signoff)
app.command(epilog=monthly.EXAMPLES["close"])(monthly.close)
app.command(epilog=monthly.EXAMPLES["reopen"], short_help="Open a closed month again, with a reason.")(monthly.reopen)
app.add_typer(setting_aside.app, name="quarantine", short_help="Rows that landing set aside: list, release, discard.")
app.add_typer(exceptions.app, name="exceptions", short_help="Breaks as work: list, assign, resolve.")
app.add_typer(policies.app, name="policy", short_help="Show, change and trace tolerances, windows, gates.")
