"""`spot list` and `record`: lines to check by hand, and what people saw."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, AsOption, HomeOption, actor, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import amount, count
from billing_recon.report.terminal import Col, Screen, table_of

app = typer.Typer(help="Check a sample of lines by hand.", no_args_is_help=True, rich_markup_mode=MARKUP)

PeriodArgument = Annotated[str, typer.Argument(metavar="PERIOD", help="A month YYYY-MM, or a day YYYY-MM-DD.")]


@app.command(
    "list", epilog="\b\nExamples:\n  billing-recon spot list 2026-03\n  billing-recon spot list 2026-03-02 --lines 5"
)
def show(
    ctx: typer.Context,
    period: PeriodArgument,
    lines: Annotated[
        int | None, typer.Option("--lines", min=1, help="How many; default: what the policy asks for.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """List the lines to look at: drawn by lot from strata of money and risk, the same for everybody.

    Exits 0 if all were looked at and are right, otherwise 1.
    """
    from billing_recon.day.spot_checks import SampledLine, sampled

    def seen(line: SampledLine) -> str:
        if line.check is None:
            return "not looked at"
        what = "right" if line.check.right else f"should be {amount(line.check.seen, line.currency)}: {line.check.note}"
        return f"{what} ({line.check.checked_by})"

    found = sampled(open_home(ctx, home), period, lines)
    screen = Screen()
    if not found:
        screen.say(
            f"no line of {period} is to be checked; close.spot_checks of the policy says how many, or give --lines"
        )
        return
    columns = (
        Col("invoice", lambda line: line.invoice_id),
        Col("line", lambda line: line.line_id),
        Col("customer", lambda line: line.customer_id),
        Col("kind", lambda line: line.kind),
        Col("billed", lambda line: f"{amount(line.total, line.currency)} {line.currency}", right=True),
        Col("stratum", lambda line: line.stratum),
        Col("seen", seen, wrap=True),
    )
    left = sum(line.check is None or not line.check.right for line in found)
    screen.table(table_of(found, columns, f"Spot checks of {period}: {count(left, 'line')} of {len(found)} left"))
    if left:
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon spot record 2026-03 INV-81 3 --saw 119.00 --as 'Ana Ruiz' --note 'contract p. 4'"
)
def record(
    ctx: typer.Context,
    period: PeriodArgument,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="The invoice.")],
    line: Annotated[str, typer.Argument(metavar="LINE", help="Its line.")],
    by: AsOption,
    saw: Annotated[
        str, typer.Option("--saw", metavar="AMOUNT", help="What the line should come to, by your own check.")
    ],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What you looked at; what is wrong.")] = "",
    home: HomeOption = None,
) -> None:
    """Record what you saw when you checked a line by hand. It is right if that is what was billed."""
    from billing_recon.day.spot_checks import record_check

    try:
        seen = Decimal(saw)
    except InvalidOperation:
        seen = Decimal("NaN")
    if not seen.is_finite():
        raise ConfigurationError(f"--saw '{saw}' is not an amount; write it like 1234.50")
    made = record_check(open_home(ctx, home), period, invoice, line, seen=seen, note=note, by=by, actor=actor())
    what = "is right" if made.right else f"should be {amount(made.seen, made.currency)} {made.currency}"
    Screen().say(f"{invoice} line {line} {what}; recorded for {made.checked_by}")
