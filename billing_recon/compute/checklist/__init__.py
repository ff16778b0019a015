"""The field checklist: for each business field in each layer, how many of a day's rows have it, and in how many it is wrong."""

from __future__ import annotations

from billing_recon.compute.relation import load

(CHECKLIST,) = RELATIONS = load(__package__, "checklist")

LAYERS: tuple[str, ...] = tuple(name for name in CHECKLIST.inputs if name != "quarantine")
"""The tables that the checklist reads."""
