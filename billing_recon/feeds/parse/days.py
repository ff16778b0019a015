"""Which rows of a file that holds many days are one day's. Every row is one partition's, also where its day cannot be read."""

from __future__ import annotations

import re
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
"""Temporary tables, one a file: ordinal, day, and whether that is the row's own, for each row that is the feed's."""


@dataclass(frozen=True, slots=True)
class Day:
    """The partition that is landed, the time zone in which an instant has its day, and whether it is the first partition."""

    day: date
    timezone: str
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class DayOfRow:
    """How a row's day is known: `sql` over the typed rows, and `more` that must be read with them for that."""

    among: Day
    column: str
    file_no: int
    sql: str
    more: str = ""

    @property
    def table(self) -> str:
        return f"{_DAYS}_{self.file_no}"

    @property
    def wanted(self) -> date:
        return self.among.day

    @property
    def field(self) -> str:
        """SQL for our column that is at fault where a row has no day."""
        return "NULL" if self.more else text(self.column)


@dataclass(frozen=True, slots=True)
class Range:
    """Where a file's days lie: `outside` says it when the wanted day is not among them, `before` what no partition has."""

    outside: str | None = None
    before: str | None = None


NOWHERE = Range()
"""Of a file that does not hold many days, or no row."""


def day_of_row(feed: Feed, mapping: Mapping, raw: RawFile, key: str, among: Day, file_no: int) -> DayOfRow:
    """How the feed's `day_column` gives a row's day: one of our columns as it is read, or one of theirs.

    Raises LandingRefused when it is neither.
    """
    name = feed.day_column
    assert name is not None
    source = mapping.source(name)
    if source is not None and source.column.kind in (Kind.DATE, Kind.TIMESTAMP):
        sql = quoted(name)
        if source.column.kind is Kind.TIMESTAMP:
            sql = f"CAST({sql} AT TIME ZONE {text(among.timezone)} AS DATE)"
        return DayOfRow(among, name, file_no, sql)
    if name not in raw.columns:
        raise LandingRefused(
            f"{key}.day_column '{name}' is neither a day of ours nor a column of the file; correct one of the two"
        )
    came = f"nullif(trim(CAST({quoted(name)} AS VARCHAR)), '')"
    # A pattern with an hour is of an instant, and its day is in the company's time zone; one without is of a day itself.
    patterns = feed.dates or ("iso",)
    timed = tuple(p for p in patterns if p in NAMED_DATES or re.search("%-?[HI]", p))
    days = tuple(p for p in patterns if p not in timed or p in ("iso", "iso_day"))
    parts = [
        types.typed(notation.date_text(came, kind, Written(dates=kept, timezone=feed.timezone)), kind, thorough=False)
        for kind, kept in ((Kind.DATE, days), (Kind.TIMESTAMP, timed))
    ]
    day, instant = (part if kept else "NULL" for part, kept in zip(parts, (days, timed), strict=True))
    theirs = f"coalesce(CAST({day} AS DATE), CAST(CAST({instant} AS TIMESTAMPTZ) AT TIME ZONE {text(among.timezone)} AS DATE))"
    return DayOfRow(among, name, file_no, "landing_day", f"{theirs} AS landing_day, ")


def find_days(con: duckdb.DuckDBPyConnection, name: str, days: DayOfRow, rows: str) -> Range:
    """Create the file's table of days from `rows` (SQL for a file's rows: ordinal, day), and answer where they lie.

    A row without a readable day is of the day of the row before it in the file, or of the first known one where none is
    before: so that exactly one partition sets it aside. Raises LandingRefused when no row of the file has a day.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {days.table} AS SELECT ordinal, day, day IS NOT NULL AS known FROM ({rows})"
    )
    total, known, first, last = single(con, f"SELECT count(*), count(day), min(day), max(day) FROM {days.table}")
    if not total:
        return NOWHERE
    if not known:
        raise LandingRefused(
            f"{name}: no row has a day that can be read in '{days.column}', so nothing is known to be of {days.wanted}; "
            "give the feed's dates as they are written"
        )
    if known < total:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {days.table} AS SELECT ordinal, coalesce(day, "
            "last_value(day IGNORE NULLS) OVER (ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), "
            "first_value(day IGNORE NULLS) OVER (ORDER BY ordinal ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) "
            f"AS day, known FROM {days.table}"
        )
    early = 0
    if days.among.is_first and first < days.wanted:
        (early,) = single(con, f"SELECT count(*) FROM {days.table} WHERE day < DATE '{days.wanted}'")
    before = f"{early} rows of {name} lie before the first day {days.wanted} and are in no partition" if early else None
    return Range(None if first <= days.wanted <= last else f"{name} holds {first} to {last}", before)


def only_of_day(days: DayOfRow, raw: RawFile) -> RawFile:
    """The file with the wanted day's rows alone, told apart before anything else is made of them."""
    kept = f"SEMI JOIN (SELECT ordinal AS landing_ordinal FROM {days.table} WHERE day = DATE '{days.wanted}') USING (landing_ordinal)"
    return replace(raw, rows=f"SELECT * FROM ({raw.rows}) {kept}", rows_once=f"SELECT * FROM ({raw.rows_once}) {kept}")


def faults_of_unknown_days(days: DayOfRow) -> str:
    """SQL for what is wrong with the rows that are this day's for want of a day of their own, in the shape of FAULTS."""
    says = f"has no day that can be read in '{days.column}'; it is set aside on the day of the row before it"
    return (
        f"SELECT {days.file_no}, ordinal, 1999, {days.field}, '{Reason.WRONG_DAY}', {text(says)} FROM {days.table} "
        f"WHERE NOT known AND day = DATE '{days.wanted}'"
    )


def lines_of_other_days(days: DayOfRow, rejected: str) -> str:
    """SQL for the source_row of those lines that are no rows (`rejected`: their source_row) and not this day's.

    Like a row without a day, such a line is of the day of the row before it.
    """
    return (
        f"SELECT source_row FROM (SELECT r.source_row AS source_row, coalesce(d.day, (SELECT arg_min(day, ordinal) FROM {days.table})) "
        "AS day FROM (SELECT source_row, source_row - row_number() OVER (ORDER BY source_row) AS before "
        f"FROM ({rejected})) r ASOF LEFT JOIN {days.table} d ON r.before >= d.ordinal) WHERE day <> DATE '{days.wanted}'"
    )
