"""Two layers compared, one topic per tuple: its findings (`no_finding` names their columns) and its assessed items."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

PAID: tuple[Relation, ...] = load(__package__, "invoice_money", "paid_placed", "paid_findings", "paid_assessed")
"""The engine's invoice against the money received for it, by invoice."""

METERED: tuple[Relation, ...] = load(__package__, "metered_placed", "metered_findings", "metered_assessed")
"""Usage against what the engine metered, in units, per subscription and meter."""
