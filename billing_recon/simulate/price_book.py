"""Plans and tax rates of the simulated engine, and what units cost under one charge."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext

from billing_recon.core.catalog import Charge, Plan, TaxRate
from billing_recon.core.errors import ConfigurationError

ZERO = Decimal(0)
EXACT = Context(prec=60)
_RAW = Decimal(1).scaleb(-22)


class PriceBook:
    """Plans by (plan_id, plan_version, currency), and tax rates by region and day."""

    def __init__(self, plans: Iterable[Plan], taxes: Iterable[TaxRate]) -> None:
        self._plans = {(p.plan_id, p.plan_version, p.currency): p for p in plans}
        self._taxes: dict[str, list[TaxRate]] = {}
        for tax in sorted(taxes, key=lambda t: t.effective_from):
            self._taxes.setdefault(tax.tax_region, []).append(tax)

    def plan(self, plan_id: str, plan_version: str, currency: str) -> Plan:
        """The terms of one plan version; ConfigurationError if the catalog has none."""
        try:
            return self._plans[plan_id, plan_version, currency]
        except KeyError:
            raise ConfigurationError(
                f"the catalog has no plan '{plan_id}' version '{plan_version}' in {currency}; add it to catalog/*.yaml"
            ) from None

    def tax_rate(self, tax_region: str, on: date) -> Decimal:
        """The region's rate on a day: its latest entry up to that day; ConfigurationError if there is none."""
        for tax in reversed(self._taxes.get(tax_region, [])):
            if tax.effective_from <= on:
                return tax.rate
        raise ConfigurationError(f"the catalog has no tax rate of '{tax_region}' on {on}; add it to catalog/*.yaml")

    def tax_rates(self, on: date) -> dict[str, Decimal]:
        """Every region's rate on a day, if it has one."""
        known = (r for r, entries in sorted(self._taxes.items()) if entries[0].effective_from <= on)
        return {region: self.tax_rate(region, on) for region in known}

    def other_versions(self, plan: Plan) -> list[Plan]:
        """The same plan's other versions in its currency, in the order of their names."""
        return [
            other
            for (plan_id, version, currency), other in sorted(self._plans.items())
            if (plan_id, currency) == (plan.plan_id, plan.currency) and version != plan.plan_version
        ]

    def replacing(self, plan: Plan) -> PriceBook:
        """A copy with another content of one plan version, as in an engine with a wrong price table."""
        copy = PriceBook((), ())
        copy._plans = {**self._plans, (plan.plan_id, plan.plan_version, plan.currency): plan}
        copy._taxes = self._taxes
        return copy


def is_ahead(charge: Charge) -> bool:
    """Whether a charge is billed in advance (rule 15)."""
    return charge.kind == "subscription" and charge.due == "in_advance"


def rate_charge(charge: Charge, units: Decimal) -> Decimal:
    """The unrounded price of `units` under one charge (rule 6); a flat charge ignores them."""
    with localcontext(EXACT):
        if charge.model == "flat":
            return _given(charge.amount)
        units = max(units - charge.free_units, ZERO)
        if charge.model == "per_unit":
            return units * _given(charge.unit_price)
        if charge.model == "package":
            packages = (units / _given(charge.package_size)).to_integral_value(ROUND_CEILING)
            return packages * _given(charge.package_price)
        if charge.model == "volume":
            tier = next(t for t in charge.tiers if t.up_to is None or units <= t.up_to)
            return units * tier.unit + tier.flat
        if charge.model != "graduated":
            raise ConfigurationError(
                f"the simulated engine does not price model {charge.model}; it knows the five plain ones"
            )
        total, lower = ZERO, ZERO
        for tier in charge.tiers:
            if units <= lower:
                break
            upper = units if tier.up_to is None else min(units, tier.up_to)
            total += (upper - lower) * tier.unit + tier.flat
            lower = upper
        return total


def share(amount: Decimal, part: int, whole: int) -> Decimal:
    """The unrounded part of a period's amount: amount x part / whole days, at 22 decimals."""
    with localcontext(EXACT):
        return (amount * part / whole).quantize(_RAW, rounding=ROUND_HALF_EVEN)


def _given(figure: Decimal | None) -> Decimal:
    assert figure is not None, "core.catalog refuses a charge without its figures"
    return figure
