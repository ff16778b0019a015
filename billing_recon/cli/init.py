"""`init`: an empty, commented home to fill in."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.printed_command import home_option
from billing_recon.core.schema import CANONICAL, TableSpec
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon init acme
  cd acme && BILLING_RECON_HOME=. billing-recon run --day 2026-03-02"""

_NEW_HOME = (
    "company.yaml",
    "catalog/plans.yaml",
    "catalog/taxes.yaml",
    "policies/policy.yaml",
    "operations.yaml",
    "README.md",
)


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Make a commented, valid home to fill in."""
    from billing_recon.core.terms_schema import SCHEMAS, schema_text

    require_empty(directory)
    with as_file(files("billing_recon.cli") / "new_home") as templates:
        for name in _NEW_HOME:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((templates / name).read_text(encoding="utf-8"), encoding="utf-8")
    for name in SCHEMAS:
        (directory / "schemas").mkdir(exist_ok=True)
        (directory / "schemas" / name).write_text(schema_text(name), encoding="utf-8")
    for spec in CANONICAL:
        folder = directory / "landing" / spec.name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(landing_readme(spec), encoding="utf-8")
    (directory / ".gitignore").write_text(".state/\n", encoding="utf-8")
    screen = Screen()
    screen.say(f"{directory} is ready; comments in its files explain every field", style="bold")
    screen.say(f"  1. fill in {directory}/company.yaml, catalog/ and policies/policy.yaml")
    screen.say(f"  2. put a day's files into {directory}/landing/<table>/ (each folder's README lists the columns)")
    screen.say(f"  3. billing-recon run{home_option(directory)} --day YYYY-MM-DD")


def landing_readme(spec: TableSpec) -> str:
    """The README of a table's landing folder, from the table's definition."""
    lines = [
        f"# {spec.name}",
        "",
        spec.doc + (" Optional." if spec.optional else ""),
        "",
        "One file per day: `<YYYY-MM-DD>.csv`, `.jsonl` or `.parquet`. company.yaml maps other names and columns.",
        f"Unique by: {', '.join(spec.key)}.",
        "",
        "| column | kind | required | may be empty | note |",
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


def require_empty(directory: Path) -> None:
    """Refuse to write into a folder that is not empty."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory} is not an empty folder; name a new one, since nothing is overwritten")
