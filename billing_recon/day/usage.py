"""The state of usage: days that late usage re-opened, how final a day is, duplicates. Read from the warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.late_usage import DUPLICATES as DUPLICATES_REPORT
from billing_recon.compute.late_usage import FRESHNESS, SINCE
from billing_recon.compute.registration import register
from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import (
    LATE_USAGE,
    QUARANTINE,
    REOPENED_DAYS,
    USAGE_AWAITED,
    USAGE_DUPLICATES,
    USAGE_EVENTS,
    USAGE_ROLLUP,
    TableSpec,
)
from billing_recon.core.schema.parameters import RUN_PARAMS
from billing_recon.day.history import known_rollups, later_rollups
from billing_recon.day.home import Home
from billing_recon.day.parameters import run_params
from billing_recon.day.session import open_session, register_window
from billing_recon.warehouse import content_digest

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UsageSince:
    """Usage that arrived after a day, within the late window of bills that the day decided about."""

    rows: int
    subscriptions: int
    last: date
    digest: str

    def __str__(self) -> str:
        changes = "1 change" if self.rows == 1 else f"{self.rows} changes"
        return f"usage of {self.subscriptions} subscription{'s' if self.subscriptions > 1 else ''} arrived late ({changes}, the last on {self.last})"


def usage_since(home: Home, day: date) -> UsageSince | None:
    """What has re-opened `day`, or None. Bills issued after their late window are never re-opened."""
    awaited = home.control.partition_states((USAGE_AWAITED.name,), day, day)
    later = later_rollups(home, day) if any(state.rows for state in awaited) else []
    if not later:
        return None
    with scratch() as con:
        register(con, RUN_PARAMS, [run_params(home, day).row()])
        register_window(con, home, USAGE_AWAITED, day, day)
        where = known_rollups(home, day)
        register_window(con, home, USAGE_ROLLUP, later[0], later[-1], name="later_usage", where=where)
        build(con, (SINCE,))
        columns = [c for c in USAGE_ROLLUP.columns if c.name in ("usage_day", "subscription_id", "meter", "quantity")]
        rows, digest = content_digest(con, "SELECT * FROM usage_since", columns)
        if not rows:
            return None
        ((subscriptions, latest),) = con.execute(
            "SELECT count(DISTINCT subscription_id), max(arrived_on) FROM usage_since"
        ).fetchall()
    return UsageSince(rows, int(subscriptions), latest, digest)


def made_from_with_usage_since(home: Home, day: date, made_from: str) -> str:
    """What results of a day were made from, with the usage that re-opened the day before they were made."""
    since = usage_since(home, day)
    return f"{made_from} {since.digest}" if since else made_from


def usage_freshness(home: Home, as_of: date) -> list[Row]:
    """How final each usage day of the lookback is, per meter (compute.late_usage.FRESHNESS)."""
    with open_session(home, as_of) as con:
        first = as_of - timedelta(days=home.policy.windows.lookback_days)
        register_window(con, home, USAGE_ROLLUP, first, as_of)
        build(con, (FRESHNESS,))
        return _rows(con, "SELECT * FROM usage_freshness ORDER BY usage_day, meter")


def reopened_days(home: Home, first: date, last: date) -> list[Row]:
    """The usage days that arrivals of the days `first` to `last` re-opened (core.schema.REOPENED_DAYS)."""
    return _stored(home, REOPENED_DAYS, first, last, "usage_day, meter, arrived_on")


def late_usage(home: Home, first: date, last: date) -> list[Row]:
    """Usage that arrived on the days `first` to `last` after its period's window (core.schema.LATE_USAGE)."""
    order = "arrived_on, subscription_id, meter, usage_day"
    return _stored(home, LATE_USAGE, first, last, order, where="day = arrived_on")


def duplicates_report(home: Home, first: date, last: date) -> list[Row]:
    """Duplicates that arrived on the days `first` to `last`, per day, source, customer and meter.

    Rows and units that were collapsed, with the first row kept; and rows quarantined because they contradict another row
    of the same id.
    """
    with scratch() as con:
        register_window(con, home, USAGE_DUPLICATES, first, last)
        register_window(con, home, QUARANTINE.of(USAGE_EVENTS.name), first, last, name="quarantined")
        reasons = ", ".join(f"'{reason}'" for reason in (Reason.CONFLICTING_DUPLICATE, Reason.DUPLICATE_KEY))
        fields = ", ".join(
            f"json_extract_string(reading, '$.{name}') AS {name}"
            for name in ("source", "customer_id", "meter", "event_id")
        )
        con.execute(
            f"CREATE VIEW quarantined_duplicates AS SELECT day, {fields}, source_file, source_row FROM quarantined "
            f"WHERE reason IN ({reasons})"
        )
        build(con, (DUPLICATES_REPORT,))
        return _rows(con, "SELECT * FROM duplicates_report ORDER BY day, source, customer_id, meter")


def _stored(home: Home, table: TableSpec, first: date, last: date, order: str, where: str = "true") -> list[Row]:
    """A table's own columns over some days."""
    with scratch() as con:
        register_window(con, home, table, first, last, where=where)
        return _rows(con, f"SELECT {', '.join(table.names)} FROM {table.name} ORDER BY {order}")


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    result = con.execute(query)
    names: Iterable[str] = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
