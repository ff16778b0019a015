"""The day's metrics by name, each with numerator and denominator. They are judged in core.gate; their drift is in compute.drift."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(__package__, "metrics")
"""Inputs: the reconciler's relations and the day's tables. Result: metrics."""
