"""Read one day's rows from a table or query of a database: streamed, exact, and sorted by their content.

The URL may contain a password, so it comes from the environment, and no message repeats any part of the password.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import adbc_driver_manager
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from billing_recon.compute.engine import scratch as scratch_session
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.period import day_bounds
from billing_recon.core.schema import SUBSCRIPTIONS, TableSpec
from billing_recon.feeds.tables.converted_rows import CONVERTED, Conversion, ConvertedRows, ConvertedRowsWriter
from billing_recon.feeds.tables.credentials import hidden, secrets_of
from billing_recon.feeds.tables.day_files import DayFile
from billing_recon.feeds.tables.raw_rows import quoted, single, text

BATCH_ROWS = 20_000
"""Rows in memory at a time."""
CONNECT_SECONDS = 10
_BOUNDS = ("day", "next_day", "day_start", "day_end")


@dataclass(frozen=True, slots=True)
class _DayQuery:
    """A statement with bound days; `undated` counts the rows without a day."""

    statement: sa.Select[Any] | sa.TextClause
    undated: sa.Select[Any] | None = None


def fetch(spec: TableSpec, feed: Feed, day: date, timezone: str, scratch: Path) -> Conversion:
    """Return the rows of the day, sorted by their content: a database promises no order, and a rerun must give the same.

    Bounds are half-open and bound as parameters. A day is a day in the company's `timezone`; an instant without an offset is
    in the feed's time zone (default UTC). Raise LandingRefused with the next step and without the password.
    """
    place = f"{feed.url_env or 'database'}:{feed.table or 'query'}"
    url, secrets = _url(spec, feed)
    unsorted, out = scratch / f"{spec.name}.unsorted.parquet", scratch / f"{spec.name}.parquet"
    undated, fault = 0, ""
    binary: frozenset[str] = frozenset()
    try:
        columns, binary, undated = _stream(url, spec, feed, day, timezone, place, unsorted)
    except NoSuchTableError:
        fault = f"the database has no table {feed.table}"
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        missing = f" ({error.name})" if isinstance(error, ModuleNotFoundError) else ""
        fault = f"the driver of {url.drivername}:// is not installed{missing} where billing_recon runs; {_cure(url)}"
    except (SQLAlchemyError, adbc_driver_manager.Error, OSError) as error:
        fault = hidden(str(error), secrets)
    # Raised outside the handler: a chained error would carry the driver's text along.
    if fault:
        raise LandingRefused(f"{place}: {fault}")
    digest = _sort(unsorted, out, columns)
    rows = ConvertedRows(place, CONVERTED, digest, out, out.stat().st_size, True, binary=binary)
    counted = "1 row has" if undated == 1 else f"{undated} rows have"
    notes = (
        (f"{counted} no {feed.day_column} and land{'s' if undated == 1 else ''} in no partition: {place}",)
        if undated
        else ()
    )
    return Conversion((DayFile(place, CONVERTED, digest, out, 0, True),), rows, notes=notes)


_PACKAGES = {
    "mysql": ("pymysql", "mysql+pymysql"),
    "mariadb": ("pymysql", "mariadb+pymysql"),
    "mssql": ("pymssql", "mssql+pymssql"),
    "oracle": ("oracledb", "oracle+oracledb"),
    "snowflake": ("snowflake-sqlalchemy", "snowflake"),
    "bigquery": ("sqlalchemy-bigquery", "bigquery"),
    "redshift": ("sqlalchemy-redshift", "redshift+psycopg2"),
    "databricks": ("databricks-sqlalchemy", "databricks"),
}
"""Database -> the package of a driver, and how its URL begins."""


def _cure(url: URL) -> str:
    package, begins = _PACKAGES.get(url.get_backend_name() if "+" not in url.drivername else "", ("", ""))
    if package:
        return f"pip install {package}, and begin the URL with {begins}://"
    return "install it, or name one that is, as in mysql+pymysql://"


def _url(spec: TableSpec, feed: Feed) -> tuple[URL, tuple[str, ...]]:
    """Return the database's URL, and the parts of it that must never be shown."""
    given = feed.url or ""
    if feed.url_env is not None:
        given = os.environ.get(feed.url_env, "").strip()
        if not given:
            raise LandingRefused(
                f"feeds.{spec.name}: the environment variable {feed.url_env} is not set; set it to the database's URL, "
                "for example postgresql://reader:...@db.example.com/billing"
            )
    try:
        url = make_url(given)
    except (SQLAlchemyError, ValueError):
        url = None
    if url is None:
        raise LandingRefused(
            f"feeds.{spec.name}: {feed.url_env or 'url'} is not a database URL; write "
            "postgresql://user:password@host/database, with special characters in the password encoded, such as %40 for @"
        )
    return url, secrets_of(given)


def _stream(
    url: URL, spec: TableSpec, feed: Feed, day: date, timezone: str, place: str, out: Path
) -> tuple[list[str], frozenset[str], int]:
    """Write the day's rows to `out`. Return their columns, which of them are binary floats, and the number of undated rows."""
    postgres = url.get_backend_name() == "postgresql"
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg2") if url.drivername == "postgresql" else url,
        poolclass=sa.NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_SECONDS} if postgres else {},
    )
    try:
        with engine.connect() as connection:
            if postgres:
                connection = connection.execution_options(postgresql_readonly=True)
            day_query = _day_query(connection, spec, feed, day, timezone, place)
            undated = 0 if day_query.undated is None else int(connection.execute(day_query.undated).scalar_one())
            if not postgres:
                return *_by_rows(connection, day_query, out, place), undated
    finally:
        engine.dispose()
    return *_by_arrow(url, day_query, feed, out, place), undated


def _day_query(connection: Connection, spec: TableSpec, feed: Feed, day: date, timezone: str, place: str) -> _DayQuery:
    if feed.query is not None:
        return _DayQuery(_bound_query(connection, spec, feed, feed.query, day, timezone, place))
    assert feed.table is not None
    schema, _, name = feed.table.rpartition(".")
    known = {c["name"]: c["type"] for c in sa.inspect(connection).get_columns(name, schema=schema or None)}
    source = sa.table(name, schema=schema or None)
    everything = sa.select(sa.text("*")).select_from(source)
    if feed.day_column is None:
        if spec.own_day and spec is not SUBSCRIPTIONS:
            raise LandingRefused(f"{place}: name the column that gives the day of a row: feeds.{spec.name}.day_column")
        return _DayQuery(everything)
    if feed.day_column not in known:
        raise LandingRefused(
            f"{place}: feeds.{spec.name}.day_column '{feed.day_column}' is not one of {', '.join(known)}"
        )
    first, last = _bounds(connection, known[feed.day_column], feed, day, timezone, place)
    column: sa.sql.elements.ColumnClause[Any] = sa.column(feed.day_column)
    return _DayQuery(
        everything.where(column >= first, column < last),
        sa.select(sa.func.count()).select_from(source).where(column.is_(None)),
    )


def _bounds(
    connection: Connection, kind: sa.types.TypeEngine[Any], feed: Feed, day: date, timezone: str, place: str
) -> tuple[Any, Any]:
    """Return the day's half-open bounds in the type of its column."""
    zone = feed.timezone or "UTC"
    start, end = (bound.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for bound in day_bounds(day, timezone))
    texts = connection.dialect.name == "sqlite" or isinstance(kind, sa.String)
    if isinstance(kind, sa.Date) and not isinstance(kind, sa.DateTime) and not texts:
        return sa.literal(day, sa.Date()), sa.literal(day + timedelta(days=1), sa.Date())
    if isinstance(kind, sa.DateTime) and not texts:
        if kind.timezone:
            aware = sa.DateTime(timezone=True)
            return tuple(sa.literal(bound, aware) for bound in day_bounds(day, timezone))  # type: ignore[return-value]
        return sa.literal(start, sa.DateTime()), sa.literal(end, sa.DateTime())
    if not texts or isinstance(kind, (sa.Numeric, sa.Integer)):
        raise LandingRefused(
            f"{place}: {feed.day_column} has type {kind}, which is neither a date nor a timestamp; write a query with :day_start and :day_end"
        )
    if start.time() != datetime.min.time():
        raise LandingRefused(
            f"{place}: {feed.day_column} is text in {zone}, but the company's days are in {timezone}; declare its time zone "
            "in the feed, or write a query"
        )
    # The date alone sorts before every instant of its day, in any notation.
    return sa.literal(str(day), sa.String()), sa.literal(str(day + timedelta(days=1)), sa.String())


def _bound_query(
    connection: Connection, spec: TableSpec, feed: Feed, query: str, day: date, timezone: str, place: str
) -> sa.TextClause:
    """Bind the days of the query. A query without a day is for tables that have none."""
    clause = sa.text(query.strip().rstrip(";"))
    named = set(clause.compile().params)
    if unknown := sorted(named - set(_BOUNDS)):
        raise LandingRefused(
            f"{place}: the query uses {', '.join(f':{name}' for name in unknown)}; the parameters are "
            f"{', '.join(f':{name}' for name in _BOUNDS)}"
        )
    if not named and spec.own_day and spec is not SUBSCRIPTIONS:
        raise LandingRefused(f"{place}: the query has no day; write WHERE at >= :day_start AND at < :day_end")
    start, end = day_bounds(day, timezone)
    values: Mapping[str, Any] = {"day": day, "next_day": day + timedelta(days=1), "day_start": start, "day_end": end}
    if connection.dialect.name == "sqlite":
        values = {name: _sqlite_text(value, feed.timezone) for name, value in values.items()}
    elif connection.dialect.name != "postgresql":
        values = {name: _local(value, feed.timezone) for name, value in values.items()}
    kinds: dict[type, Any] = {date: sa.Date(), datetime: sa.DateTime(timezone=True), str: sa.String()}
    return clause.bindparams(
        *(sa.bindparam(name, values[name], type_=kinds[type(values[name])]) for name in sorted(named))
    )


def _local(value: Any, timezone: str | None) -> Any:
    return value.astimezone(ZoneInfo(timezone or "UTC")).replace(tzinfo=None) if isinstance(value, datetime) else value


def _sqlite_text(value: Any, timezone: str | None) -> str:
    return str(_local(value, timezone))


def _by_arrow(url: URL, day_query: _DayQuery, feed: Feed, out: Path, place: str) -> tuple[list[str], frozenset[str]]:
    """Read from PostgreSQL in Arrow batches. The server converts every value to text, so that no driver's type rules apply."""
    import adbc_driver_postgresql.dbapi as arrow  # type: ignore[import-untyped]
    import pyarrow as pa

    compiled: Any = day_query.statement.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
    parameters = [compiled.params[name] for name in compiled.positiontup or ()]
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": str(CONNECT_SECONDS)}
    uri = url.set(drivername="postgresql").update_query_dict(timeout).render_as_string(hide_password=False)
    with arrow.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(f"SET LOCAL TIME ZONE {text(feed.timezone or 'UTC')}")
        cursor.execute("SET LOCAL datestyle = 'ISO, YMD'")
        schema = cursor.adbc_execute_schema(str(compiled))
        _refuse_repeated_names(schema.names, place)
        texts = ", ".join(f"CAST({quoted(name)} AS text) AS {quoted(name)}" for name in schema.names)
        cursor.execute(f"SELECT {texts} FROM ({compiled}) AS rows_of_the_day", parameters or None)
        with ConvertedRowsWriter(out, schema.names) as target:
            for batch in cursor.fetch_record_batch():
                target.add_columns(batch.columns, 1)
    return list(schema.names), frozenset(field.name for field in schema if pa.types.is_floating(field.type))


def _by_rows(connection: Connection, day_query: _DayQuery, out: Path, place: str) -> tuple[list[str], frozenset[str]]:
    """Read from any other database through its driver, row by row, with a server-side cursor if there is one."""
    result = connection.execution_options(stream_results=True, yield_per=BATCH_ROWS).execute(day_query.statement)
    names = list(result.keys())
    _refuse_repeated_names(names, place)
    binary: set[str] = set()
    with ConvertedRowsWriter(out, names) as target:
        for number, row in enumerate(result, 1):
            binary.update(name for name, value in zip(names, row, strict=True) if isinstance(value, float))
            target.add(1, number, [_text(value) for value in row])
    return names, frozenset(binary)


def _text(value: Any) -> str | None:
    """Return a driver's value as text in our notation."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict() | list():
            return json.dumps(value, default=str)
        case _:
            return str(value)


def _refuse_repeated_names(names: Sequence[str], place: str) -> None:
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise LandingRefused(f"{place}: has {', '.join(twice)} twice; give each column a distinct name")


def _sort(unsorted: Path, out: Path, columns: Sequence[str]) -> str:
    """Write the rows in the order of their texts. Return a digest of their content."""
    names = ", ".join(quoted(name) for name in columns)
    parts = ", ".join(f"coalesce({quoted(name)}, chr(1))" for name in columns)
    with scratch_session() as con:
        con.execute(
            "COPY (SELECT landing_file, CAST(NULL AS BIGINT) AS landing_row, landing_broken, "
            f"{names} FROM read_parquet({text(str(unsorted))}) ORDER BY {names}) TO {text(str(out))} (FORMAT parquet)"
        )
        found = single(
            con,
            f"WITH texts AS (SELECT concat_ws(chr(31), {parts}) AS t FROM read_parquet({text(str(unsorted))})) SELECT count(*), "
            "coalesce(sum(CAST(md5_number_lower(t) AS HUGEINT)), 0), coalesce(sum(CAST(md5_number_upper(t) AS HUGEINT)), 0) "
            "FROM texts",
        )
    unsorted.unlink()
    return hashlib.sha256(f"{'|'.join(columns)}:{':'.join(map(str, found))}".encode()).hexdigest()
