"""Arrivals as tables: usage that is final, re-opened, late or duplicated; findings of landed files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

from billing_recon.core.figures import amount
from billing_recon.core.schema import WARNINGS
from billing_recon.day.landing import LANDED
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.home import Home

FINDINGS: tuple[str, ...] = ("day", "table_name", "source_file", "source_row", "code", "says")


def findings(home: Home, first: date, last: date) -> list[Row]:
    """Findings of rows that landed from `first` to `last`, in the order of files and rows."""
    parts = " UNION ALL ".join(
        f"SELECT day, '{table}' AS table_name, source_file, source_row, code, says "
        f"FROM ({home.warehouse.scan(WARNINGS.of(table), first, last)})"
        for table in LANDED
        if home.control.partition_states((f"warnings_{table}",), first, last)
    )
    if not parts:
        return []
    return rows_of(f"SELECT {', '.join(FINDINGS)} FROM ({parts}) ORDER BY ALL")


def _units(name: str) -> Callable[[Row], str]:
    return lambda row: amount(row[name])


def findings_table(rows: Iterable[Row]) -> Table:
    """Findings, one per line."""
    columns = (
        Col("day", "day"),
        Col("table", "table_name"),
        Col("file", "source_file", wrap=True),
        Col("row", lambda row: str(row["source_row"]), right=True),
        Col("code", "code"),
        Col("finding", "says", wrap=True),
    )
    return table_of(rows, columns, "Findings in landed documents, journals and feed rules")


def freshness_table(rows: Iterable[Row]) -> Table:
    """How final each usage day is. Units of two meters are never added."""
    columns = (
        Col("usage day", "usage_day"),
        Col("meter", "meter"),
        Col("units", _units("quantity"), right=True),
        Col("on the day", _units("on_the_day"), right=True),
        Col("in the window", _units("within_window"), right=True),
        Col("after it", _units("after_window"), right=True),
        Col("late events", "late_events", right=True),
        Col("last arrival", "last_arrival"),
        Col("final", lambda row: "yes" if row["final"] else f"on {row['window_ends']}"),
    )
    return table_of(rows, columns, "Usage by day")


def reopened_table(rows: Iterable[Row]) -> Table:
    """The usage days that arrivals re-opened."""
    columns = (
        Col("usage day", "usage_day"),
        Col("meter", "meter"),
        Col("arrived", "arrived_on"),
        Col("late window", "late_window"),
        Col("late events", "late_events", right=True),
        Col("corrected events", "taken_out_events", right=True),
        Col("change in units", _units("quantity"), right=True),
        Col("subscriptions", "subscriptions", right=True),
    )
    return table_of(rows, columns, "Usage days re-opened by arrivals")


def entitlements_table(rows: Iterable[Row]) -> Table:
    """Thresholds of included units that usage reached."""
    columns = (
        Col("day", "day"),
        Col("subscription", "subscription_id"),
        Col("customer", "customer_id", spare=True),
        Col("meter", "meter"),
        Col("used", _units("used"), right=True),
        Col("included", _units("included"), right=True),
        Col("reached", lambda row: f"{row['percent']}%", right=True),
        Col("period", lambda row: f"{row['period_start']} to {row['period_end']}", spare=True),
    )
    return table_of(rows, columns, "Included units reached")


FATES = {
    "adjusted": "an adjustment of {adjusted_start} to {adjusted_end}, due {due_on}",
    "no_contract": "nobody: no subscription on that day",
    "before_first_day": "nobody here: the usage is from before the first day",
    "no_period": "not known yet: the contract has no later period yet",
}
"""What bills usage that arrived after the late window of its period, by fate."""


def late_table(rows: Iterable[Row]) -> Table:
    """Usage that arrived after the late window of its period, and what bills it."""
    columns = (
        Col("arrived", "arrived_on"),
        Col("usage day", "usage_day"),
        Col("subscription", "subscription_id"),
        Col("meter", "meter"),
        Col("units", _units("quantity"), right=True),
        Col("billed by", lambda row: FATES[row["fate"]].format(**row), wrap=True),
    )
    return table_of(rows, columns, "Usage after the late window of its period")


def _place(kind: str) -> Callable[[Row], str]:
    return lambda row: f"{row[f'{kind}_file']} row {row[f'{kind}_row']}" if row[f"{kind}_file"] else ""


def duplicates_table(rows: Iterable[Row]) -> Table:
    """Events that arrived more than once: equal ones are collapsed, contradicting ones quarantined."""
    columns = (
        Col("day", "day"),
        Col("source", "source"),
        Col("customer", "customer_id"),
        Col("meter", "meter"),
        Col("collapsed rows", "collapsed_rows", right=True),
        Col("their units", _units("collapsed_quantity"), right=True),
        Col("first kept", _place("kept")),
        Col("conflicts", "conflict_rows", right=True),
        Col("first conflict", _place("conflict")),
    )
    return table_of(rows, columns, "Events that arrived more than once")
