"""What the simulated company sells: plans in every currency and version, meters, tax rates. Nothing here is random."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_recon.core.catalog import Charge, Plan, TaxRate, Tier

CURRENCIES: tuple[str, ...] = ("USD", "EUR", "JPY")
OLD, NEW = "2025-01", "2026-01"


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that is metered. An event carries `low` to `high` units, counted at 10^-`decimals`."""

    name: str
    source: str
    decimals: int
    low: int
    high: int


METERS: dict[str, Meter] = {
    meter.name: meter
    for meter in (
        Meter("api_calls", "gateway", 0, 5, 180),
        Meter("messages", "gateway", 0, 1, 90),
        Meter("storage_gb_hours", "storage-meter", 3, 250, 96_000),
        Meter("tokens", "gateway", 0, 200, 9_000),
    )
}


@dataclass(frozen=True, slots=True)
class _Level:
    """How a version's prices in one currency follow from the list price in USD."""

    currency: str
    scale: Decimal

    def amount(self, listed: str) -> Decimal:
        """A fixed fee: whole yen, else cents."""
        return (Decimal(listed) * self.scale).quantize(Decimal(1) if self.currency == "JPY" else Decimal("0.01"))

    def price(self, listed: str) -> Decimal:
        """A price per unit: five decimals, three in yen."""
        return (Decimal(listed) * self.scale).quantize(Decimal("0.001" if self.currency == "JPY" else "0.00001"))


_SCALE = {"USD": Decimal(1), "EUR": Decimal("0.93"), "JPY": Decimal(148)}
# The old version's prices relative to the new one's: some plans became dearer, some cheaper.
_OLD_FACTOR = {
    "starter": Decimal("0.88"),
    "team": Decimal("0.91"),
    "scale": Decimal("1.12"),
    "batch": Decimal("0.86"),
    "enterprise": Decimal("1.07"),
    "workshop": Decimal("0.94"),
}


def _base(level: _Level, amount: str, *, discountable: bool = True) -> Charge:
    return Charge(
        charge_id="base", kind="subscription", model="flat", amount=level.amount(amount), discountable=discountable
    )


def _tiers(level: _Level, *tiers: tuple[str | None, str, str]) -> tuple[Tier, ...]:
    return tuple(
        Tier(up_to=None if up_to is None else Decimal(up_to), unit=level.price(unit), flat=level.amount(flat))
        for up_to, unit, flat in tiers
    )


def _charges(plan_id: str, level: _Level) -> tuple[Charge, ...]:
    match plan_id:
        case "starter":
            return (
                _base(level, "29"),
                Charge(
                    charge_id="api",
                    kind="usage",
                    model="graduated",
                    meter="api_calls",
                    tiers=_tiers(level, ("5000", "0", "0"), ("20000", "0.00465", "0"), (None, "0.00385", "0")),
                ),
            )
        case "team":
            return (
                _base(level, "49"),
                Charge(
                    charge_id="seats",
                    kind="subscription",
                    model="per_unit",
                    meter="seats",
                    unit_price=level.price("12.5"),
                ),
                Charge(
                    charge_id="messages",
                    kind="usage",
                    model="per_unit",
                    meter="messages",
                    unit_price=level.price("0.00715"),
                ),
            )
        case "scale":
            return (
                _base(level, "199"),
                Charge(
                    charge_id="seats",
                    kind="subscription",
                    model="graduated",
                    meter="seats",
                    tiers=_tiers(level, ("10", "15.25", "0"), (None, "11.75", "0")),
                ),
                Charge(
                    charge_id="api",
                    kind="usage",
                    model="graduated",
                    meter="api_calls",
                    tiers=_tiers(level, ("4000", "0", "0"), ("30000", "0.00315", "5"), (None, "0.00225", "20")),
                ),
                Charge(
                    charge_id="storage",
                    kind="usage",
                    model="per_unit",
                    meter="storage_gb_hours",
                    unit_price=level.price("0.00137"),
                ),
            )
        case "batch":
            return (
                _base(level, "15", discountable=False),
                Charge(
                    charge_id="tokens",
                    kind="usage",
                    model="package",
                    meter="tokens",
                    package_size=Decimal(1000),
                    package_price=level.price("0.035"),
                    free_units=Decimal(20_000),
                ),
            )
        case "enterprise":
            return (
                _base(level, "900"),
                Charge(
                    charge_id="seats",
                    kind="subscription",
                    model="volume",
                    meter="seats",
                    tiers=_tiers(level, ("25", "21.4", "0"), ("100", "18.6", "50"), (None, "16.2", "100")),
                ),
                Charge(
                    charge_id="api",
                    kind="usage",
                    model="graduated",
                    meter="api_calls",
                    tiers=_tiers(level, ("10000", "0", "0"), (None, "0.01525", "0")),
                ),
            )
        case "workshop":
            return (
                _base(level, "120"),
                Charge(
                    charge_id="seats",
                    kind="subscription",
                    model="per_unit",
                    meter="seats",
                    unit_price=level.price("33.33"),
                ),
            )
    raise KeyError(plan_id)


_AHEAD = {
    "starter": ("base",),
    "team": ("base", "seats"),
    "scale": ("seats",),
    "enterprise": ("base",),
    "workshop": ("base", "seats"),
}
"""The charges billed in advance by a company that bills in advance: base fees, seats, or both; one plan has none."""


def _due(plan_id: str, charge: Charge) -> Charge:
    ahead = charge.charge_id in _AHEAD.get(plan_id, ())
    return charge.model_copy(update={"due": "in_advance"}) if ahead else charge


def plans(*, in_advance: bool = False) -> tuple[Plan, ...]:
    """Every plan in both versions and all currencies; the versions differ in every price that is not zero.

    `in_advance`: subscription charges of some plans are billed when their period begins.
    """
    found = []
    for plan_id, old_factor in _OLD_FACTOR.items():
        for version, factor in ((OLD, old_factor), (NEW, Decimal(1))):
            for currency in CURRENCIES:
                level = _Level(currency, _SCALE[currency] * factor)
                found.append(
                    Plan(
                        plan_id=plan_id,
                        plan_version=version,
                        currency=currency,
                        name=plan_id.capitalize(),
                        effective_from=date.fromisoformat(f"{version}-01"),
                        charges=tuple(
                            _due(plan_id, charge) if in_advance else charge for charge in _charges(plan_id, level)
                        ),
                        minimum=level.amount("1600") if plan_id == "enterprise" else None,
                    )
                )
    return tuple(found)


def taxes() -> tuple[TaxRate, ...]:
    """Each region's rate, with the previous one if it changed."""
    return (
        TaxRate(tax_region="DE", rate=Decimal("0.16"), effective_from=date(2020, 7, 1)),
        TaxRate(tax_region="DE", rate=Decimal("0.19"), effective_from=date(2021, 1, 1)),
        TaxRate(tax_region="FR", rate=Decimal("0.20")),
        TaxRate(tax_region="GB", rate=Decimal("0.20")),
        TaxRate(tax_region="JP", rate=Decimal("0.08"), effective_from=date(2014, 4, 1)),
        TaxRate(tax_region="JP", rate=Decimal("0.10"), effective_from=date(2019, 10, 1)),
        TaxRate(tax_region="US-CA", rate=Decimal("0")),
        TaxRate(tax_region="US-NY", rate=Decimal("0.08875")),
    )


def usage_meters(plan: Plan) -> tuple[Meter, ...]:
    """The meters that a plan charges, in its order."""
    return tuple(METERS[c.meter] for c in plan.charges if c.kind == "usage" and c.meter)


def has_seats(plan: Plan) -> bool:
    """Whether the subscription's quantity is charged."""
    return any(c.kind == "subscription" and c.model != "flat" for c in plan.charges)
