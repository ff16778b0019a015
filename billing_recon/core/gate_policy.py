"""When a day may be released, as frozen data: layers, limits, thresholds, and parts with a release of their own."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from billing_recon.core.exact import Amount, CurrencyOrAny, Exact, Frozen, Share, repeated
from billing_recon.core.reason import Pair
from billing_recon.core.schema import BY_NAME


class Threshold(Frozen):
    """A bound on a metric: on its value, on its change against other days, or that it lies within its expected band."""

    metric: str
    max: Exact | None = None
    min: Exact | None = None
    max_drift: Exact | None = Field(default=None, description="relative change, 0.25 is 25%")
    against: Literal["baseline", "prior", "cycle"] = Field(
        default="baseline",
        description="max_drift: the baseline's mean, the day before, or the same day of the cycle before",
    )
    within_band: bool = Field(default=False, description="the value lies in the band of days like it (see drift)")
    severity: Literal["block", "warn"] = "block"

    @model_validator(mode="after")
    def _bounded(self) -> Threshold:
        if self.max is None and self.min is None and self.max_drift is None and not self.within_band:
            raise ValueError(
                f"threshold on '{self.metric}' bounds nothing: give max, min, max_drift or within_band: true"
            )
        return self


class Limit(Frozen):
    """How much may be open in a currency on a day that passes. All three bounds must hold together; `*`: currencies not named."""

    currency: CurrencyOrAny = "*"
    max_rate: Share = Field(description="of the invoices compared, for each pair: 0.002 is 0.2%")
    max_per_account: Amount = Field(description="open breaks of one customer, added up gross")
    max_total: Amount = Field(description="open breaks in this currency, added up gross")
    min_population: int = Field(default=0, ge=0, description="with fewer invoices than this a rate proves nothing")
    below_minimum: Literal["inconclusive", "count"] = Field(
        default="inconclusive", description="what then holds: the day is INCONCLUSIVE, or max_breaks decides"
    )


class Part(Frozen):
    """A part of the day that may be released although another part fails, such as the ledger without the documents."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$", description="of its gate and release: small letters")
    pairs: tuple[Pair, ...] = Field(min_length=1, description="the pairs whose breaks it is judged by")


class Gate(Frozen):
    """When a day may be released."""

    required_layers: tuple[str, ...] = (
        "usage_events",
        "subscriptions",
        "invoice_lines",
        "rendered_invoices",
        "rendered_lines",
        "ledger_entries",
        "payments",
    )
    may_be_empty: tuple[str, ...] = Field(
        default=("payments",), description="a file must be delivered, but may have no rows"
    )
    max_breaks: int = Field(
        default=0, ge=0, description="open breaks allowed, of those in units and in currencies without limits"
    )
    limits: tuple[Limit, ...] = Field(default=(), description="open breaks allowed per currency, by rate and money")
    max_quarantined_rows: int = Field(default=0, ge=0)
    quarantine_share_stops: Share = Field(
        default=Decimal("0.05"), description="above it, landing itself blocks the run"
    )
    thresholds: tuple[Threshold, ...] = ()
    baseline: str | None = Field(default=None, description="name of the baseline that drift is measured against")
    parts: tuple[Part, ...] = Field(default=(), description="parts of the day with a gate and a release of their own")

    @field_validator("required_layers", "may_be_empty")
    @classmethod
    def _known(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(layers) - set(BY_NAME))
        if unknown:
            raise ValueError(f"unknown layers {unknown}; known are {sorted(BY_NAME)}")
        return layers

    @field_validator("limits")
    @classmethod
    def _one_each(cls, limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
        twice = repeated(limit.currency for limit in limits)
        if twice:
            raise ValueError(f"several limits for {', '.join(twice)}: only one can hold")
        return limits

    @field_validator("parts")
    @classmethod
    def _named_once(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        twice = repeated(part.name for part in parts)
        if twice:
            raise ValueError(f"several parts named {', '.join(twice)}")
        return parts

    def limit_of(self, currency: str) -> Limit | None:
        """The limits of a currency: its own, else those of `*`, else none."""
        by_currency = {limit.currency: limit for limit in self.limits}
        return by_currency.get(currency) or by_currency.get("*")

    def of_layers(self, tables: Collection[str]) -> Gate:
        """The gate of a part that reads only these layers."""
        named = {
            name: tuple(t for t in getattr(self, name) if t in tables) for name in ("required_layers", "may_be_empty")
        }
        return self.model_copy(update=named)

    def part(self, name: str) -> Part | None:
        """The part of this name."""
        return next((part for part in self.parts if part.name == name), None)
