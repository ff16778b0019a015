"""How one table's feed is declared: where its rows are, how figures and dates are written, which column becomes which.

Nothing is guessed: a row with a figure or date in an undeclared notation is quarantined. feeds/ reads by these declarations.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from billing_recon.core.exact import Frozen
from billing_recon.core.feed_path import names_ends, path_problems, span_of
from billing_recon.core.journal import LedgerOptions

TableForm = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx"]
DocumentForm = Literal[
    "documents", "ubl", "cii", "zugferd1", "facturx", "fatturapa", "pdf", "html", "stripe", "saft_invoices"
]
LedgerForm = Literal["ledger", "saft", "datev", "fec", "xero", "quickbooks", "beancount", "hledger"]
StatementForm = Literal["statement", "camt053", "mt940", "saft_payments"]
TABLE_FORMS: tuple[str, ...] = get_args(TableForm)
DOCUMENT_FORMS: tuple[str, ...] = get_args(DocumentForm)
"""Formats of invoices; `documents` decides by each file's content."""
LEDGER_FORMS: tuple[str, ...] = get_args(LedgerForm)
"""Formats of ledgers, each a module of feeds/ledgers, in the order in which a file is tried; `ledger` decides by content."""
STATEMENT_FORMS: tuple[str, ...] = get_args(StatementForm)
"""Formats of bank statements and receipts, for payments; `statement` decides by content between the former."""
MANY_DAYS_DOCUMENT = "saft_invoices"
"""The format of documents of which a file holds many, of many days."""
DOCUMENT_TABLES = ("rendered_invoices", "rendered_lines", "invoice_lines")

Preset = Literal[
    "focus-1",
    "aws-cur",
    "aws-cur-2",
    "azure-ea",
    "azure-mca",
    "oci-cost",
    "stripe-balance",
    "stripe-invoices",
    "adyen-settlement",
    "paypal",
    "chargebee-invoices",
    "lago-invoices",
    "recurly-adjustments",
]
"""Mappings that come with the program (feeds/presets/, a YAML file each)."""

NAMED_DATES = ("iso", "iso_day", "unix", "unix_ms")
"""Values of `dates` other than strptime patterns: ISO 8601 (a day or an instant), the day as an ISO text writes it, seconds
or milliseconds since 1970."""
_DIRECTIVES = frozenset("aAbBdejHIMSfpymYzZ%")
_PROBES = (datetime(2003, 4, 5, 6, 7, 8), datetime(2011, 12, 10, 11, 9, 0))  # noqa: DTZ001 (patterns are tried on wall clocks)
SECRETS = ("password", "passwd", "pwd", "sslpassword", "secret", "token", "api_key", "apikey")


class Written(Frozen):
    """How figures and dates are written in a file, for all columns or for one."""

    decimal_mark: Literal[".", ","] | None = Field(default=None, description="empty: a point")
    thousands_mark: Literal[".", ",", " ", "'"] | None = Field(
        default=None, description="a blank means any kind of blank, an apostrophe also the curly one"
    )
    parentheses: bool | None = Field(default=None, description="(12.50) is -12.50")
    trailing_minus: bool | None = Field(default=None, description="12.50- is -12.50")
    symbols: tuple[str, ...] | None = Field(default=None, description="texts allowed around a figure: $, EUR")
    percent: bool | None = Field(default=None, description="19 or 19% is 0.19")
    minor_units: bool | str | None = Field(
        default=None,
        description="amounts and prices are in cents: of the row's currency, of a currency, or of the one in a column",
    )
    dates: tuple[str, ...] | None = Field(
        default=None, description="strptime patterns in turn; also iso, iso_day, unix, unix_ms. Empty: iso"
    )
    timezone: str | None = Field(default=None, description="of instants without an offset; empty: UTC")
    day_zone: str | None = Field(
        default=None, description="of days without a time, where no timezone is declared; empty: the company's"
    )
    clock_change: Literal["before", "after"] | None = Field(
        default=None,
        description="local times that do not exist or exist twice: the offset before or after the change; empty: set aside",
    )
    nanoseconds: Literal["cut"] | None = Field(
        default=None, description="cut instants to microseconds, the most that are kept; empty: set aside what has more"
    )
    empty: tuple[str, ...] | None = Field(default=None, description="texts that mean no value: null, n/a, -")

    @model_validator(mode="after")
    def _readable(self) -> Written:
        problems = [*_date_problems(self.dates or ())]
        if self.thousands_mark == (self.decimal_mark or ".") and self.thousands_mark is not None:
            problems.append(f"'{self.thousands_mark}' cannot be both decimal_mark and thousands_mark")
        if any(re.search(r"\d", symbol) or not re.search(r"[^\s.,'+()-]", symbol) for symbol in self.symbols or ()):
            problems.append("symbols are texts around figures, such as $ or EUR, without digits")
        for name, zone in (("timezone", self.timezone), ("day_zone", self.day_zone)):
            try:
                ZoneInfo(zone or "UTC")
            except (ZoneInfoNotFoundError, ValueError):
                problems.append(f"{name} '{zone}' is not in the IANA database; for example Europe/Berlin")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def is_declared(self) -> bool:
        """Whether any notation differs from ours."""
        return any(getattr(self, name) is not None for name in Written.model_fields if name != "day_zone")

    def over(self, rest: Written) -> Written:
        """This declaration, completed by `rest`."""
        return Written.model_construct(
            **{
                name: mine if (mine := getattr(self, name)) is not None else getattr(rest, name)
                for name in Written.model_fields
            }
        )


class Sign(Frozen):
    """A column that gives the sign of an amount: S or D, H or C, or values that do not count; `*` is any other value.

    Without `*`, a row with an unlisted value is quarantined, so no amount is dropped because of an unexpected word.
    """

    column: str
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Sign:
        words = (*self.plus, *self.minus, *self.zero)
        if not self.plus and not self.minus:
            raise ValueError(f"say which values of {self.column} count: plus, minus, or both")
        if len(set(words)) < len(words):
            raise ValueError(f"a value of {self.column} counts in one way: {', '.join(words)}")
        return self


class ColumnMap(Written):
    """Where one canonical column comes from: exactly one of a column, a constant, or a scalar SQL expression.

    A column is read by the feed's notation unless it has its own; constants and expressions use our notation.
    """

    column: str | None = None
    value: str | None = None
    sql: str | None = Field(default=None, description="scalar DuckDB expression over the file's columns")
    map: dict[str, str] = Field(default_factory=dict, description="their value -> ours, after the above")
    minus: str | None = Field(default=None, description="a second column to subtract: debit less credit")
    sign: Sign | None = Field(default=None, description="a column that gives the amount's sign")
    negate: bool = Field(default=False, description="their plus is our minus")
    keep: Literal["positive", "negative", "absolute"] | None = Field(
        default=None,
        description="one side of a signed amount, without its sign; 0 if it is on the other side. absolute: the amount without its sign",
    )

    @model_validator(mode="after")
    def _one(self) -> ColumnMap:
        if sum(part is not None for part in (self.column, self.value, self.sql)) != 1:
            raise ValueError("give exactly one of column, value, sql")
        if self.minus is not None and self.column is None:
            raise ValueError("minus takes one column from another: give column too")
        return self

    @property
    def computed(self) -> bool:
        """Whether the figure is computed from the file's figures rather than copied."""
        return self.minus is not None or self.sign is not None or self.negate or self.keep is not None


class Feed(Written):
    """Where one table comes from. Without an entry: landing/<table>/<YYYY-MM-DD>.csv, .jsonl or .parquet."""

    preset: Preset | None = Field(default=None, description="a shipped mapping; other settings given here override it")
    path: str | None = Field(
        default=None,
        description="relative to the home, or in an object store (s3://, gs://, abfs://), with wildcards; {day} is the partition, YYYY-MM-DD or {day:%Y%m%d}, {month} its month; "
        "{from} and {to} are the first and last day of a file",
    )
    format: TableForm | DocumentForm | LedgerForm | StatementForm | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    skip: int = Field(default=0, ge=0, description="lines before the header")
    skip_last: int = Field(default=0, ge=0, description="lines after the last row")
    header: tuple[str, ...] = Field(default=(), description="names of the columns if the file has no header")
    sheet: str | None = Field(default=None, description="the sheet of a workbook; empty: the only one with values")
    records: str | None = Field(
        default=None, description="the key, or keys joined by points, of the array with the rows of a JSON file"
    )
    fill_down: tuple[str, ...] = Field(
        default=(), description="their columns in which a blank cell repeats the value of the row above"
    )
    take: Literal["all", "last"] = Field(
        default="all", description="last: of several files of a day the last by name replaces the others"
    )
    columns: dict[str, ColumnMap | str] = Field(default_factory=dict, description="ours -> theirs")
    optional_columns: tuple[str, ...] = Field(
        default=(), description="their columns that are left empty if the file lacks them"
    )
    where: str | None = Field(default=None, description="scalar SQL condition; other rows belong to another table")
    set_aside: dict[str, str] = Field(
        default_factory=dict, description="what is wrong -> SQL condition of the rows to quarantine"
    )
    report: dict[str, str] = Field(
        default_factory=dict, description="what is unusual -> SQL condition of the rows to land and report"
    )
    mode: Literal["snapshot", "changes"] = "snapshot"
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    day_column: str | None = Field(
        default=None, description="the column whose day gives a row's partition, if one file or table holds many days"
    )
    covers: Literal["period"] | None = Field(
        default=None,
        description="period: the file of a month or week is complete when it is there, whatever days it has rows of",
    )
    url: str | None = Field(default=None, description="SQLAlchemy URL of a database, without a password")
    url_env: str | None = Field(default=None, description="environment variable that holds the database's URL")
    table: str | None = Field(default=None, description="of the database; schema.table")
    query: str | None = Field(
        default=None, description="SELECT instead of a table; :day, :day_start and :day_end are bound to the partition"
    )
    template: str | None = Field(
        default=None, description="one of templates/*.yaml, for pdf and html; empty: by content"
    )
    adjustments_as_lines: bool = Field(
        default=False,
        description="documents: also make lines of rendered_lines from allowances and charges; default if invoice_lines are "
        "documents too",
    )
    ledger: LedgerOptions = Field(default=LedgerOptions(), description="how a ledger format is read")
    also: tuple[Feed, ...] = Field(
        default=(), description="more feeds of the same table, each with its own files and columns; a day lands whole"
    )

    @property
    def is_database(self) -> bool:
        """Whether the rows come from a database rather than from files."""
        return self.url is not None or self.url_env is not None

    @property
    def is_remote(self) -> bool:
        """Whether the files are in an object store."""
        return self.path is not None and "://" in self.path

    @property
    def is_documents(self) -> bool:
        return self.format in DOCUMENT_FORMS

    @property
    def is_ledger(self) -> bool:
        return self.format in LEDGER_FORMS

    @property
    def is_statement(self) -> bool:
        return self.format in STATEMENT_FORMS

    @model_validator(mode="after")
    def _consistent(self) -> Feed:
        problems = self._database_problems() if self.is_database else []
        if not self.is_database and (self.table or self.query):
            problems.append("table and query are of a database: give url_env, the environment variable with its URL")
        problems += path_problems(self.path) if self.path else []
        span = span_of(self.path) if self.path and not problems else None
        if self.day_column and span == "day":
            problems.append("a path with {day} holds one day; day_column is for a file that holds many")
        if self.day_column and self.is_documents and self.format != MANY_DAYS_DOCUMENT:
            problems.append(f"day_column is for tables and ledgers; {self.format} files lie in a folder of their day")
        if span == "period" and not self.day_column:
            problems.append(f"{self.path} names files of many days: name the column that gives a row's day: day_column")
        if self.covers and (span != "period" or names_ends(self.path)):
            problems.append(
                "covers is for files of a month or week (path: payments/{month}.csv); a file named by {from} and {to} holds all its days"
            )
        if self.also and (self.is_documents or any(feed.is_documents or feed.also for feed in self.also)):
            problems.append("also is for tables, ledgers, statements and databases, and not within also")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _database_problems(self) -> list[str]:
        problems = []
        if self.url is not None and self.url_env is not None:
            problems.append("give url or url_env, not both")
        if self.url is not None and has_secret(self.url):
            problems.append(
                "url contains a password, which must not be in a file; put the URL into an environment variable and "
                "name it: url_env: BILLING_DB_URL"
            )
        if (self.table is None) == (self.query is None):
            problems.append("a database needs exactly one of table and query")
        if self.path is not None or self.format is not None:
            problems.append("path and format are of files; a database has table or query")
        if self.query is not None and self.day_column is not None:
            problems.append(
                "day_column is for a table; a query names its days itself: WHERE at >= :day_start AND at < :day_end"
            )
        return problems


def has_secret(url: str) -> bool:
    """Whether a URL contains a password, before its host or among its parameters.

    >>> has_secret("postgresql://ann:pw@db/billing"), has_secret("postgresql://ann@db/billing?sslmode=require")
    (True, False)
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    user, at, _ = parts.netloc.rpartition("@")
    named = any(name.lower() in SECRETS and value for name, value in parse_qsl(parts.query, keep_blank_values=True))
    return (bool(at) and ":" in user) or named


def feed_problems(table: str, feed: Feed) -> list[str]:
    """Problems of a feed, and of those beside it, in combination with its table."""
    if feed.also:
        return [
            problem
            for one in (feed.model_copy(update={"also": ()}), *feed.also)
            for problem in feed_problems(table, one)
        ]
    if feed.is_documents and table not in DOCUMENT_TABLES:
        return [f"feeds.{table}: {feed.format} files are documents, for {', '.join(DOCUMENT_TABLES)}"]
    if feed.is_ledger and table != "ledger_entries":
        return [f"feeds.{table}: {feed.format} files are ledgers, for ledger_entries"]
    if feed.is_statement and table != "payments":
        return [f"feeds.{table}: {feed.format} files are bank statements, for payments"]
    return []


def _date_problems(patterns: tuple[str, ...]) -> list[str]:
    """Invalid patterns, and pairs of patterns that read the same text as different days."""
    problems = []
    strptime = [pattern for pattern in patterns if pattern not in NAMED_DATES]
    for pattern in strptime:
        used = set(re.findall(r"%-?(.)", pattern))
        if not used <= _DIRECTIVES or not (used & set("yY") and used & set("mbB") and used & set("de")):
            problems.append(
                f"dates: '{pattern}' is not a date pattern; write %d.%m.%Y, or one of {', '.join(NAMED_DATES)}"
            )
        elif ("I" in used) != ("p" in used):
            problems.append(
                f"dates: '{pattern}' does not tell morning from afternoon: %I goes with %p, as in %I:%M %p, and 24 hours are %H"
            )
    if problems:
        return problems
    for position, first in enumerate(strptime):
        for second in strptime[position + 1 :]:
            if any(_reads_otherwise(probe, first, second) for probe in _PROBES):
                problems.append(f"dates: '{first}' and '{second}' read the same text as different days; keep only one")
    return problems


def _reads_otherwise(probe: datetime, first: str, second: str) -> bool:
    """Whether `second` reads a text written by `first` as another day."""
    try:
        read = datetime.strptime(probe.strftime(first), second)  # noqa: DTZ007
    except ValueError:
        return False
    return read.date() != probe.date()
