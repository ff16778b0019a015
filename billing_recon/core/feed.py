"""How one table's feed is declared: where its rows are, how their figures and dates are written, which columns are ours.

What is not declared is not guessed: a figure or date in another notation than the declared one sets its row aside. Reading
by these declarations is in feeds/.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from billing_recon.core.catalog import Frozen
from billing_recon.core.journal import LedgerOptions

TableForm = Literal["csv", "jsonl", "parquet"]
DocumentForm = Literal["documents", "ubl", "cii", "zugferd1", "facturx", "pdf", "html", "stripe"]
LedgerForm = Literal["ledger", "saft", "datev", "xero", "quickbooks", "beancount", "hledger"]
TABLE_FORMS: tuple[str, ...] = get_args(TableForm)
DOCUMENT_FORMS: tuple[str, ...] = get_args(DocumentForm)
"""Formats of invoices; `documents` decides by each file's content."""
LEDGER_FORMS: tuple[str, ...] = get_args(LedgerForm)
"""Formats of ledgers, each a module of feeds/ledgers, in the order in which a file is tried; `ledger` decides by content."""
DOCUMENT_TABLES = ("rendered_invoices", "rendered_lines", "invoice_lines")

Preset = Literal["focus-1", "aws-cur", "aws-cur-2"]
"""Mappings that come with the program (feeds/presets/, a YAML file each)."""

NAMED_DATES = ("iso", "iso_day", "unix", "unix_ms")
"""What may stand among `dates` beside strptime patterns: ISO 8601 (a day as a day, an instant as an instant), either of them
for the day that it writes, seconds or milliseconds since 1970."""
_DIRECTIVES = frozenset("aAbBdejHIMSfpymYzZ%")
_PROBES = (datetime(2003, 4, 5, 6, 7, 8), datetime(2011, 12, 10, 11, 9, 0))  # noqa: DTZ001 (patterns are tried on wall clocks)
SECRETS = ("password", "passwd", "pwd", "sslpassword", "secret", "token", "api_key", "apikey")


class Written(Frozen):
    """How figures and dates are written in a file: of all its columns, or of one."""

    decimal_mark: Literal[".", ","] | None = Field(default=None, description="empty: a point")
    thousands_mark: Literal[".", ",", " ", "'"] | None = Field(
        default=None, description="a blank stands for every kind of blank, an apostrophe for the curly one too"
    )
    parentheses: bool | None = Field(default=None, description="(12.50) is -12.50")
    trailing_minus: bool | None = Field(default=None, description="12.50- is -12.50")
    symbols: tuple[str, ...] | None = Field(default=None, description="what may stand around a figure: $, EUR")
    percent: bool | None = Field(default=None, description="19 or 19% is 0.19")
    minor_units: bool | str | None = Field(
        default=None,
        description="amounts and prices are in cents: of the row's currency, of a currency, or of the one in a column",
    )
    dates: tuple[str, ...] | None = Field(
        default=None, description="strptime patterns in turn; also iso, iso_day, unix, unix_ms. Empty: iso"
    )
    timezone: str | None = Field(default=None, description="of instants without an offset; empty: UTC")
    empty: tuple[str, ...] | None = Field(default=None, description="texts that stand for no value: null, n/a, -")

    @model_validator(mode="after")
    def _readable(self) -> Written:
        problems = [*_date_problems(self.dates or ())]
        if self.thousands_mark == (self.decimal_mark or ".") and self.thousands_mark is not None:
            problems.append(f"'{self.thousands_mark}' cannot be both decimal_mark and thousands_mark")
        if any(re.search(r"\d", symbol) or not re.search(r"[^\s.,'+()-]", symbol) for symbol in self.symbols or ()):
            problems.append("symbols stand around figures: $ or EUR, without digits in them")
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (ZoneInfoNotFoundError, ValueError):
                problems.append(f"timezone '{self.timezone}' is not in the IANA database; for example Europe/Berlin")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def is_declared(self) -> bool:
        """Whether anything is written otherwise than ours."""
        return any(getattr(self, name) is not None for name in Written.model_fields)

    def over(self, rest: Written) -> Written:
        """This declaration, with `rest` for what it leaves open."""
        return Written.model_construct(
            **{
                name: mine if (mine := getattr(self, name)) is not None else getattr(rest, name)
                for name in Written.model_fields
            }
        )


class Sign(Frozen):
    """A column that says how an amount counts: on the side of S or D, of H or C, or not at all; `*` is any other value.

    Without `*`, a value that is not listed sets the row aside: no amount is dropped for a word that nobody thought of.
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

    How a column is written is the feed's declaration unless it has its own; constants and expressions are ours already.
    """

    column: str | None = None
    value: str | None = None
    sql: str | None = Field(default=None, description="scalar DuckDB expression over the file's columns")
    map: dict[str, str] = Field(default_factory=dict, description="their value -> ours, after the above")
    minus: str | None = Field(default=None, description="a second column that is taken off: debit less credit")
    sign: Sign | None = Field(default=None, description="a column that says whether the amount counts up or down")
    negate: bool = Field(default=False, description="their plus is our minus")
    keep: Literal["positive", "negative"] | None = Field(
        default=None, description="one side of a signed amount, without its sign; 0 where it is on the other"
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
        """Whether the figure is made from what stands in the file rather than being it."""
        return self.minus is not None or self.sign is not None or self.negate or self.keep is not None


class Feed(Written):
    """Where one table comes from. Without an entry: landing/<table>/<YYYY-MM-DD>.csv, .jsonl or .parquet."""

    preset: Preset | None = Field(default=None, description="a shipped mapping; what else is given here overrides it")
    path: str | None = Field(default=None, description="relative to the home; {day} is the partition, YYYY-MM-DD")
    format: TableForm | DocumentForm | LedgerForm | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    skip: int = Field(default=0, ge=0, description="lines before the header")
    skip_last: int = Field(default=0, ge=0, description="lines after the last row")
    header: tuple[str, ...] = Field(default=(), description="names of the columns where the file has no header")
    columns: dict[str, ColumnMap | str] = Field(default_factory=dict, description="ours -> theirs")
    optional_columns: tuple[str, ...] = Field(default=(), description="theirs that are empty where a file has them not")
    where: str | None = Field(default=None, description="scalar SQL condition; rows outside are another table's")
    set_aside: dict[str, str] = Field(
        default_factory=dict, description="what is wrong -> SQL condition of the rows that go to quarantine for it"
    )
    report: dict[str, str] = Field(
        default_factory=dict, description="what is odd -> SQL condition of the rows that land and are reported for it"
    )
    mode: Literal["snapshot", "changes"] = "snapshot"
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    day_column: str | None = Field(
        default=None, description="whose day says which partition a row is of, where one file or table holds many days"
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
        default=False, description="of documents: their allowances and charges are lines of rendered_lines too"
    )
    ledger: LedgerOptions = Field(default=LedgerOptions(), description="how a ledger format is read")

    @property
    def is_database(self) -> bool:
        """Whether the rows come from a database rather than from files."""
        return self.url is not None or self.url_env is not None

    @property
    def is_documents(self) -> bool:
        return self.format in DOCUMENT_FORMS

    @property
    def is_ledger(self) -> bool:
        return self.format in LEDGER_FORMS

    @model_validator(mode="after")
    def _consistent(self) -> Feed:
        problems = self._database_problems() if self.is_database else []
        if not self.is_database and (self.table or self.query):
            problems.append("table and query are of a database: give url_env, the environment variable with its URL")
        if self.day_column and self.path and "{day}" in self.path:
            problems.append("a path with {day} holds one day; day_column is for a file that holds many")
        if self.day_column and (self.is_documents or self.is_ledger):
            problems.append(f"day_column is for tables; {self.format} files lie in a folder or file of their day")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _database_problems(self) -> list[str]:
        problems = []
        if self.url is not None and self.url_env is not None:
            problems.append("give url or url_env, not both")
        if self.url is not None and has_secret(self.url):
            problems.append(
                "url holds a password, which must not stand in a file; put the URL into an environment variable and "
                "name that: url_env: BILLING_DB_URL"
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
    """Whether a URL carries a password, in front of its host or among its parameters.

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
    """What cannot be about a feed for this table."""
    if feed.is_documents and table not in DOCUMENT_TABLES:
        return [f"feeds.{table}: {feed.format} files are documents, for {', '.join(DOCUMENT_TABLES)}"]
    if feed.is_ledger and table != "ledger_entries":
        return [f"feeds.{table}: {feed.format} files are ledgers, for ledger_entries"]
    return []


def _date_problems(patterns: tuple[str, ...]) -> list[str]:
    """Patterns that are none, and pairs of which both read some text, each as another day."""
    problems = []
    strptime = [pattern for pattern in patterns if pattern not in NAMED_DATES]
    for pattern in strptime:
        used = set(re.findall(r"%-?(.)", pattern))
        if not used <= _DIRECTIVES or not (used & set("yY") and used & set("mbB") and used & set("de")):
            problems.append(
                f"dates: '{pattern}' is no pattern of a day; write %d.%m.%Y, or one of {', '.join(NAMED_DATES)}"
            )
    if problems:
        return problems
    for position, first in enumerate(strptime):
        for second in strptime[position + 1 :]:
            if any(_reads_otherwise(probe, first, second) for probe in _PROBES):
                problems.append(
                    f"dates: '{first}' and '{second}' read one text as two days; keep the one that is meant"
                )
    return problems


def _reads_otherwise(probe: datetime, first: str, second: str) -> bool:
    """Whether what `first` writes is read by `second` as another moment."""
    try:
        read = datetime.strptime(probe.strftime(first), second)  # noqa: DTZ007
    except ValueError:
        return False
    return read.date() != probe.date()
