"""What cannot be true of a key mapping."""

from __future__ import annotations

from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = ()
