"""`explain`: the whole working of one break, on screen or as files and SQL that an auditor runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import HomeOption, home_hint, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon explain 5f0c1e7a
  billing-recon explain 5f0c1e7a --sql audit/5f0c1e7a && cd audit/5f0c1e7a && duckdb < break.sql
  billing-recon breaks --format json | jq -r .break_id | xargs -n1 billing-recon explain"""


def explain(
    ctx: typer.Context,
    break_id: Annotated[str, typer.Argument(metavar="BREAK_ID", help="From `breaks`; a unique beginning is enough.")],
    sql: Annotated[
        Path | None,
        typer.Option(
            "--sql", metavar="FOLDER", help="Write the day's inputs and the SQL that leads to the break there."
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show the whole working of one break.

    Shows every layer and stage, both computations side by side, source rows, terms and policy. With --sql, an auditor
    gets the inputs as files and a script that runs in plain DuckDB.
    """
    from billing_recon.report import stored_rows
    from billing_recon.report.break_working import show_working

    opened = open_home(ctx, home)
    found = stored_rows.breaks_like(opened, break_id)
    exact = [row for row in found if row["break_id"] == break_id]
    if not found or not break_id:
        listing = f"billing-recon breaks{home_hint(ctx, home)} --day YYYY-MM-DD"
        raise ConfigurationError(f"no break '{break_id}' in {opened.path}; list them with: {listing}")
    if len(found) > 1 and not exact:
        ids = ", ".join(row["break_id"] for row in found)
        raise ConfigurationError(f"several break ids begin with '{break_id}' ({ids}); give more characters")
    row = (exact or found)[0]
    if sql is not None:
        from billing_recon.report.break_sql import write_rerun

        script = write_rerun(opened, row["day"], row["break_id"], sql)
        Screen().say(f"wrote {script} and its inputs; run it again with: cd {sql} && duckdb < {script.name}")
        return
    show_working(Screen(), opened, row, home_hint(ctx, home))
