"""The day's metrics by name, each with numerator and denominator. They are judged in core.gate; their drift is in compute.drift."""

from __future__ import annotations

import re
from importlib.resources import files

from billing_recon.compute.relation import Relation, load

NAMES: tuple[str, ...] = tuple(
    re.findall(r"'(\w+)'", files(__package__).joinpath("metrics.sql").read_text("utf-8").split("AS metric")[0])
)
"""Every metric, as `names` lists them in metrics.sql."""

RELATIONS: tuple[Relation, ...] = load(__package__, "metrics")
"""Inputs: the reconciler's relations and the day's tables. Result: metrics."""
