"""A rollout's stage: its customers, bills, breaks and payments by group, the figures that it is judged by, boundaries crossed.

Inputs besides landed tables and results of the days: `rollout_members`, `stage_params`.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

STAGE: tuple[Relation, ...] = load(
    __package__,
    *("stage_members", "stage_customers", "stage_invoices", "stage_breaks", "stage_exposures"),
    *("stage_payments", "stage_signals"),
    *("stage_figures", "stage_boundaries"),
)
"""What the stage gate reads. After engine_lines."""
