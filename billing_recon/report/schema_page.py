"""docs/tables.md, generated from the catalogue: `python -m billing_recon.report.schema_page` writes it.

Edit the tables in core/schema/; a test holds the tracked page to this one.
"""

from __future__ import annotations

from pathlib import Path

from billing_recon.core.schema import LARGEST, LINEAGE, PARTITION, SQL_TYPE, Column, Kind, Part, TableSpec
from billing_recon.core.schema.catalogue import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"

_SESSIONS = (
    "A landed table holds the rows with `observed_on <= D` from files of at most `lookback_days` before D, so a rerun of an old "
    "day gives the same result. `usage_rollup` reaches to the end of the late window after D, as far as it has been computed.",
    "The roll-up reads usage as `new_events` (observed on D) and `known_events` (observed before), and the day's "
    "`usage_duplicates` as `landing_duplicates`.",
    "Expected lines read single events only of meters that a charge prices by event: `usage_events` holds those, and "
    "`usage_corrections` (the same columns) every correction. Both are empty if no charge does.",
    "The comparison reads one table `quarantine` over all landed tables, without the rows that a decision released.",
)
"""What a session of day D sees under a table's name, where that is not simply its partition."""

_TITLE = {
    Part.LANDED: "Landed tables",
    Part.COMPUTED: "Computed tables",
    Part.DIAGNOSTIC: "Diagnostic tables",
    Part.TERMS: "Terms",
    Part.PARAMETERS: "Parameters",
}
_ABOUT = {
    Part.LANDED: "What a company sends, one partition per day of the file. Contracts in `contracts/` hold every row to this.",
    Part.COMPUTED: "A day's results, one partition per day, replaced as a whole when the day is run again.",
    Part.DIAGNOSTIC: "What explains or qualifies a day's results, one partition per day.",
    Part.TERMS: "The catalog and the profile as a session's tables. Nothing of them is stored.",
    Part.PARAMETERS: "The day, the policy and people's decisions as a session's tables. Nothing of them is stored.",
}


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Tables",
        "",
        "Every table that a computation reads or writes, with its columns. This page is generated from "
        "`billing_recon/core/schema/` by `python -m billing_recon.report.schema_page`; edit the declarations, not the page.",
        "",
        "A table in the warehouse also has the partition column `day`: of a landed row the day of its file, else the computed "
        "day. A landed table also has these columns:",
        "",
        *_columns(LINEAGE),
        "",
        "A landed column `day` (metered_usage) is named `usage_day` in the warehouse, since `day` is the partition.",
        "",
        "A session for day D registers these tables under their names:",
        "",
        *(f"- {about}" for about in _SESSIONS),
        "",
        "| type | stored as | largest figure |",
        "|---|---|---|",
        *(f"| {kind.value} | `{SQL_TYPE[kind]}` | {_grouped(LARGEST.get(kind, ''))} |" for kind in Kind),
    ]
    for part in Part:
        lines += ["", f"## {_TITLE[part]}", "", _ABOUT[part]]
        for table in CATALOGUE:
            if table.part is part:
                lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: TableSpec) -> list[str]:
    notes = []
    if table.key:
        notes.append(f"Key: {', '.join(table.key)}.")
    if table.own_day and table.own_day != PARTITION.name:
        notes.append(f"A row belongs to the day of `{table.own_day}`.")
    if table.optional:
        notes.append("Optional.")
    if table.daily:
        notes.append("Written every day, even without rows.")
    about = " ".join([table.doc, *notes])
    return [f"### {table.name}", "", about, "", *_columns(table.columns)]


def _columns(columns: tuple[Column, ...]) -> list[str]:
    return [
        "| column | type | unit | money | may be empty | meaning |",
        "|---|---|---|---|---|---|",
        *(
            f"| {c.name} | {c.kind.value} | {c.shown_unit} | {'yes' if c.is_money else ''} | "
            f"{'yes' if c.nullable else ''} | {_meaning(c)} |"
            for c in columns
        ),
    ]


def _meaning(column: Column) -> str:
    notes = [column.doc] if column.doc else []
    notes += [f"one of {', '.join(column.one_of)}"] if column.one_of else []
    notes += [f"at least {column.minimum}"] if column.minimum is not None else []
    notes += [f"{column.default} if empty"] if column.default is not None else []
    return "; ".join(notes).replace("|", "\\|")


def _grouped(figure: str) -> str:
    return f"{int(figure):,}" if figure else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
