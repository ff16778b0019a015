"""Land a file without storing anything, and keep what a person needs to check a feed: what was understood, and the totals."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

import duckdb

from billing_recon.compute.engine import session
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.feed_path import any_period, period_named
from billing_recon.core.landing import LandingReport
from billing_recon.core.schema import LEDGER_ENTRIES, Kind, TableSpec
from billing_recon.feeds.effective_feed import feed_of
from billing_recon.feeds.landing.delivery import open_delivery
from billing_recon.feeds.landing.loaded_file import TYPED, open_rows
from billing_recon.feeds.landing.pipeline import land
from billing_recon.feeds.suggestion import columns_of, guess
from billing_recon.feeds.tables.day_files import path_of
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, single, text

_AFTER_ALL = date(5000, 1, 1)
_ALL_DAYS = 1_800_000
"""Days before and after it that are read: a file on its own is not held to a day."""
_ROWS = 3
_FIRST = f"SELECT * FROM {TYPED} WHERE file_no = 1 AND broken IS NULL ORDER BY ordinal LIMIT {_ROWS}"
_TOTALS = 20
_VALUE_MAX = 40


@dataclass(frozen=True, slots=True)
class Side:
    """A column of ours in the first rows: where it comes from, what the file has there, and what it becomes."""

    ours: str
    source: str
    theirs: tuple[str | None, ...]
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a feed makes of a delivery. `understood` is how it was read, `missing` our columns without a source, each with a guess."""

    report: LandingReport
    understood: tuple[str, ...]
    header: tuple[str, ...]
    sides: tuple[Side, ...] = ()
    unmapped: tuple[tuple[str, str | None], ...] = ()
    missing: tuple[tuple[str, str | None], ...] = ()
    totals: tuple[tuple[str, str, int, str], ...] = ()
    quarantined: tuple[str, ...] = ()


def try_feed(
    home: Path, company: Company, spec: TableSpec, *, day: date | None, lookback_days: int, file: Path | None = None,
    catalog: Catalog | None = None,
) -> Preview:  # fmt: skip
    """Return what the feed of a table makes of `file`, or of its delivery on `day`; by default that of the newest file.

    A file on its own is read with all its days. Raise LandingRefused if there is nothing to read.
    """
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        if file is not None:
            company = _of_one_file(company, spec, file, Path(scratch), home)
            home = Path(scratch)
            lookback_days = lookback_days if day else _ALL_DAYS
            day = day or _AFTER_ALL
        elif day is None:
            day = _newest_day(home, company, spec)
        con = session()
        try:
            return _previewed(con, home, company, spec, day, lookback_days, catalog)
        finally:
            con.close()


def _of_one_file(company: Company, spec: TableSpec, file: Path, scratch: Path, home: Path) -> Company:
    """Return the company with this file as the table's delivery, copied to `scratch`."""
    if not file.is_file():
        raise LandingRefused(f"{file}: there is no such file")
    folder = scratch / "try"
    folder.mkdir()
    shutil.copyfile(file, folder / file.name)
    if (home / "templates").is_dir():
        shutil.copytree(home / "templates", scratch / "templates")
    feed = company.feeds.get(spec.name, Feed())
    if feed.is_database:
        raise LandingRefused(f"feeds.{spec.name} reads a database; try it without a file, with --day")
    fitting = (one for one in (feed, *feed.also) if one.path and fnmatch(file.name, Path(any_period(one.path)).name))
    changes = {"path": f"try/{_escaped(file.name)}", "day_column": None, "covers": None, "also": ()}
    changed = next(fitting, feed).model_copy(update=changes)
    return company.model_copy(update={"feeds": company.feeds | {spec.name: changed}})


def _escaped(name: str) -> str:
    """Return a pattern that only this name matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else "?" if letter in "{}" else letter for letter in name)


def _newest_day(home: Path, company: Company, spec: TableSpec) -> date:
    feed = company.feeds.get(spec.name, Feed())
    if feed.is_remote:
        raise LandingRefused(f"feeds.{spec.name} reads an object store; give --day, or name a file")
    pattern = (
        f"landing/{spec.name}/{{day}}.*"
        if feed.is_database
        else path_of(spec.name, feed) or f"landing/{spec.name}/{{day}}.*"
    )
    files = [path.relative_to(home).as_posix() for path in home.glob(any_period(pattern)) if path.is_file()]
    days = [found for name in files if (found := period_named(pattern, name)) is not None]
    if not days:
        raise LandingRefused(
            f"{spec.name}: no file fits {pattern}; name a file (billing-recon feeds try {spec.name} FILE), or give --day"
        )
    return max(first for first, _ in days)


def _previewed(
    con: duckdb.DuckDBPyConnection, home: Path, company: Company, spec: TableSpec, day: date, lookback_days: int,
    catalog: Catalog | None,
) -> Preview:  # fmt: skip
    report = land(
        con,
        home=home,
        company=company,
        spec=spec,
        day=day,
        lookback_days=lookback_days,
        known_usage=None,
        owner="",
        catalog=catalog,
    )
    totals = _totals(con, spec, company.timezone)
    values = {} if report.rows_in == 0 else _first_values(con, spec)
    reasons = con.execute(
        "SELECT reason, count(*), arg_min(message, source_row) FROM landed_quarantine GROUP BY reason ORDER BY count(*) DESC, reason"
    ).fetchall()
    quarantined = tuple(f"{count} {reason}: {message}" for reason, count, message in reasons)
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        try:
            feed = feed_of(company, spec.name)
            delivery = open_delivery(home, company, spec, feed, day, Path(scratch))
            raw = open_rows(con, delivery.parts[0][1], feed) if delivery.parts else None
        except LandingRefused:
            return Preview(report, (), (), totals=totals, quarantined=quarantined)
        if raw is None:
            return Preview(report, (), (), totals=totals, quarantined=quarantined)
        header = tuple(raw.columns)
        sources = _sources(spec, feed, raw, company)
        theirs = _their_values(con, raw)
        sides = tuple(
            Side(
                column.name,
                sources[column.name][0],
                theirs.get(sources[column.name][1], ()),
                values.get(column.name, ()),
            )
            for column in spec.columns
            if column.name in sources
        )
        used = {name for _, name in sources.values()} | _named(feed)
        free = [name for name in header if name not in used]
        lacking = [column.name for column in columns_of(spec) if column.name not in sources]
        return Preview(
            report,
            _understood(delivery.parts[0][1].format, delivery.parts[0][1].delimiter, feed, company),
            header,
            sides,
            tuple((name, _ours_for(name, spec, sources)) for name in free),
            tuple((name, guess(name, free or header)) for name in lacking),
            totals,
            quarantined,
        )


def _sources(spec: TableSpec, feed: Feed, raw: RawFile, company: Company) -> dict[str, tuple[str, str]]:
    """Return for each column of ours its source in words, and the column of the file that it is read from, if it is one."""
    found: dict[str, tuple[str, str]] = {}
    for column in spec.columns:
        given = feed.columns.get(column.name)
        if given is None and column.name in raw.columns:
            found[column.name] = (column.name, column.name)
        elif isinstance(given, str):
            found[column.name] = (given, given)
        elif isinstance(given, ColumnMap):
            entry = given
            if entry.column is not None:
                found[column.name] = (entry.column, entry.column)
            elif entry.sql is not None:
                found[column.name] = (f"sql: {entry.sql}", "")
            else:
                found[column.name] = (f"value: {entry.value}", "")
    if company.roles and spec is LEDGER_ENTRIES:
        found.setdefault("role", ("roles of company.yaml, by account", ""))
    return found


def _named(feed: Feed) -> set[str]:
    """Return columns of the file that something else than a plain mapping reads, as far as their names tell."""
    texts = [feed.where or "", *feed.set_aside.values(), *feed.report.values(), feed.day_column or ""]
    entries = [entry for entry in feed.columns.values() if isinstance(entry, ColumnMap)]
    texts += [entry.sql or "" for entry in entries]
    texts += [name for entry in entries for name in (entry.minus, entry.sign.column if entry.sign else None) if name]
    words = " ".join(texts)
    return {word.strip('"') for word in words.replace("(", " ").replace(")", " ").replace(",", " ").split()}


def _ours_for(name: str, spec: TableSpec, sources: dict[str, tuple[str, str]]) -> str | None:
    return next((c.name for c in spec.columns if c.name not in sources and guess(c.name, [name]) is not None), None)


def _understood(form: str, delimiter: str, feed: Feed, company: Company) -> tuple[str, ...]:
    """Say how the file is read."""
    lines = [f"format {feed.format or form}"]
    if form == "csv":
        mark = delimiter or feed.delimiter
        shown = "tab" if mark == "\t" else f"'{mark}'"
        lines.append(f"encoding {feed.encoding}, delimiter {shown}, header in line {feed.skip + 1}")
    if form == "xlsx":
        lines.append(f"sheet {feed.sheet or '(the only one with values)'}")
    lines.append(
        f"decimal mark '{feed.decimal_mark or '.'}'"
        + (f", thousands mark '{feed.thousands_mark}'" if feed.thousands_mark else "")
    )
    lines.append(f"dates {', '.join(feed.dates or ('iso',))}; times without an offset are in {feed.timezone or 'UTC'}")
    lines.append(f"days are those of {company.timezone}")
    for name, entry in feed.columns.items():
        if isinstance(entry, ColumnMap) and (entry.negate or entry.sign or entry.keep):
            sign = (
                f"sign by {entry.sign.column}"
                if entry.sign
                else "sign reversed"
                if entry.negate
                else f"{entry.keep} figures"
            )
            lines.append(f"{name}: {sign}")
    return tuple(lines)


def _their_values(con: duckdb.DuckDBPyConnection, raw: RawFile) -> dict[str, tuple[str | None, ...]]:
    """Return the values of the first rows in the file. Rows that `where` leaves out are not shown."""
    names = list(raw.columns)
    casts = ", ".join(f"left(CAST({quoted(name)} AS VARCHAR), {_VALUE_MAX}) AS {quoted(name)}" for name in names)
    loaded = single(con, f"SELECT count(*) FROM {TYPED}")[0]
    shown = f"landing_ordinal IN (SELECT ordinal FROM ({_FIRST}))" if loaded else "landing_broken IS NULL"
    rows = con.execute(
        f"SELECT {casts} FROM ({raw.rows}) WHERE {shown} ORDER BY landing_ordinal LIMIT {_ROWS}"
    ).fetchall()
    return {name: tuple(row[at] for row in rows) for at, name in enumerate(names)}


def _first_values(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> dict[str, tuple[str | None, ...]]:
    """Return the values that the same rows have for us; empty where a text cannot be read."""
    casts = ", ".join(f"left(CAST({quoted(name)} AS VARCHAR), {_VALUE_MAX})" for name in spec.names)
    rows = con.execute(f"SELECT {casts} FROM ({_FIRST}) ORDER BY ordinal").fetchall()
    figures = {column.name for column in spec.columns if column.kind in (Kind.AMOUNT, Kind.PRICE, Kind.QUANTITY)}
    return {
        name: tuple(_short(row[at]) if name in figures and row[at] else row[at] for row in rows)
        for at, name in enumerate(spec.names)
    }


def _totals(con: duckdb.DuckDBPyConnection, spec: TableSpec, timezone: str) -> tuple[tuple[str, str, int, str], ...]:
    """Return day, currency, rows and sum of money of the accepted rows; the first days, then the rest as one line.

    Of payments the sum is what came in: money that went back has no sign, and is taken off.
    """
    zoned = spec.own_day and spec.column(spec.own_day).kind is Kind.TIMESTAMP
    at = f" AT TIME ZONE {text(timezone)}" if zoned else ""
    day = f"CAST({quoted(spec.own_day)}{at} AS DATE)" if spec.own_day else "NULL"
    currency = "currency" if "currency" in spec.names else "''"
    amount = quoted(spec.money) if spec.money else "NULL"
    if spec.name == "payments":
        amount = f"CASE WHEN kind = 'payment' THEN {amount} ELSE -{amount} END"
    money = f"sum({amount})" if spec.money else "NULL"
    rows = con.execute(
        f"SELECT coalesce(CAST({day} AS VARCHAR), ''), {currency}, count(*), coalesce(CAST({money} AS VARCHAR), '') FROM landed "
        f"GROUP BY ALL ORDER BY ALL LIMIT {_TOTALS + 1}"
    ).fetchall()
    found = tuple((str(d), str(c or ""), int(n), _short(str(s))) for d, c, n, s in rows[:_TOTALS])
    if len(rows) <= _TOTALS:
        return found
    (days,) = single(con, f"SELECT count(DISTINCT {day}) FROM landed")
    return (*found, (f"... {days} days in all", "", 0, ""))


def _short(figure: str) -> str:
    """Return an exact figure without the zeros after its cents.

    >>> _short("12.340000000000"), _short("5.000000000000"), _short("0.123400000000")
    ('12.34', '5.00', '0.1234')
    """
    whole, point, decimals = figure.partition(".")
    return f"{whole}{point}{decimals.rstrip('0').ljust(2, '0')}" if point else figure
