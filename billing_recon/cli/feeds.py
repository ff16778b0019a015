"""`feeds`: try a feed on a file without storing anything, and draft one from a file."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, home_path
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingStatus
from billing_recon.core.period import parse_day
from billing_recon.core.shown_text import visible

if TYPE_CHECKING:
    from billing_recon.feeds.preview import Preview

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    help="Wire a feed: see what is read from a file, and draft the mapping. Nothing is stored.",
)
_LOOKBACK_DAYS = 62
TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="Which table: payments, invoice_lines, ledger_entries ...")
]


TRY_EXAMPLES = """
  billing-recon feeds try payments exports/payments.xlsx
  billing-recon feeds try payments --day 2026-03-02"""
SUGGEST_EXAMPLES = """
  billing-recon feeds suggest exports/payments.csv
  billing-recon feeds suggest export.json --table invoice_lines"""


@app.command("try", epilog=f"\b\nExamples:{TRY_EXAMPLES}")
def try_(
    ctx: typer.Context,
    table: TableArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file; default: the feed's own newest one.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Read the delivery of this day.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show what a feed makes of a file: how it is read, our first rows beside theirs, what is missing, and the totals.

    Exits 0 if every row would land, 1 if rows would be quarantined or the file refused.
    """
    from billing_recon.core.schema import BY_NAME
    from billing_recon.day.configuration import read_company
    from billing_recon.feeds.preview import try_feed

    if table not in BY_NAME:
        raise ConfigurationError(f"'{table}' is not a table; the tables are {', '.join(BY_NAME)}")
    folder = home_path(ctx, home)
    company, _ = read_company(folder)
    wanted = parse_day(day) if day else None
    preview = try_feed(folder, company, BY_NAME[table], day=wanted, lookback_days=_LOOKBACK_DAYS, file=file)
    lines = "\n".join(_lines(table, preview))
    typer.echo(visible(lines.replace(f"try/{file.name}", file.name) if file else lines))
    if preview.report.status in (LandingStatus.REFUSED, LandingStatus.MISSING) or preview.report.quarantined:
        raise typer.Exit(1)


@app.command(epilog=f"\b\nExamples:{SUGGEST_EXAMPLES}")
def suggest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file as it is delivered.")],
    table: Annotated[
        str | None, typer.Option("--table", metavar="TABLE", help="Its table; default: by its columns.")
    ] = None,
) -> None:
    """Draft the feed of a file as YAML for company.yaml: a person checks it, then `feeds try` shows what it does."""
    from billing_recon.core.schema import BY_NAME
    from billing_recon.feeds.suggestion import draft

    if table is not None and table not in BY_NAME:
        raise ConfigurationError(f"'{table}' is not a table; the tables are {', '.join(BY_NAME)}")
    if not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file")
    found = draft(file, table)
    typer.echo(visible(found.as_yaml().rstrip("\n")))
    if found.unused:
        typer.echo(visible(f"# not used: {', '.join(found.unused)}"))
    typer.echo(f"# next: put it into company.yaml, then billing-recon feeds try {found.table} {quote(str(file))}")


def _lines(table: str, preview: Preview) -> list[str]:
    report = preview.report
    files = ", ".join(name for name, _ in report.files) or "nothing"
    lines = [f"{table}: {report.status.value}, from {files}"]
    lines += [f"  {line}" for line in preview.understood]
    lines.append(f"  {str(report).partition(': ')[2]}")
    lines += [f"  {part}" for part in ([report.message] if report.message else [])]
    if preview.sides:
        lines += ["", "first rows: ours <- theirs"]
        lines += [f"  {line}" for side in preview.sides for line in _side(side)]
    if preview.missing:
        lines += ["", "missing; copy what fits under columns:"]
        lines += [f"  {ours}: {theirs if theirs else '?'}" for ours, theirs in preview.missing]
    if preview.unmapped:
        lines += ["", "columns of the file that nothing reads:"]
        lines += [
            f"  {theirs}" + (f"   (perhaps {ours}: {theirs})" if ours else "") for theirs, ours in preview.unmapped
        ]
    if preview.totals:
        lines += [
            "",
            "totals of the rows that would land: day, currency, rows, sum (of payments: less refunds and chargebacks)",
        ]
        lines += [
            f"  {day or '-':<12} {currency or '-':<4} {rows:>8} {money:>20}".rstrip()
            for day, currency, rows, money in preview.totals
        ]
    if preview.quarantined:
        lines += ["", "would be quarantined:"]
        lines += [f"  {line}" for line in preview.quarantined]
    return lines


def _side(side: object) -> list[str]:
    from billing_recon.feeds.preview import Side

    assert isinstance(side, Side)
    ours = " | ".join("" if value is None else value for value in side.values) or "-"
    theirs = " | ".join("" if value is None else value for value in side.theirs)
    source = side.source if len(side.source) <= 60 else f"{side.source[:57]}..."
    return [f"{side.ours:<16} {ours}", f"{'':<16}   <- {source}" + (f": {theirs}" if theirs else "")]
