"""Select one day's rows from a file with many days. Every row belongs to one partition, even if its day is unreadable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import duckdb

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import NAMED_DATES, Feed, Written
from billing_recon.core.schema import Kind
from billing_recon.feeds.parse import notation, types
from billing_recon.feeds.parse.mapping import Mapping
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, single, text

_DAYS = "landing_days"
"""Temporary tables, one per file: ordinal, day, whether the day is the row's own, and the row's own day if the file's name does
not promise it, for each row of the feed."""
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Partition:
    """The partition that is landed, the time zone that gives an instant its day, and whether it is the first partition."""

    day: date
    timezone: str
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class DayOfRow:
    """How a row's day is found: `sql` over the typed rows, and `more` columns that it needs.

    `spans` are the first and last day that the name of each file promises, beginning with the file `file_no`.
    """

    partition: Partition
    column: str
    file_no: int
    sql: str
    more: str = ""
    spans: tuple[Span | None, ...] = ()

    @property
    def table(self) -> str:
        return f"{_DAYS}_{self.file_no}"

    @property
    def wanted(self) -> date:
        return self.partition.day

    def end(self, number: int) -> str:
        """SQL for the first (0) or last (1) day that the name of a row's file promises, over `file_no`."""
        ends = ["NULL" if span is None else f"DATE '{span[number]}'" for span in self.spans]
        return ends[0] if len(ends) == 1 else f"[{', '.join(ends)}][file_no - {self.file_no - 1}]"

    @property
    def field(self) -> str:
        """SQL for the name of our column that is at fault if a row has no day."""
        return "NULL" if self.more else text(self.column)


@dataclass(frozen=True, slots=True)
class DayRange:
    """A file's days: the first and last, the number of rows of other days than the wanted one, a sentence on what the file
    `holds`, and a note on rows `before` the first partition."""

    first: date | None = None
    last: date | None = None
    others: int = 0
    holds: str = ""
    before: str | None = None


NO_RANGE = DayRange()
"""For a file of one day, or without rows."""


def day_of_row(
    feed: Feed,
    mapping: Mapping,
    raw: RawFile,
    key: str,
    partition: Partition,
    file_no: int,
    spans: Sequence[Span | None] = (),
) -> DayOfRow:
    """Return how the feed's `day_column` gives a row's day: one of our columns as parsed, or a column of the file.

    Raise LandingRefused if it is neither.
    """
    name = feed.day_column
    assert name is not None
    source = mapping.source(name)
    if source is not None and source.column.kind in (Kind.DATE, Kind.TIMESTAMP):
        sql = quoted(name)
        if source.column.kind is Kind.TIMESTAMP:
            sql = f"CAST({sql} AT TIME ZONE {text(partition.timezone)} AS DATE)"
        return DayOfRow(partition, name, file_no, sql, spans=tuple(spans))
    if name not in raw.columns:
        raise LandingRefused(
            f"{key}.day_column '{name}' is neither a date column of ours nor a column of the file; correct one of the two"
        )
    value = f"nullif(trim(CAST({quoted(name)} AS VARCHAR)), '')"
    # A pattern with an hour gives an instant, whose day is in the company's time zone; one without gives a day.
    patterns = (*raw.dates, *(feed.dates or ("iso",)))
    timed = tuple(p for p in patterns if p in NAMED_DATES or re.search("%-?[HI]", p))
    days = tuple(p for p in patterns if p not in timed or p in ("iso", "iso_day"))
    parts = [
        types.typed(
            notation.date_text(
                value, kind, Written(dates=kept, timezone=feed.timezone, clock_change=feed.clock_change or "before")
            ),
            kind,
            thorough=False,
        )
        for kind, kept in ((Kind.DATE, days), (Kind.TIMESTAMP, timed))
    ]
    day, instant = (part if kept else "NULL" for part, kept in zip(parts, (days, timed), strict=True))
    found = f"coalesce(CAST({day} AS DATE), CAST(CAST({instant} AS TIMESTAMPTZ) AT TIME ZONE {text(partition.timezone)} AS DATE))"
    return DayOfRow(partition, name, file_no, "landing_day", f"{found} AS landing_day, ", tuple(spans))


def find_days(con: duckdb.DuckDBPyConnection, name: str, days: DayOfRow, rows: str) -> DayRange:
    """Create the file's table of days from `rows` (SQL for file_no, ordinal and day of its rows). Return their range.

    A row without a readable day gets the day of the row before it, or the first known day. One of a day that the name of its file
    does not promise gets the nearest that it does: no other partition reads the file. So exactly one partition quarantines
    the row. Raise LandingRefused if no row of the file has a day.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {days.table} AS SELECT file_no, ordinal, day, day IS NOT NULL AS known, CAST(NULL AS DATE) AS stray "
        f"FROM ({rows})"
    )
    if any(days.spans):
        low, high = (days.end(number) for number in (0, 1))
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {days.table} AS SELECT file_no, ordinal, CASE WHEN day IS NOT NULL THEN least(greatest(day, low), high) END AS day, known, "
            "CASE WHEN day NOT BETWEEN low AND high THEN day END AS stray "
            f"FROM (SELECT file_no, ordinal, day, day IS NOT NULL AS known, {low} AS low, {high} AS high FROM ({rows}))"
        )
    total, known, first, last = single(con, f"SELECT count(*), count(day), min(day), max(day) FROM {days.table}")
    if not total:
        return NO_RANGE
    if not known:
        raise LandingRefused(
            f"{name}: no row has a readable day in '{days.column}', so none can be assigned to {days.wanted}; "
            "declare the feed's dates as they are written"
        )
    if known < total:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {days.table} AS SELECT file_no, ordinal, coalesce(day, "
            "last_value(day IGNORE NULLS) OVER (ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), "
            "first_value(day IGNORE NULLS) OVER (ORDER BY ordinal ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) "
            f"AS day, known, stray FROM {days.table}"
        )
    early = 0
    if days.partition.is_first and first < days.wanted:
        (early,) = single(con, f"SELECT count(*) FROM {days.table} WHERE day < DATE '{days.wanted}'")
    before = (
        f"{early} rows of {name} are before the first day {days.wanted} and land in no partition" if early else None
    )
    (others,) = single(con, f"SELECT count(*) FROM {days.table} WHERE day <> DATE '{days.wanted}'")
    return DayRange(first, last, int(others), f"{name} holds {first} to {last}", before)


def only_of_day(days: DayOfRow, raw: RawFile) -> RawFile:
    """Restrict the file to the wanted day's rows, before anything else is computed from them."""
    kept = f"SEMI JOIN (SELECT ordinal AS landing_ordinal FROM {days.table} WHERE day = DATE '{days.wanted}') USING (landing_ordinal)"
    return replace(raw, rows=f"SELECT * FROM ({raw.rows}) {kept}", rows_once=f"SELECT * FROM ({raw.rows_once}) {kept}")


def faults_of_unknown_days(days: DayOfRow) -> str:
    """Return SQL for the faults of rows of the wanted day that have no day of their own, in the shape of FAULTS."""
    says = f"has no readable day in '{days.column}'; it is quarantined on the day of the row before it"
    outside = text(
        ", outside the days that the name of its file promises, and no other day reads the row; ask for the file again, or name all "
        "files without their period (path: bank/*.csv)"
    )
    return (
        f"SELECT file_no, ordinal, CASE WHEN known THEN 0 ELSE 1999 END, {days.field}, '{Reason.WRONG_DAY}', CASE WHEN known THEN 'lies on ' || CAST(stray AS VARCHAR) || "
        f"{outside} ELSE {text(says)} END FROM {days.table} WHERE (NOT known OR stray IS NOT NULL) AND day = DATE '{days.wanted}'"
    )


def lines_of_other_days(days: DayOfRow, rejected: str) -> str:
    """Return SQL for the source_row of `rejected` lines (SQL for their source_row) that belong to another day.

    Like a row without a day, such a line belongs to the day of the row before it.
    """
    return (
        f"SELECT source_row FROM (SELECT r.source_row AS source_row, coalesce(d.day, (SELECT arg_min(day, ordinal) FROM {days.table})) "
        "AS day FROM (SELECT source_row, source_row - row_number() OVER (ORDER BY source_row) AS before "
        f"FROM ({rejected})) r ASOF LEFT JOIN {days.table} d ON r.before >= d.ordinal) WHERE day <> DATE '{days.wanted}'"
    )
