"""Rules of document headers: none besides those of the columns. Whether figures add up is for reconciliation."""

from __future__ import annotations

from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = ()
