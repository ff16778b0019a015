"""Which rows of two layers belong together: latest versions, bills for periods, lines, journals and payments."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

LATEST: tuple[Relation, ...] = load(
    __package__,
    *("payment_versions", "latest_payments", "entry_versions", "latest_entries"),
    *("document_versions", "latest_documents", "document_line_versions", "latest_document_lines"),
)
"""Payments, ledger entries, documents and their lines, each in its latest version. After mapped_keys."""
