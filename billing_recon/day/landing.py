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
from billing_recon.core.reason import Code
from billing_recon.core.schema import BY_NAME, LINEAGE, QUARANTINE, USAGE_DUPLICATES, USAGE_EVENTS, WARNINGS
from billing_recon.day.history import LANDED, landed_under
from billing_recon.day.home import Home
from billing_recon.day.session import window
from billing_recon.feeds.landing.deduplication import KEPT
from billing_recon.feeds.landing.delivered_files import bytes_of_day
from billing_recon.feeds.landing.delivery import warns
from billing_recon.feeds.landing.pipeline import land as land_from_feed

BYTES_PER_ROW = 100

__all__ = ["LANDED", "land", "land_all", "open_landing", "write_landing"]


def land_all(home: Home, tables: Sequence[str], day: date, run_id: str, side_by_side: int = 2) -> list[LandingReport]:
    """Land several tables, `side_by_side` at a time; reports are in the order of `tables`.

    The first error is raised after all have ended, so no table is left half written.
    """
    with ThreadPoolExecutor(max_workers=side_by_side, thread_name_prefix="land") as pool:
        begun = [pool.submit(land, home, table, day, run_id) for table in tables]
    return [report.result() for report in begun]


def land(home: Home, table: str, day: date, run_id: str) -> LandingReport:
    """Land one table's partition and record its row equation. A rerun replaces the partition by the same rows."""
    with open_landing(home, table, day, home.control.standing_decisions(table, day)) as (con, report):
        write_landing(con, home, report, run_id)
    return report


@contextmanager
def open_landing(
    home: Home, table: str, day: date, decisions: Sequence[RowDecision]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, LandingReport]]:
    """Land one table's partition in a session, with these decisions on its quarantined rows; nothing is written yet."""
    home.refuse_if_closed(day)
    spec = BY_NAME[table]
    with scratch(home.limits(_estimated_rows(home, table, day))) as con:
        lookback = home.policy.windows.lookback_days
        known = None
        if spec is USAGE_EVENTS:
            known = "known_usage"
            earlier, _ = window(con, home, spec, day - timedelta(days=lookback), day - timedelta(days=1))
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
            owner=home.policy_on(day).policy.owner_of(Code.RECORD_QUARANTINED),
            decisions=decisions,
            catalog=home.catalog,
        )
        if not report.equation_holds:
            raise AssertionError(f"landing lost rows: {report}")
        yield con, report


def write_landing(con: duckdb.DuckDBPyConnection, home: Home, report: LandingReport, run_id: str) -> None:
    """Replace the partition by what `open_landing` landed, and record its row equation."""
    spec, day = BY_NAME[report.table], report.day
    names = ", ".join("day AS usage_day" if c.name == "day" else f'"{c.name}"' for c in spec.columns + LINEAGE)
    con.execute(f"CREATE VIEW landed_stored AS SELECT {names} FROM landed")
    home.write(con, spec, day, run_id, source="landed_stored", made_from=landed_under(home))
    home.write(con, QUARANTINE.of(spec.name), day, run_id, source="landed_quarantine")
    if spec is USAGE_EVENTS:
        home.write(con, USAGE_DUPLICATES, day, run_id, source="landed_duplicates")
    if warns(home.company, spec.name):
        home.write(con, WARNINGS.of(spec.name), day, run_id, source="landed_warnings")
    home.control.record_landing(report, run_id)


def _estimated_rows(home: Home, table: str, day: date) -> int:
    """An estimate from the size of the day's files; it only sets the number of threads. A database counts as large."""
    return bytes_of_day(home.path, home.company, table, day) // BYTES_PER_ROW
