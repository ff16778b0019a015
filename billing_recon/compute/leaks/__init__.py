"""Where revenue leaks: differences in money by cause, layer, plan and month, and how much of what was expected was billed."""

from __future__ import annotations

from billing_recon.compute.relation import load

RELATIONS = load(__package__, "answered_breaks", "leaks", "captured")
"""Inputs: `breaks`, `control_totals` and `subscriptions` of some days, and `break_answers`. Results: `leaks`, `captured`."""
