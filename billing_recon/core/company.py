"""company.yaml as frozen data: who the company is, how its engine rounds, and where each table comes from."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.exact import Frozen
from billing_recon.core.feed import ColumnMap, Feed, feed_problems
from billing_recon.core.profile import Profile
from billing_recon.core.schema import BY_NAME, ROLES

__all__ = ["ColumnMap", "Company", "Feed", "Profile"]


class Company(Frozen):
    """company.yaml."""

    name: str
    timezone: str = "UTC"
    currencies: tuple[str, ...]
    first_day: str | None = Field(default=None, description="first partition, YYYY-MM-DD")
    history_from: str | None = Field(
        default=None,
        description="first usage that the files of first_day carry, YYYY-MM-DD; by default all that open periods need",
    )
    last_day: str | None = Field(
        default=None,
        description="last partition, YYYY-MM-DD, if the company's data ends; otherwise yesterday",
    )
    profile: Profile = Profile()
    sources: dict[str, str] = Field(default_factory=dict, description="table -> name of the system it comes from")
    roles: dict[str, str] = Field(
        default_factory=dict, description="ledger account, or a pattern with * and ?, -> role"
    )
    feeds: dict[str, Feed] = Field(default_factory=dict)
    price_lists: dict[str, Feed] = Field(default_factory=dict, description="per-unit prices read from a table")

    @field_validator("first_day", "history_from", "last_day", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        """Accept a date as well as text: YAML reads 2026-01-01 without quotes as a date."""
        if value is None:
            return None
        text = value.isoformat() if type(value) is date else str(value)
        try:
            well_formed = date.fromisoformat(text).isoformat() == text
        except ValueError:
            well_formed = False
        if not well_formed:
            raise ValueError(f"'{text}' is not a day; write it as YYYY-MM-DD")
        return text

    @model_validator(mode="after")
    def _known(self) -> Company:
        problems = [f"currency '{c}' is not an active ISO 4217 code" for c in self.currencies if c not in EXPONENTS]
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            problems.append(f"timezone '{self.timezone}' is not in the IANA database; for example Europe/Berlin")
        problems += [f"feed for unknown table '{t}'" for t in self.feeds if t not in BY_NAME]
        problems += [problem for t, feed in self.feeds.items() for problem in feed_problems(t, feed)]
        problems += [f"source for unknown table '{t}'" for t in self.sources if t not in BY_NAME]
        problems += [f"account {a}: unknown role '{r}'" for a, r in self.roles.items() if r not in ROLES]
        if self.first_day and self.last_day and self.last_day < self.first_day:
            problems.append(f"last_day {self.last_day} lies before first_day {self.first_day}")
        if self.history_from and not self.history_from <= (self.first_day or ""):
            problems.append(f"history_from {self.history_from} needs a first_day, and does not lie after it")
        if problems:
            raise ValueError("; ".join(problems))
        return self
