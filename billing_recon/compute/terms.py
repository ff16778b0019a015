"""The catalog's terms as tables of the session: plans, charges, tiers, taxes, currencies. How they are rated is in rating/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from billing_recon.core.catalog import Catalog, TaxRate
from billing_recon.core.catalog_file import figures_that_do_not_fit, load_catalog
from billing_recon.core.company import Company
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.errors import ConfigurationError

__all__ = ["TERM_TABLES", "TermTable", "load_catalog", "register_terms"]

TEXT, INTEGER, BOOLEAN, DATE = pa.string(), pa.int32(), pa.bool_(), pa.date32()
QUANTITY, PRICE, AMOUNT, RATE = (
    pa.decimal128(28, 10),
    pa.decimal128(24, 12),
    pa.decimal128(38, 12),
    pa.decimal128(12, 8),
)


@dataclass(frozen=True, slots=True)
class TermTable:
    """One table and the Arrow type of each column, in order. Decimals keep the scale of core.tables.SQL_TYPE."""

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
    },
)
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
    },
)
TERM_TAXES = TermTable("term_taxes", {"tax_region": TEXT, "rate": RATE, "effective_from": DATE, "effective_to": DATE})
TERM_TABLES: tuple[TermTable, ...] = (CURRENCIES, TERM_PLANS, TERM_CHARGES, TERM_TIERS, TERM_TAXES)
"""What `register_terms` creates (ARCHITECTURE section 4)."""


def register_terms(con: duckdb.DuckDBPyConnection, catalog: Catalog, company: Company) -> None:
    """Create `currencies`, `term_plans`, `term_charges`, `term_tiers` and `term_taxes` in the session.

    Figures go through Arrow decimals, never through a float. `currencies` holds every active ISO 4217 code, settling at
    the profile's `decimals` where it names one; `exponent` is always the currency's own. Raises ConfigurationError for a figure that its type cannot hold exactly.
    """
    problems = list(figures_that_do_not_fit(catalog.plans, catalog.taxes))
    if problems:
        raise ConfigurationError(problems)
    decimals = company.profile.decimals
    settles = [
        (c, decimals if decimals is not None else exponent, exponent) for c, exponent in sorted(EXPONENTS.items())
    ]
    _create(con, CURRENCIES, settles)
    _create(con, TERM_PLANS, [(p.plan_id, p.plan_version, p.currency, p.name, p.minimum) for p in catalog.plans])
    _create(con, TERM_CHARGES, list(_charges(catalog)))
    _create(con, TERM_TIERS, list(_tiers(catalog)))
    _create(con, TERM_TAXES, list(_taxes(catalog.taxes)))


def _charges(catalog: Catalog) -> Iterator[tuple[Any, ...]]:
    for plan in catalog.plans:
        for position, c in enumerate(plan.charges, start=1):
            prices = (c.amount, c.unit_price, c.package_price, c.package_size, c.free_units)
            identity = (plan.plan_id, plan.plan_version, plan.currency, c.charge_id, position)
            yield (*identity, c.kind, c.model, c.meter, *prices, c.discountable)


def _tiers(catalog: Catalog) -> Iterator[tuple[Any, ...]]:
    """Tiers with both edges: each begins where the one before ends."""
    for plan in catalog.plans:
        for charge in plan.charges:
            lower = Decimal(0)
            for number, tier in enumerate(charge.tiers, start=1):
                identity = (plan.plan_id, plan.plan_version, plan.currency, charge.charge_id, number)
                yield (*identity, lower, tier.up_to, tier.unit, tier.flat)
                lower = tier.up_to if tier.up_to is not None else lower


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
