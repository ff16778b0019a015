"""What arrived: how final each usage day is, what re-opened which day, what came late or twice; findings of landed files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.core.schema import WARNINGS
from billing_recon.day.landing import LANDED
from billing_recon.report.figures import amount
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

FINDINGS: tuple[str, ...] = ("day", "table_name", "source_file", "source_row", "code", "says")


def findings(home: Home, first: date, last: date) -> list[Row]:
    """What somebody should look at of rows that landed all the same, over some days, in the order of files and rows."""
    parts = " UNION ALL ".join(
        f"SELECT day, '{table}' AS table_name, source_file, source_row, code, says "
        f"FROM ({home.warehouse.scan(WARNINGS.of(table), first, last)})"
        for table in LANDED
        if home.control.partition_states((f"warnings_{table}",), first, last)
    )
    if not parts:
        return []
    return rows_of(f"SELECT {', '.join(FINDINGS)} FROM ({parts}) ORDER BY ALL")


def findings_table(rows: Iterable[Row]) -> Table:
    """Findings for looking at."""
    table = Table(
        [
            Col("day"),
            Col("table"),
            Col("file", wrap=True),
            Col("row", right=True),
            Col("code"),
            Col("finding", wrap=True),
        ],
        title="Findings of landed documents, journals and feed rules",
    )
    for row in rows:
        table.add(
            str(row["day"]), row["table_name"], row["source_file"], str(row["source_row"]), row["code"], row["says"]
        )
    return table


def freshness_table(rows: Iterable[Row]) -> Table:
    """How final each usage day is. Units of two meters are never added."""
    table = Table(
        [
            Col("usage day"),
            Col("meter"),
            Col("units", right=True),
            Col("on the day", right=True),
            Col("in the window", right=True),
            Col("after it", right=True),
            Col("late events", right=True),
            Col("last arrival"),
            Col("final"),
        ],
        title="Usage by day",
    )
    for row in rows:
        table.add(
            str(row["usage_day"]),
            row["meter"],
            *(amount(row[name]) for name in ("quantity", "on_the_day", "within_window", "after_window")),
            f"{row['late_events']:,}",
            str(row["last_arrival"]),
            "yes" if row["final"] else f"on {row['window_ends']}",
        )
    return table


def reopened_table(rows: Iterable[Row]) -> Table:
    """Which days arrivals re-opened."""
    table = Table(
        [
            Col("usage day"),
            Col("meter"),
            Col("arrived"),
            Col("its window"),
            Col("late events", right=True),
            Col("corrected events", right=True),
            Col("change in units", right=True),
            Col("subscriptions", right=True),
        ],
        title="Days re-opened by what arrived",
    )
    for row in rows:
        table.add(
            str(row["usage_day"]),
            row["meter"],
            str(row["arrived_on"]),
            row["late_window"],
            f"{row['late_events']:,}",
            f"{row['taken_out_events']:,}",
            amount(row["quantity"]),
            f"{row['subscriptions']:,}",
        )
    return table


def entitlements_table(rows: Iterable[Row]) -> Table:
    """Included units that usage reached."""
    table = Table(
        [
            Col("day"),
            Col("subscription"),
            Col("customer", spare=True),
            Col("meter"),
            Col("used", right=True),
            Col("included", right=True),
            Col("reached", right=True),
            Col("period", spare=True),
        ],
        title="Included units reached",
    )
    for row in rows:
        table.add(
            str(row["day"]),
            row["subscription_id"],
            row["customer_id"],
            row["meter"],
            *(amount(row[name]) for name in ("used", "included")),
            f"{row['percent']}%",
            f"{row['period_start']} to {row['period_end']}",
        )
    return table


FATES = {
    "adjusted": "an adjustment of {adjusted_start} to {adjusted_end}, due {due_on}",
    "no_contract": "nobody: no subscription held on that day",
    "before_first_day": "nobody here: it is of before the first day",
    "no_period": "not yet known: no later period of the contract is there",
}
"""What bills usage that came after its period's window, by fate."""


def late_table(rows: Iterable[Row]) -> Table:
    """What came after the window of its own period, and what bills it."""
    table = Table(
        [
            Col("arrived"),
            Col("usage day"),
            Col("subscription"),
            Col("meter"),
            Col("units", right=True),
            Col("billed by", wrap=True),
        ],
        title="Usage after the window of its period",
    )
    for row in rows:
        table.add(
            str(row["arrived_on"]),
            str(row["usage_day"]),
            row["subscription_id"],
            row["meter"],
            amount(row["quantity"]),
            FATES[row["fate"]].format(**row),
        )
    return table


def duplicates_table(rows: Iterable[Row]) -> Table:
    """What came more than once: collapsed where it says the same, set aside where it does not."""
    table = Table(
        [
            Col("day"),
            Col("source"),
            Col("customer"),
            Col("meter"),
            Col("collapsed rows", right=True),
            Col("their units", right=True),
            Col("first kept"),
            Col("conflicts", right=True),
            Col("first conflict"),
        ],
        title="Events that came more than once",
    )
    for row in rows:
        table.add(
            str(row["day"]),
            row["source"] or "",
            row["customer_id"] or "",
            row["meter"] or "",
            f"{row['collapsed_rows']:,}",
            amount(row["collapsed_quantity"]),
            f"{row['kept_file']} row {row['kept_row']}" if row["kept_file"] else "",
            f"{row['conflict_rows']:,}",
            f"{row['conflict_file']} row {row['conflict_row']}" if row["conflict_file"] else "",
        )
    return table


def _text(value: object) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)


def rows_csv(rows: Sequence[Row], names: Sequence[str]) -> str:
    """CSV with a header; figures as they are kept."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_text(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def rows_json(rows: Sequence[Row], **beside: str) -> str:
    """One JSON object a line, figures as strings, what is empty as null; `beside`: fields that every line begins with."""
    return "".join(
        json.dumps({**beside, **{name: None if value is None else _text(value) for name, value in row.items()}}) + "\n"
        for row in rows
    )
