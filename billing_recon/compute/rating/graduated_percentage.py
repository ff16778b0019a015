"""Each tier's part of an amount at the tier's own rate."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.tiers import GRADUATED_WORKING, graduated_steps, through


@dataclass(frozen=True, slots=True)
class GraduatedPercentage:
    """Graduated tiers whose price is a rate and whose units are money."""

    name: str = "graduated_percentage"
    doc: str = (
        "each tier's part of the metered amount x its rate, plus the fee of each tier entered (docs/rating.md, rule 6)"
    )

    unit_price: None = None
    amount: str = through("item.total", "tier")
    earlier: str = through("item.prior", "earlier_tier")
    working: str = GRADUATED_WORKING

    def steps(self, terms: str) -> str:
        return graduated_steps(terms, self.name)
