"""The day's field checklist, computed from its partitions when it is asked for. What is counted is in compute.checklist."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING

from billing_recon.compute.checklist import CHECKLIST, LAYERS
from billing_recon.core.money import Rounding, plain, settle_at
from billing_recon.core.schema import BY_NAME, QUARANTINE
from billing_recon.report.figures import NO_DATA
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

LISTED: tuple[str, ...] = (
    "day",
    "table_name",
    "field",
    "column_name",
    "rows",
    "filled",
    "faulty",
    "filled_share",
    "fault_share",
)
"""The columns of exports. The shares are exact to 8 decimals, and NO DATA where the layer has no rows."""


def checklist(home: Home, day: date) -> list[Row]:
    """One row a layer, business field and column, in the order of the layers; shares are Decimal, None for no rows."""
    tables = {table: home.warehouse.scan(BY_NAME[table], day, day) for table in LAYERS}
    aside = " UNION ALL ".join(home.warehouse.scan(QUARANTINE.of(table), day, day) for table in LAYERS)
    given = ", ".join(f"{name} AS ({sql})" for name, sql in {**tables, "quarantine": aside}.items())
    names = ", ".join(f"CAST('{day}' AS DATE) AS day" if name == "day" else name for name in LISTED)
    return rows_of(f"WITH {given} SELECT {names} FROM ({CHECKLIST.sql}) ORDER BY position")


def checklist_table(rows: Iterable[Row]) -> Table:
    """The checklist for looking at."""
    table = Table(
        [
            Col("layer"),
            Col("field"),
            Col("column"),
            Col("rows", right=True),
            Col("filled", right=True),
            Col("faults", right=True),
        ],
        title="Field checklist (share of the day's rows that have the field, and that were set aside for it)",
    )
    for row in rows:
        table.add(
            row["table_name"],
            row["field"],
            row["column_name"],
            f"{row['rows']:,}",
            percent(row["filled"], row["rows"]),
            percent(row["faulty"], row["rows"]),
        )
    return table


def percent(part: int, rows: int) -> str:
    """A share for a reader, which says 100% only where no row is missing and 0% only where there is none.

    >>> percent(3, 4), percent(1, 3), percent(99_999, 100_000), percent(1, 100_000), percent(0, 7), percent(0, 0)
    ('75%', '33.33%', '>99.99%', '<0.01%', '0%', 'NO DATA')
    """
    if not rows:
        return NO_DATA
    share = settle_at(Decimal(100 * part) / Decimal(rows), 2, Rounding.HALF_UP)
    if part and not share:
        return "<0.01%"
    return ">99.99%" if share == 100 and part < rows else f"{plain(share)}%"


def _text(value: object) -> str:
    if value is None:
        return NO_DATA
    return plain(value) if isinstance(value, Decimal) else str(value)


def rows_csv(rows: Iterable[Row]) -> str:
    """The checklist as CSV with a header."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LISTED)
    writer.writerows([_text(row[name]) for name in LISTED] for row in rows)
    return out.getvalue()


def rows_json(rows: Iterable[Row]) -> str:
    """The checklist as JSON, one object a line; every figure is a string, a share without rows null."""
    return "".join(
        json.dumps({name: None if row[name] is None else _text(row[name]) for name in LISTED}) + "\n" for row in rows
    )


EXPORTS: dict[str, Callable[[Iterable[Row]], str]] = {"csv": rows_csv, "json": rows_json}
