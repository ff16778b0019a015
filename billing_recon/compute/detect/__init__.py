"""Findings about the data itself: one file per topic. A finder states detector, identity, facts, and the rows that it cites."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(
    __package__,
    *("fresh_invoices", "invoice_numbers"),
    *("total_detections", "tax_detections", "discount_detections", "charge_detections", "gap_detections"),
    *("repeat_detections", "payment_detections", "variant_detections"),
    "detected",
)
"""From the reconciler's relations, terms and the day's tables to `detected`: the findings as facts."""

EXPLAINED: tuple[Relation, ...] = load(__package__, "detections")
"""`detections`: `detected` with the texts that `explain` writes of it."""
