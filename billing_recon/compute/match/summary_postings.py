"""Journals that name no invoice: which invoices they book, by reference, by amount, or as a sum. Ids are in billed_booked."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(
    __package__, "nameless_journals", "journal_references", "journal_matches", "journal_shares"
)
