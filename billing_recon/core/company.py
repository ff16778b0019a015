"""company.yaml as frozen data: who the company is, how its engine rounds, and where each table comes from."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from billing_recon.core.catalog import Frozen
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.money import Rounding
from billing_recon.core.tables import BY_NAME, ROLES


class Profile(Frozen):
    """The billing engine's declared conventions, under which the rater computes."""

    rounding: Rounding = Rounding.HALF_UP
    decimals: int | None = Field(default=None, ge=0, le=12, description="of settled amounts; empty: the currency's own")
    credit: Literal["after_tax", "before_tax"] = "after_tax"
    tax_point: Literal["line", "invoice"] = Field(
        default="line",
        description="invoice: lines carry no tax; each invoice and rate has a line of kind adjustment, meter tax, whose "
        "tax is settled once, at the currency's own exponent",
    )
    proration: Literal["by_day", "none"] = "by_day"
    issue_after_days: int = Field(default=2, ge=0, description="from the end of a period to the day its invoice is due")


class ColumnMap(Frozen):
    """Where one canonical column comes from: exactly one of a column, a constant, or a scalar SQL expression."""

    column: str | None = None
    value: str | None = None
    sql: str | None = Field(default=None, description="scalar DuckDB expression over the file's columns")
    map: dict[str, str] = Field(default_factory=dict, description="their value -> ours, after the above")

    @model_validator(mode="after")
    def _one(self) -> ColumnMap:
        if sum(part is not None for part in (self.column, self.value, self.sql)) != 1:
            raise ValueError("give exactly one of column, value, sql")
        return self


class Feed(Frozen):
    """Where one table comes from. Without an entry: landing/<table>/<YYYY-MM-DD>.csv, .jsonl or .parquet."""

    path: str | None = Field(default=None, description="relative to the home; {day} is the partition, YYYY-MM-DD")
    format: Literal["csv", "jsonl", "parquet"] | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    columns: dict[str, ColumnMap | str] = Field(default_factory=dict, description="ours -> theirs")
    where: str | None = Field(default=None, description="scalar SQL condition; rows outside are another table's")
    mode: Literal["snapshot", "changes"] = "snapshot"
    unknown_columns: Literal["refuse", "ignore"] = "refuse"


class Company(Frozen):
    """company.yaml."""

    name: str
    timezone: str = "UTC"
    currencies: tuple[str, ...]
    first_day: str | None = Field(default=None, description="first partition, YYYY-MM-DD")
    profile: Profile = Profile()
    sources: dict[str, str] = Field(default_factory=dict, description="table -> name of the system it comes from")
    roles: dict[str, str] = Field(default_factory=dict, description="ledger account -> role")
    feeds: dict[str, Feed] = Field(default_factory=dict)
    price_lists: dict[str, Feed] = Field(default_factory=dict, description="per-unit prices read from a table")

    @model_validator(mode="after")
    def _known(self) -> Company:
        problems = [f"currency '{c}' is not an active ISO 4217 code" for c in self.currencies if c not in EXPONENTS]
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            problems.append(f"timezone '{self.timezone}' is not in the IANA database; for example Europe/Berlin")
        problems += [f"feed for unknown table '{t}'" for t in self.feeds if t not in BY_NAME]
        problems += [f"source for unknown table '{t}'" for t in self.sources if t not in BY_NAME]
        problems += [f"account {a}: unknown role '{r}'" for a, r in self.roles.items() if r not in ROLES]
        if problems:
            raise ValueError("; ".join(problems))
        return self
