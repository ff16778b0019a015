"""Who is in which stage of a rollout and what stages cover, bills by another path than the flag gives, and a stage's figures.

Inputs besides landed tables and results of the days: the tables of core.schema.rollout, and `stage_params`.
"""

from __future__ import annotations

from billing_recon.compute.match import LATEST
from billing_recon.compute.relation import Relation, load

STAGE: tuple[Relation, ...] = (
    *(relation for relation in LATEST if relation.name in ("payment_versions", "latest_payments")),
    *load(
        __package__,
        *("stage_members", "stage_customers", "stage_invoices", "stage_breaks", "stage_exposures"),
        *("placed_payments", "unknown_payers", "stage_payments", "stage_asked", "stage_signals"),
        *("stage_collections", "stage_retries", "stage_figures", "stage_boundaries"),
    ),
)
"""What the stage gate reads. After engine_lines."""

TRAITS: tuple[Relation, ...] = load(
    __package__, "contract_kinds", "customer_contracts", "customer_revenue", "largest_accounts", "customer_profiles"
)
"""What a cohort may choose every customer by. After engine_lines."""

COHORTS: tuple[Relation, ...] = load(
    __package__, "cohort_members", "cohort_money", "cohort_coverage", "cohort_sizes", "cohort_boundaries"
)
"""The stage that each customer belongs to, and what the stages amount to. After TRAITS."""

EXPOSURE: tuple[Relation, ...] = load(__package__, "flagged_lines", "exposure_findings")
"""Lines that the day decides about and what the flag gave their customers; those billed otherwise. After engine_lines."""

FIGURES: tuple[Relation, ...] = load(__package__, "exposed_lines", "exposed_money", "exposed_breaks", "last_new_path")
"""What the new path billed its customers, the open breaks of these, and its last bill. After engine_lines."""

COLLECTED: tuple[Relation, ...] = (
    *(relation for relation in LATEST if relation.name in ("payment_versions", "latest_payments")),
    *load(__package__, "exposed_attempts", "exposed_collections", "collected_breaks"),
)
"""The same of a rollout that switches only how payments are collected: what its new path collected. After mapped_keys."""

_CORRECTED_IN = (
    *("payment_versions", "latest_payments", "document_versions", "latest_documents"),
    *("entry_versions", "stated_entries"),
)
CORRECTIONS: tuple[Relation, ...] = (
    *(relation for relation in LATEST if relation.name in _CORRECTED_IN),
    *load(__package__, "affected_bills", "corrections", "correction_progress"),
)
"""Issued bills of the new path that are wrong, how they are corrected, and how far that is. After engine_lines."""
