"""What a table is: its columns with type, unit and meaning, its key, and where it belongs. The tables are in the other modules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds. Its storage type follows from it (SQL_TYPE), and its unit (UNIT)."""

    TEXT = "text"
    QUANTITY = "quantity"
    PRICE = "price"
    AMOUNT = "amount"
    RATE = "rate"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    JSON = "json"
    CURRENCY = "currency"
    TIMEZONE = "timezone"
    RAW = "raw"
    """An amount before its declared rounding."""
    SMALL = "small"
    """A small whole number: days, decimals, positions. SQL can add it to a date."""
    FLAG = "flag"
    NAMES = "names"
    """A list of texts."""


SQL_TYPE: dict[Kind, str] = {
    Kind.TEXT: "VARCHAR",
    Kind.QUANTITY: "DECIMAL(28,10)",
    Kind.PRICE: "DECIMAL(24,12)",
    Kind.AMOUNT: "DECIMAL(38,12)",
    Kind.RATE: "DECIMAL(12,8)",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
    Kind.INTEGER: "BIGINT",
    Kind.JSON: "VARCHAR",
    Kind.CURRENCY: "VARCHAR",
    Kind.TIMEZONE: "VARCHAR",
    Kind.RAW: "DECIMAL(38,22)",
    Kind.SMALL: "INTEGER",
    Kind.FLAG: "BOOLEAN",
    Kind.NAMES: "VARCHAR[]",
}
"""DuckDB type per kind. Quantities keep 10 decimals, prices 12, amounts 12 (settled ones at the currency's exponent)."""

UNIT: dict[Kind, str] = {
    Kind.QUANTITY: "units of the meter",
    Kind.PRICE: "currency per unit",
    Kind.AMOUNT: "currency",
    Kind.RAW: "currency",
    Kind.RATE: "share, 0.19 is 19%",
    Kind.TIMESTAMP: "instant, in UTC",
    Kind.JSON: "JSON",
    Kind.CURRENCY: "ISO 4217 code",
    Kind.TIMEZONE: "IANA name",
}
"""The unit of a column that declares none."""

MONEY = frozenset({Kind.PRICE, Kind.AMOUNT, Kind.RAW})
"""Kinds that hold money, unless the column's own unit says otherwise."""

LARGEST: dict[Kind, str] = {
    Kind.QUANTITY: "1000000000000",
    Kind.PRICE: "1000000000",
    Kind.AMOUNT: "1000000000000000",
    Kind.RATE: "10",
}
"""Absolute bounds beyond which a figure is a data fault, chosen so that every product and sum stays within 38 digits."""

DECIMALS: dict[Kind, int] = {Kind.QUANTITY: 10, Kind.PRICE: 12, Kind.AMOUNT: 12, Kind.RATE: 8}
"""Decimals that computing keeps of a figure of each kind (SQL_TYPE)."""


class Part(StrEnum):
    """Which part of the catalogue a table belongs to."""

    LANDED = "landed"
    """Read from the company's files and kept in the warehouse, one partition per day of the file."""
    COMPUTED = "computed"
    """A day's results, kept in the warehouse, one partition per day."""
    DIAGNOSTIC = "diagnostic"
    """What explains or qualifies a day's results, kept in the warehouse; most hold rows on few days only."""
    TERMS = "terms"
    """The catalog and the company's profile, registered in a session; nothing is stored."""
    PARAMETERS = "parameters"
    """The day, the policy and what people decided, registered in a session; nothing is stored."""

    @property
    def in_warehouse(self) -> bool:
        return self in (Part.LANDED, Part.COMPUTED, Part.DIAGNOSTIC)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required`: the file must have it. `nullable`: a row may leave it empty. `unit`: if not its kind's.

    `or_like`: a value that matches this regular expression is allowed too, besides those of `one_of`; `doc` says which these are.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = True
    nullable: bool = False
    default: str | None = None
    one_of: tuple[str, ...] = ()
    or_like: str = ""
    minimum: str | None = None
    doc: str = ""
    unit: str = ""

    @property
    def sql_type(self) -> str:
        return SQL_TYPE[self.kind]

    @property
    def shown_unit(self) -> str:
        """The column's own unit, or its kind's."""
        return self.unit or UNIT.get(self.kind, "")

    @property
    def is_money(self) -> bool:
        """Whether the column holds an amount or a price of some currency."""
        return self.kind in MONEY and not self.unit


PARTITION = Column("day", Kind.DATE, doc="the partition: of a landed row the day of its file, else the computed day")
"""Every warehouse table has it; no table declares it, except where a row's own columns repeat it."""

LINEAGE: tuple[Column, ...] = (
    Column("observed_on", Kind.DATE, doc="the first day on which the row is both dated and landed"),
    Column("source_file", doc="file, relative to the home"),
    Column("source_row", Kind.INTEGER, doc="1 is the first data row"),
)
"""Columns that landing adds to every accepted row."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table. `own_day` names the column with the day that a row belongs to; the day of its file may be later.

    `daily`: a partition is written every day, even without rows; other tables write one only if it has rows or had some.
    `money` names the column that measures a row's money at risk.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    own_day: str = ""
    optional: bool = False
    doc: str = ""
    money: str | None = None
    part: Part = Part.LANDED
    daily: bool = False

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def of(self, table: str) -> TableSpec:
        """The same columns kept for one landed table: quarantine of payments is `quarantine_payments`."""
        return replace(self, name=f"{self.name}_{table}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that the warehouse keeps besides the partition `day`.

        Landed tables have their lineage too, and a column `day` of theirs is named `usage_day`.
        """
        if self.part is not Part.LANDED:
            return tuple(c for c in self.columns if c.name != PARTITION.name)
        return tuple(replace(c, name="usage_day") if c.name == PARTITION.name else c for c in self.columns) + LINEAGE

    @property
    def registered(self) -> tuple[Column, ...]:
        """The columns that a session sees: of warehouse tables `day` and the stored ones, else those declared."""
        return (PARTITION, *self.stored) if self.part.in_warehouse else self.columns


def optional(name: str, kind: Kind = Kind.TEXT, **more: object) -> Column:
    """A column that a file need not have."""
    return Column(name, kind, required=False, nullable=True, **more)  # type: ignore[arg-type]


def nullable(name: str, kind: Kind = Kind.TEXT, doc: str = "", unit: str = "") -> Column:
    """A column that a row may leave empty."""
    return Column(name, kind, nullable=True, doc=doc, unit=unit)
