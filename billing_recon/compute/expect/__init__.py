"""What should have been billed, from contract, catalog and usage alone. One module a step; the rules are in ARCHITECTURE 2.

Inputs: run_params, currencies, term_plans, term_charges, term_tiers, term_taxes, subscriptions, usage_rollup,
usage_events and usage_corrections (only for charges that need single events), invoice_lines (only to find which periods need
a counterpart). Results: `expected_lines` (core.schema.EXPECTED_LINES),
`unbilled_usage`, `unrated` and `entitlement_signals`.
"""

from __future__ import annotations

from billing_recon.compute.expect import advance, events, late
from billing_recon.compute.expect.adjustments import ADJUSTMENTS, COUPON_LINES, CREDIT_LINES, TAX_LINES, TAXED_LINES
from billing_recon.compute.expect.allowances import ALLOWANCES
from billing_recon.compute.expect.bounds import bound
from billing_recon.compute.expect.charges import CHARGE_LINES, ITEMS, MINIMUM_LINES, UNBILLED, rates
from billing_recon.compute.expect.entitlements import ENTITLEMENTS
from billing_recon.compute.expect.lines import EXPECTED
from billing_recon.compute.expect.periods import INTERVALS, PERIODS
from billing_recon.compute.expect.runs import PIECES, RUNS, UNRATED
from billing_recon.compute.expect.tiered import tiered
from billing_recon.compute.rating import rate
from billing_recon.compute.relation import Relation

RELATIONS: tuple[Relation, ...] = (
    INTERVALS,
    late.ARRIVALS,
    advance.KNOWN,
    advance.PROBES,
    PERIODS,
    PIECES,
    RUNS,
    *advance.RELATIONS,
    UNRATED,
    ALLOWANCES,
    *events.METERED,
    advance.ITEMS,
    ITEMS,
    *rate("charge_items", "charge_rates", given=("own_price", "allowance")),
    *bound("charge_items", rates("charge_items", "charge_rates"), ("charge_rates", "event_rates"), "charge_bounds"),
    tiered("charge_items", rates("charge_items", "charge_rates"), ("charge_rates", "event_rates"), "tier_discounts"),
    CHARGE_LINES,
    MINIMUM_LINES,
    *late.RELATIONS,
    UNBILLED,
    ENTITLEMENTS,
    advance.FIRSTS,
    ADJUSTMENTS,
    COUPON_LINES,
    TAXED_LINES,
    CREDIT_LINES,
    TAX_LINES,
    EXPECTED,
)
"""Every step in order."""

__all__ = ["RELATIONS"]
