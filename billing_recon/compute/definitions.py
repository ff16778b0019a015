"""Every type and macro that the relations call by name, in the order in which a fresh database needs them."""

from __future__ import annotations

from billing_recon.compute.fragments import FRAGMENTS
from billing_recon.compute.money import STATEMENTS
from billing_recon.compute.pairs.shape import SHAPES
from billing_recon.compute.rating.macros import RATING_MACROS

SUMS_AS_THEY_ARE = "SET disabled_optimizers = 'statistics_propagation'"
"""DuckDB 2.0 takes sum() over a LEFT JOIN to be zero if statistics show that nothing can match, and decides every comparison
of such a sum by that (docs/adr/0011-no-statistics-propagation.md)."""

DEFINITIONS: tuple[str, ...] = (SUMS_AS_THEY_ARE, *STATEMENTS, *RATING_MACROS, *FRAGMENTS, *SHAPES)
