"""The day's field checklist, computed on demand from its partitions by compute.checklist."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.compute.checklist import CHECKLIST, LAYERS
from billing_recon.core.figures import NO_DATA
from billing_recon.core.money import Rounding, plain, settle_at
from billing_recon.core.schema import BY_NAME, QUARANTINE
from billing_recon.report.exports import rows_csv, rows_json
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table, table_of

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
"""The columns of exports. Shares have 8 decimals, and are NO DATA if the layer has no rows."""


def checklist(home: Home, day: date) -> list[Row]:
    """One row per layer, business field and column, in the order of the layers; a share without rows is None."""
    tables = {table: home.warehouse.scan(BY_NAME[table], day, day) for table in LAYERS}
    quarantined = " UNION ALL ".join(home.warehouse.scan(QUARANTINE.of(table), day, day) for table in LAYERS)
    given = ", ".join(f"{name} AS ({sql})" for name, sql in {**tables, "quarantine": quarantined}.items())
    names = ", ".join(f"CAST('{day}' AS DATE) AS day" if name == "day" else name for name in LISTED)
    return rows_of(f"WITH {given} SELECT {names} FROM ({CHECKLIST.sql}) ORDER BY position")


def checklist_table(rows: Iterable[Row]) -> Table:
    """The checklist for looking at."""
    columns = (
        Col("layer", "table_name"),
        Col("field", "field"),
        Col("column", "column_name"),
        Col("rows", "rows", right=True),
        Col("filled", lambda row: percent(row["filled"], row["rows"]), right=True),
        Col("faults", lambda row: percent(row["faulty"], row["rows"]), right=True),
    )
    title = "Field checklist (share of the day's rows that have the field, and that are quarantined because of it)"
    return table_of(rows, columns, title)


def percent(part: int, rows: int) -> str:
    """A share for a reader: 100% only if no row is missing, 0% only if there is none.

    >>> percent(3, 4), percent(1, 3), percent(99_999, 100_000), percent(1, 100_000), percent(0, 7), percent(0, 0)
    ('75%', '33.33%', '>99.99%', '<0.01%', '0%', 'NO DATA')
    """
    if not rows:
        return NO_DATA
    share = settle_at(Decimal(100 * part) / Decimal(rows), 2, Rounding.HALF_UP)
    if part and not share:
        return "<0.01%"
    return ">99.99%" if share == 100 and part < rows else f"{plain(share)}%"


def as_csv(rows: Iterable[Row]) -> str:
    """The checklist as CSV; a share without rows is NO DATA."""
    known = ({name: NO_DATA if value is None else value for name, value in row.items()} for row in rows)
    return rows_csv(known, LISTED)


def as_json(rows: Iterable[Row]) -> str:
    """The checklist as JSON lines; a share without rows is null."""
    return rows_json(rows, LISTED)


EXPORTS: dict[str, Callable[[Iterable[Row]], str]] = {"csv": as_csv, "json": as_json}
