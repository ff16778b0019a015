"""One pair of layers each: its findings, and the items that the day decided about."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

EXPECTED_BILLED: tuple[Relation, ...] = load(
    __package__,
    *("wrong_customers", "unbilled_periods", "whole_faults"),
    *("expected_billed_findings", "expected_billed_assessed"),
)
"""Our own rating against the engine's lines, from whole invoices down to single lines."""
