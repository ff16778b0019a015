"""Landing one table's partition: from its feed, through its contract, into the warehouse. Formats are in feeds/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.core.landing import LandingReport
from billing_recon.core.quarantine import RowDecision
from billing_recon.core.schema import BY_NAME, CANONICAL, LINEAGE, QUARANTINE, USAGE_EVENTS, Column, Kind, stored
from billing_recon.day.home import Home
from billing_recon.day.session import window
from billing_recon.feeds import bytes_of_day, warns
from billing_recon.feeds import land as land_from_feed
from billing_recon.feeds.landing.deduplication import KEPT

LANDED: tuple[str, ...] = tuple(spec.name for spec in CANONICAL)
"""Every table that a day lands, in the order of the layers."""

DUPLICATES: tuple[Column, ...] = (
    Column("source"),
    Column("event_id"),
    Column("subscription_id", nullable=True),
    Column("customer_id", nullable=True),
    Column("meter", nullable=True),
    Column("event_time", Kind.TIMESTAMP, nullable=True),
    Column("quantity", Kind.QUANTITY, nullable=True),
    Column("source_file", doc="of the row that was collapsed"),
    Column("source_row", Kind.INTEGER),
    Column("kept_on", Kind.DATE, doc="day of the file with the row that is kept"),
    Column("kept_file"),
    Column("kept_row", Kind.INTEGER),
)
"""What was collapsed as delivered twice; the roll-up keeps it beside the usage, for explaining a double charge."""

WARNINGS: tuple[Column, ...] = (
    Column("source_file"),
    Column("source_row", Kind.INTEGER),
    Column("code", doc="core.document or core.journal FindingCode; ODD for a rule of the feed"),
    Column("says"),
)
"""What somebody should look at of rows that landed all the same: a document that does not add up, a rule of the feed."""

BYTES_A_ROW = 100


def land_all(home: Home, tables: Sequence[str], day: date, run_id: str, side_by_side: int = 2) -> list[LandingReport]:
    """Land several tables, `side_by_side` at a time; the reports come in the order of `tables`.

    The first error is raised once all have ended, so that no table is left half written behind another's back.
    """
    with ThreadPoolExecutor(max_workers=side_by_side, thread_name_prefix="land") as pool:
        begun = [pool.submit(land, home, table, day, run_id) for table in tables]
    return [report.result() for report in begun]


def land(home: Home, table: str, day: date, run_id: str) -> LandingReport:
    """Land one table's partition and record its row equation. Rerunning replaces the partition by the same rows."""
    with landing_of(home, table, day, home.control.standing_decisions(table, day)) as (con, report):
        keep(con, home, report, run_id)
    return report


@contextmanager
def landing_of(
    home: Home, table: str, day: date, decisions: Sequence[RowDecision]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, LandingReport]]:
    """One table's partition landed in a session, under these decisions on its rows set aside; nothing is kept of it yet."""
    home.refuse_if_closed(day)
    spec = BY_NAME[table]
    with scratch(home.limits(_rows_at_a_guess(home, table, day))) as con:
        lookback = home.policy.windows.lookback_days
        known = None
        if spec is USAGE_EVENTS:
            known = "known_usage"
            first, last = day - timedelta(days=lookback), day - timedelta(days=1)
            earlier, _ = window(con, home, table, stored(spec), first, last)
            con.execute(
                f"CREATE VIEW {known} AS SELECT {', '.join((*spec.names, *KEPT))} FROM ("
                f"SELECT day AS landed_on, {', '.join((*spec.names, *KEPT[1:]))} FROM ({earlier}))"
            )
        report = land_from_feed(
            con,
            home=home.path,
            company=home.company,
            spec=spec,
            day=day,
            lookback_days=lookback,
            known_usage=known,
            owner=home.policy.owners.get("RECORD_QUARANTINED", home.policy.owners.get("default", "finance-operations")),
            decisions=decisions,
        )
        if not report.equation_holds:
            raise AssertionError(f"landing lost rows: {report}")
        yield con, report


def keep(con: duckdb.DuckDBPyConnection, home: Home, report: LandingReport, run_id: str) -> None:
    """Replace the partition by what `landing_of` landed, and record its row equation."""
    spec, day = BY_NAME[report.table], report.day
    names = ", ".join("day AS usage_day" if c.name == "day" else f'"{c.name}"' for c in spec.columns + LINEAGE)
    con.execute(f"CREATE VIEW landed_stored AS SELECT {names} FROM landed")
    home.write_if_any(con, spec.name, stored(spec), day, "landed_stored", run_id)
    home.write_if_any(con, f"quarantine_{spec.name}", QUARANTINE.columns, day, "landed_quarantine", run_id)
    if spec is USAGE_EVENTS:
        home.write_if_any(con, "usage_duplicates", DUPLICATES, day, "landed_duplicates", run_id)
    if warns(home.company, spec.name):
        home.write_if_any(con, f"warnings_{spec.name}", WARNINGS, day, "landed_warnings", run_id)
    home.control.record_landing(report, run_id)


def _rows_at_a_guess(home: Home, table: str, day: date) -> int:
    """From the size of the day's files; only the number of threads depends on it. A database is taken for large."""
    return bytes_of_day(home.path, home.company, table, day) // BYTES_A_ROW
