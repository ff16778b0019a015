"""Control totals per pair, currency (or meter), cohort and variant, and the proof that they foot with the breaks."""

from __future__ import annotations

from billing_recon.compute.relation import load

TOTALS, FOOTING = RELATIONS = load(__package__, "control_totals", "footing")
"""Inputs: assessments and reported of compute.reconcile. Results: control_totals, and footing (empty)."""
