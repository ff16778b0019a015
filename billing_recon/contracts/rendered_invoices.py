"""What cannot be true of a document's header. That its figures add up is reconciliation's business, not a condition of reading it."""

from __future__ import annotations

from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = ()
