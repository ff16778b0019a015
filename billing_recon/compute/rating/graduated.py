"""Each tier's units at the tier's own price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.tiers import GRADUATED_WORKING, graduated_steps, through


@dataclass(frozen=True, slots=True)
class Graduated:
    """Sum over tiers of the units in it x its price, plus the flat fee of each tier entered."""

    name: str = "graduated"
    doc: str = "each tier's units at its own price, plus the flat fee of each tier entered (docs/rating.md, rule 6)"

    unit_price: None = None
    amount: str = through("item.total", "tier")
    earlier: str = through("item.prior", "earlier_tier")
    working: str = GRADUATED_WORKING

    def steps(self, terms: str) -> str:
        return graduated_steps(terms, self.name)
