"""Rules of key mappings: none besides those of the columns."""

from __future__ import annotations

from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = ()
