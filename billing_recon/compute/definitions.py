"""Every type and macro that the relations call by name, in the order in which a fresh database needs them."""

from __future__ import annotations

from billing_recon.compute.engine import SUMS_AS_THEY_ARE
from billing_recon.compute.fragments import FRAGMENTS
from billing_recon.compute.money import STATEMENTS
from billing_recon.compute.pairs.shape import SHAPES
from billing_recon.compute.rating.macros import RATING_MACROS

DEFINITIONS: tuple[str, ...] = (SUMS_AS_THEY_ARE, *STATEMENTS, *RATING_MACROS, *FRAGMENTS, *SHAPES)
