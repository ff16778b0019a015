"""A customer's next bills from what is known today: the lines of compute.expect for the days ahead, and what is used up."""

from __future__ import annotations

from billing_recon.compute.relation import load

RELATIONS = load(__package__, "next_bills", "bill_lines", "units_used")
"""Inputs: the relations of compute.expect of a run over the days ahead (`since` is tomorrow). Results: `bill_lines`, `units_used`."""
