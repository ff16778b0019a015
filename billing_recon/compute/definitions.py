"""Every type and macro that the relations call by name, in the order in which a fresh database needs them."""

from __future__ import annotations

from billing_recon.compute.fragments import FRAGMENTS
from billing_recon.compute.money import MACROS, TYPES
from billing_recon.compute.pairs.shape import SHAPES

DEFINITIONS: tuple[str, ...] = (
    *(f"CREATE TYPE {name} AS {kind}" for name, kind in TYPES.items()),
    *MACROS,
    *FRAGMENTS,
    *SHAPES,
)
