"""What people may do about breaks, and how soon, as frozen data: resolutions, what opens a gate, deadlines by money and age."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field, field_validator

from billing_recon.core.exact import Amount, Currency, CurrencyOrAny, Frozen, repeated
from billing_recon.core.resolution import Resolution

_ALL = tuple(Resolution)
OPENING = tuple(kind for kind in Resolution if kind is not Resolution.FIXED_AT_SOURCE)
"""Kinds that can take a break off its day's gate. That something was fixed at its source is for reconciliation to say."""


class Deadline(Frozen):
    """By when a break is to be resolved: so many days after its own, if it has at least so much money."""

    days: int = Field(ge=0, description="from the day of the break")
    at_least: Amount = Field(default=Decimal(0), description="only breaks of this size or more")
    currency: CurrencyOrAny = Field(default="*", description="of at_least; * for currencies without an entry")


class ExceptionPolicy(Frozen):
    """What is allowed, what opens the gate, and deadlines."""

    issued_invoices: tuple[Resolution, ...] = Field(
        default=_ALL,
        description="resolutions allowed where the bill itself is wrong (expected_billed) and was issued already",
    )
    open_the_gate: tuple[Resolution, ...] = Field(
        default=(Resolution.ACCEPTED_WITHIN_TOLERANCE, Resolution.EXPECTED_CHANGE),
        description="resolutions that take a break off its day's gate, by an approver",
    )
    accept_up_to: dict[Currency, Amount] = Field(
        default_factory=dict,
        description="the largest difference that people may accept, per currency; none without an entry",
    )
    deadlines: tuple[Deadline, ...] = Field(default=(Deadline(days=5),), description="the earliest that fits holds")
    gap_months: Annotated[int, Field(ge=2)] = Field(
        default=2, description="a cause that is found in so many months is listed as a gap of the product"
    )

    @field_validator("open_the_gate")
    @classmethod
    def _can_open(cls, kinds: tuple[Resolution, ...]) -> tuple[Resolution, ...]:
        cannot = [kind.value for kind in kinds if kind not in OPENING]
        if cannot:
            raise ValueError(
                f"{', '.join(cannot)} cannot open a gate: reconciliation says whether the difference is gone"
            )
        return kinds

    @field_validator("deadlines")
    @classmethod
    def _one_each(cls, deadlines: tuple[Deadline, ...]) -> tuple[Deadline, ...]:
        twice = repeated(f"{one.currency} from {one.at_least}" for one in deadlines)
        if twice:
            raise ValueError(f"several deadlines for {', '.join(twice)}")
        return deadlines

    def due(self, day: date, size: Decimal, currency: str | None) -> date | None:
        """By when a break of this day and size is to be resolved; None without a deadline.

        >>> from datetime import date
        >>> rules = ExceptionPolicy.model_validate(
        ...     {"deadlines": [{"days": 5}, {"days": 1, "at_least": "1000", "currency": "EUR"}]}
        ... )
        >>> [rules.due(date(2026, 3, 2), Decimal(size), "EUR").day for size in ("999.99", "1000")]
        [7, 3]
        """
        own = any(one.currency == currency and one.at_least for one in self.deadlines)
        fits = [
            one.days
            for one in self.deadlines
            if size >= one.at_least
            and (one.currency in ("*", currency) if not one.at_least else self._about(one, currency, own))
        ]
        return day + timedelta(days=min(fits)) if fits else None

    @staticmethod
    def _about(deadline: Deadline, currency: str | None, own: bool) -> bool:
        """Amounts of `*` are for currencies without an entry of their own."""
        return deadline.currency == currency if own else deadline.currency in ("*", currency)
