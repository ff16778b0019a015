"""Two layers compared, one topic per tuple: its findings (`no_finding` names their columns) and its assessed items."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RENDERED: tuple[Relation, ...] = load(
    __package__,
    *("documents", "rendered_ties", "rendered_placed", "rendered_differences", "rendered_header_differences"),
    *("billed_rendered_findings", "billed_rendered_assessed"),
)
"""The engine's invoice against the document that the customer sees: by line if the document names lines, else by header."""

BOOKED: tuple[Relation, ...] = load(
    __package__,
    *("booked_ties", "booked_tied", "invoice_journals", "booked_invoices", "booked_placed"),
    *("rendered_booked_placed", "booked_findings", "booked_assessed"),
)
"""The engine's invoice against its journals in the ledger; and documents against journals if the engine has no invoice."""

PAID: tuple[Relation, ...] = load(
    __package__, *("invoice_money", "invoice_credits", "paid_placed", "paid_findings", "paid_assessed")
)
"""The engine's invoice against the money received for it, by invoice."""

CASH_BOOKED: tuple[Relation, ...] = load(__package__, "cash_placed", "fees_placed", "cash_findings", "cash_assessed")
"""Payments, refunds, chargebacks and fees against the ledger's journals of them, by payment."""

METERED: tuple[Relation, ...] = load(__package__, "metered_placed", "metered_findings", "metered_assessed")
"""Usage against what the engine metered, in units, per subscription and meter."""
EXPECTED_BILLED: tuple[Relation, ...] = load(
    __package__,
    *("wrong_customers", "unbilled_periods", "whole_faults"),
    *("expected_billed_findings", "expected_billed_assessed"),
)
"""Our own rating against the engine's lines, from whole invoices down to single lines."""
