"""How a billing engine rounds, prorates and orders its steps: declared policies, and the shipped profile of each engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, model_validator

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.exact import Frozen
from billing_recon.core.money import Rounding
from billing_recon.core.yaml_text import read_yaml

Engine = Literal["lago", "openmeter", "flexprice", "killbill", "stripe"]
ENGINES: tuple[Engine, ...] = ("lago", "openmeter", "flexprice", "killbill", "stripe")
"""The engines whose published behaviour ships as a profile (billing_recon/profiles/ENGINE.yaml)."""

Step = Literal["discount", "maximum", "minimum"]


class Setting(Frozen):
    """One policy of a shipped profile, with where its engine states it."""

    value: str | int | bool | tuple[str, ...] | None
    source: str = Field(min_length=10, description="repository path or page, and what it states")


class EngineProfile(Frozen):
    """A file of billing_recon/profiles: every setting that differs from, or confirms, the defaults of Profile."""

    engine: Engine
    about: str
    settings: Mapping[str, Setting]


class Profile(Frozen):
    """The billing engine's conventions, which our own rating follows.

    `engine` takes the shipped profile of that engine as the base; every other field given overrides it.

    >>> Profile.model_validate({"engine": "flexprice"}).ratio_decimals
    16
    >>> Profile.model_validate({"engine": "flexprice", "rounding": "half_even"}).rounding.value
    'half_even'
    """

    engine: Engine | None = Field(default=None, description="the shipped profile to start from")
    rounding: Rounding = Field(default=Rounding.HALF_UP, description="how amounts settle")
    rounding_point: Literal["line", "tier"] = Field(
        default="line",
        description="tier: each tier's cost and fee is settled before they are summed, and so is a discount on them",
    )
    decimals: int | None = Field(default=None, ge=0, le=12, description="of settled amounts; empty: the currency's own")
    credit: Literal["after_tax", "before_tax"] = Field(
        default="after_tax", description="whether credits reduce an invoice's total or its taxable amount"
    )
    tax_point: Literal["line", "invoice"] = Field(
        default="line",
        description="invoice: lines carry no tax; each invoice and rate has a line of kind adjustment, meter tax, whose "
        "tax is settled once, at the currency's own exponent",
    )
    tax_rate_day: Literal["period_end", "last_day"] = Field(
        default="period_end",
        description="on which day's rate a period is taxed: the day on which it ends (the next one's first), or its last day; "
        "charges in advance: the first day that they bill",
    )
    prices_include_tax: bool = Field(
        default=False, description="prices include the tax: it is taken out of a line's amount, not added to it"
    )
    no_usage: Literal["nothing", "first_tier"] = Field(
        default="nothing", description="what a tiered usage charge bills for no units: nothing, or the first tier's fee"
    )
    no_usage_in_bucket: Literal["nothing", "first_tier"] = Field(
        default="nothing", description="the same for one empty bucket of a charge that is priced per bucket"
    )
    stepped_tiers: Literal["where_stepped", "unless_all_adjacent"] = Field(
        default="where_stepped",
        description="from where tiers written as 0-10, 11-20 count their units: a tier whose first unit is one above the "
        "end before it counts from that end (where_stepped); or every tier counts from its first unit less one, unless "
        "all of them begin exactly where the one before ends (percentage tiers: always)",
    )
    adjustments: tuple[Step, ...] = Field(
        default=("discount", "maximum", "minimum"), description="the order in which a charge's amount is adjusted"
    )
    proration: Literal["by_day", "by_second", "none"] = Field(
        default="by_day", description="how a part of a period is priced"
    )
    day_count: Literal["end_exclusive", "both_ends"] = Field(
        default="end_exclusive", description="whether the day on which a part, or its period, ends is counted"
    )
    period_ends: Literal["next_start", "last_instant"] = Field(
        default="next_start", description="which day that is for a whole period: the next one's first, or its own last"
    )
    fixed_days: int | None = Field(
        default=None, ge=1, le=31, description="days that every month is taken to have, in part and period"
    )
    ratio_decimals: Literal[8, 9, 10, 12, 16] | None = Field(
        default=None,
        description="decimals at which part / whole is rounded half up before it is applied; empty: not rounded",
    )
    credit_cap: Literal["paid_less_credits", "none"] = Field(
        default="none",
        description="the most that a plan change credits: what was paid less what was credited before",
    )
    on_change: Literal["prorate", "none", "at_period_end"] = Field(
        default="prorate",
        description="what a change inside a period does to charges billed in advance. prorate: what was billed ahead for "
        "the days left is given back, and the new terms' share is charged; none: nothing until the next period; "
        "at_period_end: only a change to more than the period was billed for is charged, what is less gives nothing back",
    )
    changes_due: Literal["at_once", "next_invoice"] = Field(
        default="at_once",
        description="when the credits and charges of a change are due: at once, or when the period ends",
    )
    changes_take_effect: Literal["instant", "date"] = Field(
        default="instant",
        description="to which terms usage on the day of a change belongs. instant: to the old ones until the change's time "
        "of day, to the new ones from then; date: all of it to the terms that hold at the end of the day",
    )
    issue_after_days: int = Field(
        default=2,
        ge=0,
        description="from the end of a period, or the start of what is billed in advance, to the day an invoice is due",
    )

    @model_validator(mode="before")
    @classmethod
    def _on_its_engine(cls, given: Any) -> Any:
        engine = given.get("engine") if isinstance(given, Mapping) else None
        if engine not in ENGINES:
            return given
        return {**{name: setting.value for name, setting in engine_profile(engine).settings.items()}, **given}

    @model_validator(mode="after")
    def _consistent(self) -> Profile:
        if sorted(self.adjustments) != ["discount", "maximum", "minimum"]:
            raise ValueError(
                "adjustments must name discount, maximum and minimum once each, in the order they are applied"
            )
        if self.prices_include_tax and (self.tax_point == "invoice" or self.credit == "before_tax"):
            raise ValueError(
                "prices_include_tax goes with tax_point: line and credit: after_tax; the tax within a price is its line's own"
            )
        return self


@cache
def engine_profile(engine: str) -> EngineProfile:
    """The shipped profile of an engine, each setting with its source; ConfigurationError if there is none.

    The file is package data, so reading it is like reading code.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"there is no profile '{engine}'; the shipped ones are {', '.join(ENGINES)}")
    name = f"profiles/{engine}.yaml"
    found = read_yaml(EngineProfile, files("billing_recon").joinpath(name).read_text("utf-8"), name)
    unknown = sorted(set(found.settings) - set(Profile.model_fields) | {"engine"} & set(found.settings))
    if unknown or found.engine != engine:
        raise ConfigurationError(f"{name}: unknown settings {unknown}, or not the profile of {engine}")
    return found
