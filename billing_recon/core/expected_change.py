"""Expected changes: known differences, how large they may be, until when, and who is responsible for them.

Which breaks an entry covers is computed in compute.breaks; this module defines what an entry may say.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.exact import Exact, Frozen
from billing_recon.core.person import person_name
from billing_recon.core.reason import Code, Pair


def _several(value: Any) -> Any:
    """One value written without brackets is a list of one."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""One name or several; none means any."""

NOT_EXPECTABLE = frozenset({Code.UNEXPLAINED, Code.EXPOSURE})
"""Codes that cannot be expected, since they name no cause."""


class Scope(Frozen):
    """Which breaks an entry covers. Every field given must match; of several names in a field, any may match."""

    customer: Names = ()
    subscription: Names = ()
    plan: Names = Field(
        default=(), description="plan_id of the billed line, or of the expected line if nothing was billed"
    )
    invoice: Names = ()
    cohort: Names = ()
    meter: Names = ()


class ExpectedChange(Frozen):
    """One entry of the registry. It covers a break whose every stage has one of its codes, up to its bounds.

    Bounds are amounts of `currency`; without one the entry is about units of usage (pair metered_used).
    """

    id: str = Field(min_length=1)
    reason: str = Field(min_length=1, description="why the difference is expected, for an auditor")
    codes: Annotated[tuple[Code, ...], BeforeValidator(_several)] = Field(min_length=1)
    pair: Pair | None = Field(default=None, description="only this pair; otherwise all")
    scope: Scope = Scope()
    currency: str | None = None
    max_per_break: Exact = Field(description="the largest difference of one break")
    max_per_day: Exact | None = Field(default=None, description="and of all breaks covered on one day, gross")
    owner: str = Field(min_length=1, description="who removes the cause")
    starts: date = Field(description="the first day that it covers")
    expires: date = Field(description="the last day that it covers")
    approved_by: Annotated[str, AfterValidator(person_name)]

    @model_validator(mode="after")
    def _sound(self) -> ExpectedChange:
        """Report everything that is wrong with the entry in one message."""
        problems = [f"{code.value} cannot be expected: name the cause" for code in self.codes if code in NOT_EXPECTABLE]
        if self.expires < self.starts:
            problems.append(f"expires {self.expires}, before it starts on {self.starts}")
        if self.max_per_break <= 0:
            problems.append(f"max_per_break is {self.max_per_break}: a bound is above zero")
        if self.max_per_day is not None and self.max_per_day < self.max_per_break:
            problems.append(f"max_per_day {self.max_per_day} is less than max_per_break {self.max_per_break}")
        if self.currency is None and self.pair is not Pair.METERED_USED:
            problems.append("a bound on money needs a currency (only pair metered_used is in units)")
        if self.currency is not None and self.currency not in EXPONENTS:
            problems.append(f"'{self.currency}' is not an ISO 4217 currency")
        if self.currency is not None and self.pair is Pair.METERED_USED:
            problems.append("metered_used is in units: it has no currency")
        if problems:
            raise ValueError(f"'{self.id}': " + "; ".join(problems))
        return self

    def covers_day(self, day: date) -> bool:
        """Whether the entry is in force on `day`; its first and last day are included."""
        return self.starts <= day <= self.expires

    def days_expired(self, day: date) -> int:
        """How many days ago its last day was; 0 or less until it has passed.

        >>> entry = ExpectedChange(
        ...     id="EC-1", reason="r", codes="ROUNDING", currency="EUR", max_per_break="0.05", owner="tax",
        ...     starts="2026-01-01", expires="2026-01-31", approved_by="ana",
        ... )
        >>> entry.days_expired(date(2026, 2, 3)), entry.covers_day(date(2026, 1, 31))
        (3, True)
        """
        return (day - self.expires).days
