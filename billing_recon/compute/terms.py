"""The catalog's terms as tables of the session: plans, charges, tiers, taxes, currencies. How they are rated is in rating/."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.registration import register
from billing_recon.core.catalog import Catalog, Charge, Plan, TaxRate
from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.charge_models import CHARGE_MODELS
from billing_recon.core.company import Company
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.profile import Profile
from billing_recon.core.schema import (
    CURRENCIES,
    TERM_CELLS,
    TERM_CHARGES,
    TERM_PLANS,
    TERM_PROFILE,
    TERM_TAXES,
    TERM_TIERS,
)
from billing_recon.core.tiers import TierEdges, tier_edges

__all__ = ["load_catalog", "register_terms"]

SOLD_AHEAD = "kind = 'subscription' AND due = 'in_advance'"
"""SQL condition on term_charges: billed in advance, when its period begins."""


def register_terms(con: duckdb.DuckDBPyConnection, catalog: Catalog, company: Company) -> None:
    """Create the tables of core.schema.TERMS in the session, under the company's profile.

    Figures go through Arrow decimals, never through a float. `currencies` holds every active ISO 4217 code, settling at
    the profile's `decimals` where it names one; `exponent` is always the currency's own.
    """
    profile = company.profile
    settles = {c: exponent if profile.decimals is None else profile.decimals for c, exponent in EXPONENTS.items()}
    charges = [
        (number, plan, position, charge)
        for number, (plan, position, charge) in enumerate(
            ((p, position, c) for p in catalog.plans for position, c in enumerate(p.charges, start=1)), start=1
        )
    ]
    register(con, CURRENCIES, [(c, settles[c], exponent) for c, exponent in sorted(EXPONENTS.items())])
    register(con, TERM_PLANS, [(p.plan_id, p.plan_version, p.currency, p.name, p.minimum) for p in catalog.plans])
    register(con, TERM_CHARGES, [_charge(*numbered) for numbered in charges])
    tiers = [
        (
            *(plan.plan_id, plan.plan_version, plan.currency, charge.charge_id),
            *_tier(edges, number),
        )
        for number, plan, _, charge in charges
        for edges in tier_edges(charge, profile)
    ]
    register(con, TERM_TIERS, tiers)
    cells = [(n, "|".join(cell.values), cell.unit_price) for n, _, _, charge in charges for cell in charge.prices]
    register(con, TERM_CELLS, cells)
    register(con, TERM_TAXES, list(_taxes(catalog.taxes)))
    register(con, TERM_PROFILE, [_profile(profile)])


def _profile(profile: Profile) -> tuple[Any, ...]:
    return (
        profile.rounding_point,
        profile.no_usage,
        profile.no_usage_in_bucket,
        profile.ratio_decimals,
        profile.day_count,
        profile.period_ends,
        profile.fixed_days,
        profile.credit_cap,
        ",".join(profile.adjustments),
        profile.prices_include_tax,
        profile.on_change,
        profile.changes_due,
        profile.changes_take_effect,
        profile.tax_rate_day,
    )


def _charge(number: int, plan: Plan, position: int, c: Charge) -> tuple[Any, ...]:
    convert = c.convert
    return (
        *(plan.plan_id, plan.plan_version, plan.currency, c.charge_id, position, c.kind, c.model, c.meter),
        *(c.amount, c.unit_price, c.package_price, c.package_size, c.free_units, c.discountable, number),
        *(c.package_rounding, c.rate, c.event_fee, c.free_events, c.event_minimum, c.event_maximum, c.multiplier),
        *(c.aggregation, c.unique, c.bucket),
        *((convert.divide_by, convert.multiply_by, convert.rounding, convert.decimals) if convert else (None,) * 4),
        *(c.prorated, c.due, json.dumps(c.dimensions) if c.dimensions else None, c.by_event, _included(c)),
        *(c.priced_by_event, c.minimum, c.maximum, "free_units" in CHARGE_MODELS[c.model].fields),
        c.agreed_price is not None,
    )


def _included(charge: Charge) -> Decimal:
    """Units of a period that cost nothing: the free ones, and those of a first tier without a price and a fee."""
    first = charge.tiers[0] if charge.tiers else None
    free = first is not None and first.block_size is None and first.rate is None and not first.unit and not first.flat
    return charge.free_units + ((first.up_to or Decimal(0)) if first is not None and free else Decimal(0))


def _tier(edges: TierEdges, term_no: int) -> tuple[Any, ...]:
    tier, unit = edges.tier, edges.unit
    up_to = "null" if edges.upper is None else f'"{_plain(edges.upper)}"'
    return (
        *(edges.tier_no, edges.lower, edges.upper, unit, tier.flat, term_no, edges.counts_from),
        *(tier.block_size, edges.through),
        f'{{"tier":{edges.tier_no},"above":"{_plain(edges.lower)}","up_to":{up_to},"units":"',
        f'","unit_price":"{_plain(unit)}","flat":"',
        _plain(tier.flat),
    )


def _plain(figure: Decimal) -> str:
    return f"{figure.normalize():f}"


def _taxes(taxes: Sequence[TaxRate]) -> Iterator[tuple[str, Decimal, date, date | None]]:
    """Rates with both edges: each holds until its region's next one."""
    ordered = sorted(taxes, key=lambda tax: (tax.tax_region, tax.effective_from))
    for tax, following in zip(ordered, [*ordered[1:], None] if ordered else [], strict=True):
        ends = following.effective_from if following and following.tax_region == tax.tax_region else None
        yield (tax.tax_region, tax.rate, tax.effective_from, ends)
