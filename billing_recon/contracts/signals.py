"""What cannot be true of an operational signal."""

from __future__ import annotations

from billing_recon.contracts.rule import Rule

RULES: tuple[Rule, ...] = ()
