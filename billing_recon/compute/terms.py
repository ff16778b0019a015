"""The catalog's terms as tables of the session: plans, charges, tiers, taxes, currencies. How they are rated is in rating/."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from billing_recon.core.catalog import Catalog, Charge, Plan, TaxRate
from billing_recon.core.catalog_file import figures_that_do_not_fit, load_catalog
from billing_recon.core.charge_models import CHARGE_MODELS
from billing_recon.core.company import Company
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.profile import Profile
from billing_recon.core.tiers import TierEdges, tier_edges

__all__ = ["TERM_TABLES", "TermTable", "load_catalog", "register_terms"]

TEXT, INTEGER, BOOLEAN, DATE = pa.string(), pa.int32(), pa.bool_(), pa.date32()
QUANTITY, PRICE, AMOUNT, RATE = (
    pa.decimal128(28, 10),
    pa.decimal128(24, 12),
    pa.decimal128(38, 12),
    pa.decimal128(12, 8),
)
RAW = pa.decimal128(38, 22)

SOLD_AHEAD = "kind = 'subscription' AND due = 'in_advance'"
"""SQL condition on term_charges: billed in advance, when its period begins."""


@dataclass(frozen=True, slots=True)
class TermTable:
    """One table and the Arrow type of each column, in order. Decimals keep the scale of core.schema.SQL_TYPE."""

    name: str
    columns: dict[str, pa.DataType]


_PLAN_KEY = {"plan_id": TEXT, "plan_version": TEXT, "currency": TEXT}

CURRENCIES = TermTable("currencies", {"currency": TEXT, "decimals": INTEGER, "exponent": INTEGER})
TERM_PLANS = TermTable("term_plans", {**_PLAN_KEY, "name": TEXT, "minimum": AMOUNT})
TERM_CHARGES = TermTable(
    "term_charges",
    {
        **_PLAN_KEY,
        "charge_id": TEXT,
        "position": INTEGER,
        "kind": TEXT,
        "model": TEXT,
        "meter": TEXT,
        "amount": PRICE,
        "unit_price": PRICE,
        "package_price": PRICE,
        "package_size": QUANTITY,
        "free_units": QUANTITY,
        "discountable": BOOLEAN,
        "term_no": INTEGER,
        "package_rounding": TEXT,
        "rate": RATE,
        "event_fee": PRICE,
        "free_events": INTEGER,
        "event_minimum": PRICE,
        "event_maximum": PRICE,
        "multiplier": PRICE,
        "aggregation": TEXT,
        "unique_dimension": TEXT,
        "bucket": TEXT,
        "divide_by": QUANTITY,
        "multiply_by": QUANTITY,
        "convert_rounding": TEXT,
        "convert_decimals": INTEGER,
        "prorated": BOOLEAN,
        "due": TEXT,
        "dimensions": TEXT,
        "by_event": BOOLEAN,
        "included": QUANTITY,
        "priced_by_event": BOOLEAN,
        "minimum": AMOUNT,
        "maximum": AMOUNT,
        "takes_free_units": BOOLEAN,
    },
)
"""`term_no` numbers the charges of the whole catalog, so that tiers are joined by one integer. `by_event`: single events
are needed to meter or price it; `priced_by_event`: what was metered does not tell the price. `included`: units of a period that cost nothing."""
TERM_TIERS = TermTable(
    "term_tiers",
    {
        **_PLAN_KEY,
        "charge_id": TEXT,
        "tier_no": INTEGER,
        "lower": QUANTITY,
        "upper": QUANTITY,
        "unit": PRICE,
        "flat": PRICE,
        "term_no": INTEGER,
        "counts_from": QUANTITY,
        "block_size": QUANTITY,
        "through": RAW,
        "head": TEXT,
        "middle": TEXT,
        "flat_bare": TEXT,
    },
)
"""`counts_from`: the edge from which the tier's units are counted, `lower` but for stepped tiers. `through`: what all tiers
before cost in full plus the fees up to this tier's own, so that one look-up prices graduated units. The text columns are parts of
an item's working, written once instead of once per line: `head` and `middle` the JSON of the tier up to its units and from there
to its fee, `flat_bare` the fee."""
TERM_CELLS = TermTable("term_cells", {"term_no": INTEGER, "cell": TEXT, "unit_price": PRICE})
"""Prices of a matrix: `cell` is the values of the charge's dimensions, joined by `|`."""
TERM_TAXES = TermTable("term_taxes", {"tax_region": TEXT, "rate": RATE, "effective_from": DATE, "effective_to": DATE})
TERM_PROFILE = TermTable(
    "term_profile",
    {
        "rounding_point": TEXT,
        "no_usage": TEXT,
        "no_usage_in_bucket": TEXT,
        "ratio_decimals": INTEGER,
        "day_count": TEXT,
        "period_ends": TEXT,
        "fixed_days": INTEGER,
        "credit_cap": TEXT,
        "step_order": TEXT,
        "tax_included": BOOLEAN,
        "on_change": TEXT,
        "changes_due": TEXT,
    },
)
"""One row: the profile's policies that rating reads beside `run_params`. `step_order` is like discount,maximum,minimum."""
TERM_TABLES: tuple[TermTable, ...] = (
    CURRENCIES,
    TERM_PLANS,
    TERM_CHARGES,
    TERM_TIERS,
    TERM_CELLS,
    TERM_TAXES,
    TERM_PROFILE,
)
"""What `register_terms` creates (ARCHITECTURE section 4)."""


def register_terms(con: duckdb.DuckDBPyConnection, catalog: Catalog, company: Company) -> None:
    """Create TERM_TABLES in the session, under the company's profile.

    Figures go through Arrow decimals, never through a float. `currencies` holds every active ISO 4217 code, settling at
    the profile's `decimals` where it names one; `exponent` is always the currency's own. Raises ConfigurationError for a
    figure that its type cannot hold exactly.
    """
    problems = list(figures_that_do_not_fit(catalog.plans, catalog.taxes))
    if problems:
        raise ConfigurationError(problems)
    profile = company.profile
    settles = {c: exponent if profile.decimals is None else profile.decimals for c, exponent in EXPONENTS.items()}
    charges = [
        (number, plan, position, charge)
        for number, (plan, position, charge) in enumerate(
            ((p, position, c) for p in catalog.plans for position, c in enumerate(p.charges, start=1)), start=1
        )
    ]
    _create(con, CURRENCIES, [(c, settles[c], exponent) for c, exponent in sorted(EXPONENTS.items())])
    _create(con, TERM_PLANS, [(p.plan_id, p.plan_version, p.currency, p.name, p.minimum) for p in catalog.plans])
    _create(con, TERM_CHARGES, [_charge(*numbered) for numbered in charges])
    tiers = [
        (
            *(plan.plan_id, plan.plan_version, plan.currency, charge.charge_id),
            *_tier(edges, number),
        )
        for number, plan, _, charge in charges
        for edges in tier_edges(charge, profile)
    ]
    _create(con, TERM_TIERS, tiers)
    cells = [(n, "|".join(cell.values), cell.unit_price) for n, _, _, charge in charges for cell in charge.prices]
    _create(con, TERM_CELLS, cells)
    _create(con, TERM_TAXES, list(_taxes(catalog.taxes)))
    _create(con, TERM_PROFILE, [_profile(profile)])


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


def _create(con: duckdb.DuckDBPyConnection, table: TermTable, rows: Sequence[tuple[Any, ...]]) -> None:
    arrays = [pa.array([row[index] for row in rows], type=kind) for index, kind in enumerate(table.columns.values())]
    arrow = pa.Table.from_arrays(arrays, names=list(table.columns))
    con.register("arriving_terms", arrow)
    con.execute(f"CREATE OR REPLACE TABLE {table.name} AS SELECT {', '.join(table.columns)} FROM arriving_terms")
    con.unregister("arriving_terms")
