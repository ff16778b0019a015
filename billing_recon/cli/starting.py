"""`init` and `simulate`: a home to start from, empty and commented, or with a whole company in it."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.reason import Code
from billing_recon.core.schema import CANONICAL, TableSpec
from billing_recon.report.figures import count
from billing_recon.report.terminal import Screen

EXAMPLES = {
    "init": """\b
Examples:
  billing-recon init acme
  cd acme && BILLING_RECON_HOME=. billing-recon run --day 2026-03-02""",
    "simulate": """\b
Examples:
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-01-31 --customers 50 --out try
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-03-01 --customers 200 \\
      --fault USAGE_MISSING=2 --fault LEDGER_DUPLICATE:batch=1 --out try
  billing-recon simulate --list-faults
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-01-31 --customers 50 \\
      --documents mixed --ledger saft-no --out try""",
}

Form = TypeVar("Form", bound=StrEnum)

_NEW_HOME = ("company.yaml", "catalog/plans.yaml", "catalog/taxes.yaml", "policies/policy.yaml", "README.md")


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Make a commented, valid home to fill in."""
    require_empty(directory)
    with as_file(files("billing_recon.cli") / "new_home") as templates:
        for name in _NEW_HOME:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((templates / name).read_text(encoding="utf-8"), encoding="utf-8")
    for spec in CANONICAL:
        folder = directory / "landing" / spec.name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(landing_readme(spec), encoding="utf-8")
    (directory / ".gitignore").write_text(".state/\n", encoding="utf-8")
    screen = Screen()
    screen.say(f"{directory} is a home now. Each field is explained beside it.", style="bold")
    screen.say(f"  1. fill in {directory}/company.yaml, catalog/ and policies/policy.yaml")
    screen.say(f"  2. put a day's files into {directory}/landing/<table>/ (each folder's README lists the columns)")
    screen.say(f"  3. billing-recon run --home {directory} --day YYYY-MM-DD")


def landing_readme(spec: TableSpec) -> str:
    """What one landing folder takes, from the table's own definition."""
    lines = [
        f"# {spec.name}",
        "",
        spec.doc + (" Optional." if spec.optional else ""),
        "",
        "One file a day: `<YYYY-MM-DD>.csv`, `.jsonl` or `.parquet`. company.yaml maps other names and columns.",
        f"Unique by: {', '.join(spec.key)}.",
        "",
        "| column | kind | must be there | may be empty | note |",
        "|---|---|---|---|---|",
    ]
    for column in spec.columns:
        notes = [column.doc] if column.doc else []
        notes += [f"one of {', '.join(column.one_of)}"] if column.one_of else []
        notes += [f"at least {column.minimum}"] if column.minimum is not None else []
        notes += [f"{column.default} if empty"] if column.default is not None else []
        required, nullable = ("yes" if flag else "no" for flag in (column.required, column.nullable))
        lines.append(f"| {column.name} | {column.kind.value} | {required} | {nullable} | {'; '.join(notes)} |")
    return "\n".join(lines) + "\n"


def tell_faults(wanted: bool) -> None:
    """Every form of every fault, with what one strike of it gets wrong; then nothing is simulated."""
    if not wanted:
        return
    from billing_recon.simulate import known_faults

    screen = Screen()
    rows = [(fault.name, fault.reach.value, "by name" if fault.several else "", fault.doc) for fault in known_faults()]
    name, reach, turn = (max(len(row[n]) for row in rows) for n in range(3))
    for row in rows:
        screen.say(f"{row[0]:{name}}  {row[1]:{reach}}  {row[2]:{turn}}  {row[3]}")
    raise typer.Exit


def simulate(
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same bytes.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day with files.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day with files.")],
    customers: Annotated[int, typer.Option("--customers", metavar="N", min=1, help="How many customers.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder, or a former simulation.")],
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="CODE[:FORM]=COUNT",
            help="A billing bug to inject, so many times, in its forms in turn or in one; may be repeated.",
        ),
    ] = None,
    list_faults: Annotated[
        bool,
        typer.Option("--list-faults", is_eager=True, callback=tell_faults, help="List every CODE:FORM and stop."),
    ] = False,
    documents: Annotated[
        str,
        typer.Option("--documents", metavar="FORM", help="The invoices as: csv, ubl, cii, facturx, html or mixed."),
    ] = "csv",
    ledger: Annotated[
        str,
        typer.Option(
            "--ledger",
            metavar="FORM",
            help="The ledger as: csv, saft-no, saft-pt, datev, beancount, hledger, quickbooks or xero.",
        ),
    ] = "csv",
    late_events: Annotated[
        int,
        typer.Option(
            "--late-events", metavar="N", min=0, help="So many usage events come after their period's late window."
        ),
    ] = 0,
    in_advance: Annotated[
        bool,
        typer.Option("--in-advance", help="Base fees and seats of some plans are billed when their period begins."),
    ] = False,
) -> None:
    """Make a company to try things on, with billing bugs put in on purpose.

    The whole home as files: usage, bills, documents, ledger, payments. The same seed gives the same bytes. The invoices
    that customers see and the ledger may come as real files of a form; company.yaml then says how they are read.
    What was injected is written to DIR/truth.csv, so that what is found can be held against it; DIR/faults.csv adds the
    form of each. CODE=COUNT strikes COUNT invoices in the code's forms in turn; CODE:FORM=COUNT strikes in one, and is how
    to ask for the forms that get a whole account or batch wrong.
    """
    faults = parse_faults(fault or [])
    begin, end = parse_day(first), parse_day(last)
    days = days_between(begin, end)
    from billing_recon.simulate import BookedAs, RenderedAs
    from billing_recon.simulate import simulate as make

    rendered_as = parse_form("--documents", documents, RenderedAs)
    booked_as = parse_form("--ledger", ledger, BookedAs)
    screen = Screen()
    with screen.progress(f"simulating {count(len(days), 'day')} of {count(customers, 'customer')}") as tell:
        make(
            seed=seed,
            first=begin,
            last=end,
            customers=customers,
            faults=faults,
            out=out,
            documents=rendered_as,
            ledger=booked_as,
            late_events=late_events,
            in_advance=in_advance,
            progress=lambda stage, done, of: tell(f"{stage} {done:,} of {of:,}", done) if done == of else None,
        )
    injected = sum(faults.values())
    screen.say(
        f"{out}: {count(customers, 'customer')}, {begin} to {end}, {count(injected, 'injected fault')}"
        + (f" (listed in {out / 'truth.csv'})" if injected else ""),
        style="bold",
    )
    screen.say(f"next: billing-recon run --home {out} --day {begin} --to {end}")


def parse_form(option: str, given: str, forms: type[Form]) -> Form:
    """One of the forms by its name; ConfigurationError names them all."""
    try:
        return forms(given)
    except ValueError:
        raise ConfigurationError(f"{option} {given}: this form cannot be written; choose {', '.join(forms)}") from None


def parse_faults(given: list[str]) -> dict[str, int]:
    """CODE=COUNT and CODE:FORM=COUNT options as a mapping; ConfigurationError names every one that cannot be meant."""
    faults: dict[str, int] = {}
    problems = []
    for text in given:
        name, _, number = text.partition("=")
        code = name.partition(":")[0]
        if code not in Code.__members__:
            problems.append(f"--fault {text}: '{code}' is no reason code; for example USAGE_MISSING=2")
        elif not number.isdecimal() or int(number) < 1:
            problems.append(f"--fault {text}: write CODE=COUNT with a count of at least 1, for example {name}=2")
        else:
            faults[name] = faults.get(name, 0) + int(number)
    if problems:
        raise ConfigurationError(problems)
    return faults


def require_empty(directory: Path) -> None:
    """Refuse to write into a folder that holds something."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory} is not an empty folder; give a new one, nothing is overwritten")
