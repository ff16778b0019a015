"""The price catalog as frozen terms: plans, versions, charges, tiers, taxes. How they are rated is in compute.rating."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from billing_recon.core.currency import EXPONENTS


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'write the figure in quotes ("{value}"): a YAML float is binary and loses cents')
    return value


Exact = Annotated[Decimal, BeforeValidator(_exact)]
"""A decimal that must not have passed through a float: quoted in YAML, or an integer."""


class Frozen(BaseModel):
    """Configuration is frozen once read, and an unknown field is an error rather than a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tier(Frozen):
    """One tier. `up_to` is inclusive; the last tier leaves it empty."""

    up_to: Exact | None = None
    unit: Exact = Decimal(0)
    flat: Exact = Decimal(0)


class Charge(Frozen):
    """One thing that a plan charges for; it becomes one line a period.

    Models: flat (amount), per_unit (unit_price), graduated and volume (tiers), package (package_size, package_price,
    free_units). `kind` usage meters events; subscription uses the subscription's own quantity, or 1 for flat.
    """

    charge_id: str
    kind: Literal["subscription", "usage"]
    model: Literal["flat", "per_unit", "graduated", "volume", "package"]
    meter: str | None = None
    amount: Exact | None = None
    unit_price: Exact | None = None
    tiers: tuple[Tier, ...] = ()
    package_size: Exact | None = None
    package_price: Exact | None = None
    free_units: Exact = Decimal(0)
    discountable: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Charge:
        needs = {"flat": "amount", "per_unit": "unit_price", "package": "package_price"}.get(self.model)
        if needs and getattr(self, needs) is None:
            raise ValueError(f"charge '{self.charge_id}': model {self.model} needs {needs}")
        if self.model == "package" and not (self.package_size and self.package_size > 0):
            raise ValueError(f"charge '{self.charge_id}': model package needs package_size above 0")
        if self.kind == "usage" and not self.meter:
            raise ValueError(f"charge '{self.charge_id}': a usage charge needs a meter")
        if self.model in ("graduated", "volume"):
            bounds = [tier.up_to for tier in self.tiers]
            if not bounds or bounds[-1] is not None or None in bounds[:-1]:
                raise ValueError(
                    f"charge '{self.charge_id}': tiers must run to infinity; leave up_to empty on the last tier only"
                )
            edges = [b for b in bounds if b is not None]
            if edges != sorted(set(edges)) or any(edge <= 0 for edge in edges):
                raise ValueError(f"charge '{self.charge_id}': up_to must rise from tier to tier, above 0")
        return self


class Plan(Frozen):
    """One version of a plan in one currency. A version is never edited; a new price is a new version."""

    plan_id: str
    plan_version: str
    currency: str
    name: str = ""
    effective_from: date | None = None
    charges: tuple[Charge, ...]
    minimum: Exact | None = Field(default=None, description="per period and subscription, after discounts")

    @model_validator(mode="after")
    def _known(self) -> Plan:
        label = f"plan '{self.plan_id}' version '{self.plan_version}'"
        if self.currency not in EXPONENTS:
            raise ValueError(f"{label}: currency '{self.currency}' is not an active ISO 4217 code")
        ids = [charge.charge_id for charge in self.charges]
        if len(ids) != len(set(ids)):
            raise ValueError(f"{label}: charge_id must be unique within the plan")
        seen = [(charge.kind, charge.meter) for charge in self.charges]
        if len(seen) != len(set(seen)):
            raise ValueError(f"{label}: two charges share kind and meter, so their lines could not be told apart")
        return self


class TaxRate(Frozen):
    """The rate of one tax region from a day on, until the region's next entry."""

    tax_region: str
    rate: Exact
    effective_from: date = date(1970, 1, 1)


class CatalogFile(Frozen):
    """One file of catalog/. Files add up; together they are the catalog."""

    plans: tuple[Plan, ...] = ()
    taxes: tuple[TaxRate, ...] = ()


class Catalog(Frozen):
    """Every plan version and tax rate that the home knows."""

    plans: tuple[Plan, ...]
    taxes: tuple[TaxRate, ...]
    digest: str

    @model_validator(mode="after")
    def _unique(self) -> Catalog:
        keys = [(p.plan_id, p.plan_version, p.currency) for p in self.plans]
        twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) != len(set(keys)) else []
        if twice:
            raise ValueError(f"plan versions defined twice: {twice}; a version is never overwritten, add a new one")
        return self


class Discount(Frozen):
    """A percentage off the gross of every discountable line, while valid on the period's first day."""

    rate: Exact
    valid_from: date | None = None
    valid_to: date | None = None


class Coupon(Frozen):
    """A fixed amount off an invoice, for periods that end within its validity; never below zero."""

    coupon_id: str
    amount: Exact
    valid_from: date
    valid_to: date


class Credit(Frozen):
    """A one-off credit, used on the invoice of the period that holds `granted_on`; never more than that invoice."""

    credit_id: str
    amount: Exact
    granted_on: date


class Contract(Frozen):
    """The `contract` column of subscriptions, as JSON. Figures are strings."""

    discount: Discount | None = None
    coupons: tuple[Coupon, ...] = ()
    credits: tuple[Credit, ...] = ()
    minimum: Exact | None = Field(default=None, description="replaces the plan's")
