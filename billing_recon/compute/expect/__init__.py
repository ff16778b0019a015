"""What should have been billed, from contract, catalog and usage alone. One file per step; the rules are in docs/rating.md.

Inputs: run_params, currencies, the TERM_TABLES of compute.terms, subscriptions and their quarantine, usage_rollup, usage_events and
usage_corrections (only for charges that need single events), invoice_lines (only to find which periods need a counterpart).
Results: `expected_lines` (core.schema.EXPECTED_LINES), `unbilled_usage`, `unrated` and `entitlement_signals`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from billing_recon.compute.expect.bounds import bound
from billing_recon.compute.rating import price, rate
from billing_recon.compute.rating.metering import meter
from billing_recon.compute.relation import Relation, load
from billing_recon.compute.rollup import ZONES, chain_roots
from billing_recon.core.errors import BillingReconError

if TYPE_CHECKING:
    import duckdb

_ZONES = replace(ZONES, name="event_zones", rows_from=("single_events",))


def _roots(name: str, links: str, doc: str) -> Relation:
    return Relation(name, chain_roots(links), (links,), doc, rows_from=(links,))


_LEVEL_PRICES = tuple(
    replace(relation, rows_from=("ahead_level_items",))
    for relation in price("ahead_level_items", "ahead_level_prices", given=("own_price",))
)
_BY_EVENT = ("line_id", "tier_units", "events", "cell", "in_bucket", "own_price")

INTERVALS: tuple[Relation, ...] = load(
    __package__, "contract_corrections", "contract_versions", "known_subscriptions", "contract_intervals", "cut_days"
)
"""The first steps: they say of which subscriptions and days single events are needed."""

RELATIONS: tuple[Relation, ...] = (
    *INTERVALS,
    *load(
        __package__,
        "version_usage",
        "usage_changes",
        "version_bills",
        "correction_probes",
        "late_arrivals",
        "ahead_probes",
        "contract_periods",
        "run_pieces",
    ),
    *load(__package__, "ahead_level_items"),
    *_LEVEL_PRICES,
    *load(
        __package__,
        "ahead_pieces",
        "ahead_spans",
        "contract_terms",
        "quarantined_contracts",
        "judged_runs",
        "contract_runs",
        "ahead_runs",
        "unrated",
    ),
    *load(__package__, "run_allowances", "single_events", "event_corrections"),
    _ZONES,
    *load(__package__, "placed_events", "event_asks"),
    _roots(
        "event_roots", "event_corrections", "Each of those corrections with the root of its chain, as it is known now."
    ),
    *load(__package__, "event_links"),
    _roots("event_chains", "event_links", "The root of each of them as it was known by the date."),
    *load(__package__, "outdone_events", "asked_events", "events_to_meter", "event_meters"),
    *meter("event_meters", "events_to_meter", "metered_events", seconds="seconds"),
    *load(__package__, "event_units", "event_parts", "part_events"),
    *rate("event_parts", "event_rates", given=_BY_EVENT, events="part_events"),
    *load(__package__, "ahead_items", "charge_items", "late_items", "rated_items"),
    *rate("rated_items", "unit_rates", given=("own_price", "allowance")),
    *load(__package__, "item_prices"),
    *bound("rated_items", "item_prices", "charge_bounds"),
    *load(
        __package__,
        "tier_discounts",
        "period_charges",
        "charge_lines",
        "period_minimums",
        "minimum_lines",
        "late_changes",
        "late_lines",
        "unbilled_usage",
        "correction_bills",
        "correction_lines",
    ),
    *load(__package__, "entitlement_signals", "ahead_firsts", "contract_adjustments", "coupon_lines", "taxed_lines"),
    *load(__package__, "credit_lines", "tax_lines", "expected_lines"),
)
"""Every step in order."""

__all__ = ["INTERVALS", "RELATIONS"]


def refuse_doubles(con: duckdb.DuckDBPyConnection) -> None:
    """Raise if two of `expected_lines` have one id: a bill would answer for both, and one of them would be lost unseen."""
    ((doubled,),) = con.execute(
        "SELECT count(*) > count(DISTINCT hash(expected_line_id)) FROM expected_lines"
    ).fetchall()
    if not doubled:
        return
    found = con.execute(
        "SELECT expected_line_id, string_agg(currency || ' ' || plain(total), ' and ' ORDER BY total) FROM expected_lines "
        "GROUP BY expected_line_id HAVING count(*) > 1 ORDER BY expected_line_id LIMIT 5"
    ).fetchall()
    if found:
        raise BillingReconError(
            "expected_lines: these ids have more than one line: "
            + "; ".join(f"{line_id} ({totals})" for line_id, totals in found)
            + ". Nothing was written, since a bill would answer for both. This is a defect of billing_recon: report it with "
            "the contract rows of these subscriptions."
        )
