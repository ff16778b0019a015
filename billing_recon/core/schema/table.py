"""What a table is: columns with kind, unit and meaning, a key, the day a row belongs to. The tables themselves are in the other modules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column means; its storage type follows from it (see SQL_TYPE)."""

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
}
"""DuckDB type per kind. Quantities keep 10 decimals, prices 12, amounts 12 (settled ones at the currency's exponent)."""

LARGEST: dict[Kind, str] = {
    Kind.QUANTITY: "1000000000000",
    Kind.PRICE: "1000000000",
    Kind.AMOUNT: "1000000000000000",
    Kind.RATE: "10",
}
"""Absolute bounds beyond which a figure is a data fault, chosen so that every product and sum stays within 38 digits."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required`: the file must have it. `nullable`: a row may leave it empty."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = True
    nullable: bool = False
    default: str | None = None
    one_of: tuple[str, ...] = ()
    minimum: str | None = None
    doc: str = ""

    @property
    def sql_type(self) -> str:
        return SQL_TYPE[self.kind]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One canonical table. `own_day` names the column that says which day a row belongs to; its file may be later."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    own_day: str
    optional: bool = False
    doc: str = ""
    money: str | None = None

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


def optional(name: str, kind: Kind = Kind.TEXT, **more: object) -> Column:
    return Column(name, kind, required=False, nullable=True, **more)  # type: ignore[arg-type]
