"""Every type and macro that the relations call by name, in the order in which a fresh database needs them."""

from __future__ import annotations

from billing_recon.compute.fragments import FRAGMENTS
from billing_recon.compute.money import STATEMENTS
from billing_recon.compute.pairs.shape import SHAPES
from billing_recon.compute.rating.macros import RATING_MACROS

DEFINITIONS: tuple[str, ...] = (*STATEMENTS, *RATING_MACROS, *FRAGMENTS, *SHAPES)
