"""The engine's invoice against its journals in the ledger; and documents against journals where the engine has no invoice."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(
    __package__,
    *("booked_ties", "booked_tied", "invoice_journals", "booked_invoices", "booked_placed"),
    *("rendered_booked_placed", "booked_findings", "booked_assessed"),
)
