"""The price catalog as frozen data: plans, versions, charges, tiers, taxes. How they are rated is in compute.rating."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from billing_recon.core.charge_models import AGREED_PRICES, CHARGE_MODELS
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.exact import NAMED, Amount, Day, Fee, Frozen, Name, Price, Share, Units


class Tier(Frozen):
    """One tier. `up_to` is inclusive; the last tier leaves it empty.

    `first_unit` is for catalogs that write 0-10, 11-20: the tier's own first unit, which must equal the end of the tier
    before it or be one above. A tier of blocks has block_size, its `unit` is the price of a block, and it ends after
    `max_blocks` (empty: never).
    """

    up_to: Units | None = Field(default=None, description="the tier's last unit, inclusive; empty: no end")
    unit: Price = Field(default=Decimal(0), description="price of a unit, or of a block")
    flat: Price = Field(default=Decimal(0), description="fee for entering the tier")
    rate: Share | None = Field(default=None, description="of graduated_percentage, as a fraction: 0.013 is 1.3%")
    first_unit: Units | None = Field(
        default=None, description="the tier's first unit, if tiers are written 0-10, 11-20"
    )
    block_size: Units | None = Field(default=None, description="units sold together")
    max_blocks: int | None = Field(default=None, ge=1, description="blocks after which the tier ends; empty: never")


class Conversion(Frozen):
    """How metered units become billed ones: divided or multiplied, then rounded to `decimals`."""

    divide_by: Units | None = Field(default=None, description="metered units in a billed one")
    multiply_by: Units | None = Field(default=None, description="billed units in a metered one")
    rounding: Literal["none", "ceiling", "floor", "half_up"] = Field(default="none", description="of the billed units")
    decimals: int = Field(default=0, ge=0, le=10, description="decimals to which billed units are rounded")

    @model_validator(mode="after")
    def _one_way(self) -> Conversion:
        given = [f for f in (self.divide_by, self.multiply_by) if f is not None]
        if len(given) != 1 or given[0] <= 0:
            raise ValueError("give either divide_by or multiply_by, above 0")
        return self


class Cell(Frozen):
    """The price of one combination of a matrix's dimensions."""

    values: tuple[str, ...] = Field(description="one for each dimension, in their order")
    unit_price: Price = Field(description="price of a unit")


def _known(model: str) -> str:
    if model not in CHARGE_MODELS:
        *most, last = (f"'{name}'" for name in CHARGE_MODELS)
        raise PydanticCustomError("literal_error", f"Input should be {', '.join(most)} or {last}")
    return model


Model = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(CHARGE_MODELS)})]

Aggregation = Literal["sum", "count", "unique_count", "max", "latest", "time_weighted"]

TIERED = ("graduated", "volume", "graduated_percentage")
BLOCKS = ("graduated_blocks", "volume_blocks")


class Charge(Frozen):
    """One thing that a plan charges for; it becomes one line per period.

    Models: flat (amount), per_unit (unit_price), graduated and volume (tiers), package (package_size, package_price,
    package_rounding), percentage (rate, event_fee, free_events, event_minimum, event_maximum), graduated_percentage
    (tiers with rate), dynamic (multiplier on a metered cost), matrix (dimensions, prices), graduated_blocks and
    volume_blocks (tiers with block_size). free_units are not billed. `kind` usage meters events; subscription uses the
    subscription's own quantity, or 1 for flat. Rates are fractions: 0.013 is 1.3%. `minimum` and `maximum` are amounts of a
    whole period, whatever the model.
    """

    ELSEWHERE: ClassVar[Mapping[str, str]] = {
        "currency": "a plan has one currency; sell it in another one as an entry of its own, with its charges and prices",
        "plan_version": "it is the plan's, for all of its charges",
        "tax_rate": "tax follows the subscription's tax_region; see taxes",
    }

    charge_id: Name = Field(description="the charge's own name, unique in its plan; contracts refer to it")
    kind: Literal["subscription", "usage"] = Field(description="for the period itself, or for a meter's usage in it")
    model: Model = Field(description="how units become money")
    meter: Name | None = Field(
        default=None,
        description="the meter of usage_events; usage charges need one, and of a plan's subscription charges all but one",
    )
    amount: Price | None = Field(default=None, description="flat: the fee of a period")
    unit_price: Price | None = Field(default=None, description="per_unit: price of a unit; matrix: of any other cell")
    tiers: tuple[Tier, ...] = Field(default=(), description="of the tiered models, the lowest first")
    package_size: Units | None = Field(default=None, description="package: units in a package")
    package_price: Price | None = Field(default=None, description="package: price of a package")
    package_rounding: Literal["up", "down"] = Field(default="up", description="package: how a begun one is counted")
    free_units: Units = Field(default=Decimal(0), description="units of a period that are not billed")
    rate: Share | None = Field(default=None, description="percentage: the fraction of the metered amount")
    event_fee: Fee = Field(default=Decimal(0), description="percentage: fee for each event")
    free_events: int = Field(default=0, ge=0, description="percentage: events without a fee")
    event_minimum: Fee | None = Field(default=None, description="percentage: the least that one event costs")
    event_maximum: Fee | None = Field(default=None, description="percentage: the most that one event costs")
    multiplier: Fee = Field(default=Decimal(1), description="dynamic: factor of the metered cost")
    dimensions: tuple[Name, ...] = Field(default=(), description="matrix: the dimensions by which prices differ")
    prices: tuple[Cell, ...] = Field(default=(), description="matrix: prices by the values of the dimensions")
    aggregation: Aggregation = Field(default="sum", description="how events become units")
    unique: Name | None = Field(default=None, description="the dimension whose values unique_count counts")
    bucket: Literal["hour", "day"] | None = Field(
        default=None, description="price each hour or day separately, then sum"
    )
    convert: Conversion | None = Field(default=None, description="how metered units become billed ones")
    prorated: bool = Field(
        default=False, description="each event counts for the part of the period in which it was in effect"
    )
    due: Literal["in_arrears", "in_advance"] = Field(
        default="in_arrears",
        description="when a subscription charge is billed: when its period ends, or ahead for the coming one. Of a flat "
        "usage charge: with the last or the first of a period's parts",
    )
    discountable: bool = Field(default=True, description="whether a contract's discount applies")
    minimum: Amount | None = Field(
        default=None, description="the least that a period's line amounts to, with or without usage"
    )
    maximum: Amount | None = Field(default=None, description="the most that a period's line amounts to")

    @model_validator(mode="after")
    def _complete(self) -> Charge:
        problems = [*self._missing(), *self._contradicting(), *_tier_problems(self)]
        if problems:
            raise ValueError("; ".join(f"charge '{self.charge_id}': {problem}" for problem in problems))
        return self

    @property
    def agreed_price(self) -> str | None:
        """The field that a contract's override replaces; None if the charge has no single price."""
        return AGREED_PRICES.get(self.model)

    @property
    def takes_allowance(self) -> bool:
        """Whether units that a contract includes can be left out of the charge's own."""
        reads = "free_units" in CHARGE_MODELS[self.model].fields and self.model != "percentage"
        return self.kind == "usage" and reads and not self.priced_by_event

    @property
    def by_event(self) -> bool:
        """Whether single events are needed, not only the sum of their quantities or their number."""
        return self.aggregation not in ("sum", "count") or self.priced_by_event

    @property
    def priced_by_event(self) -> bool:
        """Whether the units metered in the period do not determine the price, which comes from events, buckets or cells."""
        in_parts = self.bucket is not None or self.prorated or self.model == "matrix"
        bounded = self.event_minimum is not None or self.event_maximum is not None
        freed = self.free_events > 0 or (self.model == "percentage" and self.free_units > 0)
        return in_parts or bounded or freed or self.event_fee != 0

    def _missing(self) -> Iterator[str]:
        for field in CHARGE_MODELS[self.model].needs:
            if getattr(self, field) in (None, ()):
                yield f"model {self.model} needs {field}"
        if self.model == "package" and not (self.package_size and self.package_size > 0):
            yield "model package needs package_size above 0"
        if self.kind == "usage" and not self.meter:
            yield "a usage charge needs a meter"
        if self.aggregation == "unique_count" and not self.unique:
            yield "aggregation unique_count needs unique, the dimension whose values are counted"
        if self.unique and self.aggregation != "unique_count":
            yield f"unique has no effect on aggregation {self.aggregation}; remove it, or write aggregation: unique_count"
        if self.kind == "subscription" and self.aggregation != "sum":
            yield f"a subscription charge has no events for aggregation {self.aggregation}; remove it"
        if self.convert and self.model == "flat":
            yield "convert has no effect on model flat; remove it"

    def _contradicting(self) -> Iterator[str]:
        if (
            self.event_minimum is not None
            and self.event_maximum is not None
            and self.event_minimum > self.event_maximum
        ):
            yield (
                f"event_minimum {self.event_minimum} is above event_maximum {self.event_maximum}; swap or correct them"
            )
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield f"minimum {self.minimum} is above maximum {self.maximum}; swap or correct them"
        if self.kind == "subscription" and self.priced_by_event:
            yield "a subscription charge has no events to meter; remove bucket and prorated, or make it kind usage"
        if self.prorated and self.model not in ("graduated", "volume"):
            yield "prorated events are priced by model graduated or volume only"
        if self.due == "in_advance" and self.kind == "usage" and self.model != "flat":
            yield "usage is billed in arrears; remove due: in_advance"
        if self.kind == "subscription" and self.model in ("percentage", "dynamic", "matrix"):
            yield f"model {self.model} prices metered events; a subscription charge has none"
        for cell in self.prices:
            if len(cell.values) != len(self.dimensions):
                yield f"prices: {list(cell.values)} must have one value for each of {list(self.dimensions)}"
        seen = [cell.values for cell in self.prices]
        if len(seen) != len(set(seen)):
            yield "prices: the same values have two prices; keep one"


def _tier_problems(charge: Charge) -> Iterator[str]:
    read = CHARGE_MODELS[charge.model].tier
    for number, tier in enumerate(charge.tiers, start=1):
        for field in sorted(tier.model_fields_set.difference(read)) if read else ():
            if getattr(tier, field) not in (None, 0):
                yield (
                    f"tier {number}: {field} has no effect on model {charge.model}, whose tiers have "
                    f"{', '.join(read)}; remove it"
                )
    if charge.model in BLOCKS:
        if not charge.tiers:
            yield f"model {charge.model} needs tiers with block_size"
        for number, tier in enumerate(charge.tiers, start=1):
            if not (tier.block_size and tier.block_size > 0):
                yield f"tier {number} needs block_size above 0"
            if tier.max_blocks is None and number < len(charge.tiers):
                yield f"tier {number} never ends, so tier {number + 1} is never reached; give it max_blocks"
        return
    if charge.model not in TIERED:
        return
    bounds = [tier.up_to for tier in charge.tiers]
    if not bounds or bounds[-1] is not None or None in bounds[:-1]:
        yield "tiers must run to infinity; leave up_to empty on the last tier only"
    edges = [edge for edge in bounds if edge is not None]
    if edges != sorted(set(edges)) or any(edge <= 0 for edge in edges):
        yield "up_to must rise from tier to tier, above 0"
    below: Decimal | None = Decimal(0)
    for number, tier in enumerate(charge.tiers, start=1):
        first = tier.first_unit
        if first is not None and below is not None and first not in (below, below + 1):
            what = "overlaps the tier before" if first < below else "leaves a gap to the tier before"
            yield (
                f"tier {number} {what}: it begins at {first}, which ends at {below}; "
                f"write first_unit {below}, or {below + 1} for whole units, or leave it out"
            )
        if charge.model == "graduated_percentage" and tier.rate is None:
            yield f'tier {number} has no rate; write rate: "0" if it is free'
        below = tier.up_to
    last = charge.tiers[-1] if charge.tiers else None
    if last is not None and charge.model != "graduated_percentage" and not {"unit", "flat"} & last.model_fields_set:
        yield f'the last tier has no price; write unit: "0" if what is above {edges[-1] if edges else 0} is free'


class Plan(Frozen):
    """One version of a plan in one currency. A version is never edited; a new price is a new version."""

    plan_id: Name = Field(description="as in the plan_id column of subscriptions")
    plan_version: Name = Field(description="as in the plan_version column of subscriptions")
    currency: str = Field(description="ISO 4217 code; one entry per currency")
    name: str = Field(default="", description="for readers")
    effective_from: Day | None = Field(default=None, description="day from which it is sold; for readers")
    effective_to: Day | None = Field(default=None, description="day from which it is no longer sold; for readers")
    charges: tuple[Charge, ...] = Field(description="each becomes one line per period")
    minimum: Amount | None = Field(default=None, description="per period and subscription, after discounts")

    @field_validator("currency")
    @classmethod
    def _active(cls, currency: str, given: ValidationInfo) -> str:
        if currency not in EXPONENTS:
            raise ValueError(
                f"{_name(given.data)}: currency '{currency}' is not an active ISO 4217 code; for example USD"
            )
        return currency

    @field_validator("effective_to")
    @classmethod
    def _ends_after_it_starts(cls, ends: date | None, given: ValidationInfo) -> date | None:
        starts = given.data.get("effective_from")
        if starts and ends and ends <= starts:
            raise ValueError(f"{_name(given.data)}: it ends ({ends}) before it starts ({starts}); swap the two")
        return ends

    @model_validator(mode="after")
    def _told_apart(self) -> Plan:
        problems = list(indistinct_charges(self.charges))
        if problems:
            raise ValueError("; ".join(f"{_name(vars(self))}: {p}" for p in problems))
        return self


def _name(plan: Mapping[str, object]) -> str:
    version = f" version '{plan['plan_version']}'" if "plan_version" in plan else ""
    return f"plan '{plan.get('plan_id')}'{version}"


def indistinct_charges(charges: Sequence[Charge]) -> Iterator[str]:
    """Why the lines of a plan's charges could not be distinguished."""
    ids = [charge.charge_id for charge in charges]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        yield f"charge_id must be unique within the plan; {', '.join(twice)} is given twice"
    alike: dict[tuple[str, str | None], list[str]] = {}
    for charge in charges:
        alike.setdefault((charge.kind, charge.meter), []).append(charge.charge_id)
    for (kind, meter), names in alike.items():
        if len(names) > 1:
            which = f"with meter {meter}" if meter else "without a meter"
            yield (
                f"charges {' and '.join(names)} are all of kind {kind} {which}, so their lines could not be distinguished; "
                f"give {' and '.join(names[1:])} a meter of its own (for example 'meter: {names[-1]}')"
            )


class TaxRate(Frozen):
    """The rate of one tax region from a day until the region's next entry."""

    tax_region: Name = Field(description="as in the tax_region column of subscriptions")
    rate: Share = Field(description="as a fraction: 0.19 is 19%")
    effective_from: Day = Field(default=date(1970, 1, 1), description="the first day on which it holds")


class CatalogFile(Frozen):
    """One file of catalog/; all files together are the catalog."""

    plans: tuple[Plan, ...] = Field(default=(), description="plans, one entry per version and currency")
    taxes: tuple[TaxRate, ...] = Field(default=(), description="tax rates by region")


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

    rate: Share = Field(description="as a fraction: 0.10 is 10%")
    valid_from: Day | None = Field(
        default=None, description="the first day on which it is valid; empty: from the beginning"
    )
    valid_to: Day | None = Field(
        default=None, description="the first day on which it is no longer valid; empty: no end"
    )


class Coupon(Frozen):
    """A fixed amount off an invoice, for periods that end within its validity; never below zero."""

    coupon_id: Name = Field(description="its own name, unique in the contract; the meter of its line")
    amount: Amount = Field(description="the most that it takes off one invoice")
    valid_from: Day = Field(description="the first day on which a period may end")
    valid_to: Day | None = Field(default=None, description="the first day on which it has expired; empty: no end")
    charges: tuple[Name, ...] = Field(
        default=(), description="charge_ids of the plan that it reduces; none: the whole invoice"
    )


class Credit(Frozen):
    """A one-off credit, used on the invoice of the period that holds `granted_on`; never more than that invoice.

    With `expires_on` it is a prepaid balance: what earlier invoices did not use is available to later ones, for periods that
    begin before that day.
    """

    credit_id: Name = Field(description="its own name, unique in the contract; the meter of its line")
    amount: Amount = Field(description="the most that it pays")
    granted_on: Day = Field(description="the day of the grant")
    expires_on: Day | None = Field(
        default=None, description="makes it a prepaid balance: the first day on which no period may begin that uses it"
    )


class Allowance(Frozen):
    """Units of a meter that every period includes, on top of the charge's free units.

    A run shorter than its period gets its share of them. With rollover `next_period`, the units left over from the period
    before are added and expire when the period ends; the first period that can leave any begins on or after `since`.
    """

    meter: Name = Field(description="a meter that the plan charges by its units")
    units: Units = Field(description="units that each period includes")
    rollover: Literal["none", "next_period"] = Field(default="none", description="what happens to units left over")
    since: Day | None = Field(
        default=None,
        description="rollover next_period needs it: the first day on which a period may begin that leaves any",
    )


class Contract(Frozen):
    """The `contract` column of subscriptions, as JSON: what a customer agreed besides the plan."""

    discount: Discount | None = Field(default=None, description="a percentage off")
    coupons: tuple[Coupon, ...] = Field(default=(), description="fixed amounts off, used in their order")
    credits: tuple[Credit, ...] = Field(default=(), description="granted and prepaid credits, used in their order")
    allowances: tuple[Allowance, ...] = Field(default=(), description="included units, at most one entry per meter")
    minimum: Amount | None = Field(default=None, description="replaces the plan's minimum of a period")
    overrides: dict[Name, Price] = Field(
        default_factory=dict,
        description="charge_id of the plan -> its price for this customer: the amount of a flat charge, the unit price of "
        "a per_unit one, the package price of a package; no other model has one price to replace",
        json_schema_extra={"propertyNames": NAMED},
    )
    cap: Amount | None = Field(default=None, description="the most that a period amounts to, before coupons and tax")
