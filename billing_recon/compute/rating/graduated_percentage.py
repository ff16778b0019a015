"""Each tier's part of an amount at the tier's own rate."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import Sources
from billing_recon.compute.rating.tiers import graduated_steps, graduated_words, through


@dataclass(frozen=True, slots=True)
class GraduatedPercentage:
    """Graduated tiers whose price is a rate and whose units are money."""

    name: str = "graduated_percentage"
    doc: str = (
        "each tier's part of the metered amount x its rate, plus the fee of each tier entered (docs/rating.md, rule 6)"
    )

    unit_price: None = None
    amount: str = through("t.total", "s")
    earlier: str = through("t.prior", "p")

    def steps(self, at: Sources) -> str:
        return graduated_steps(at, self.name)

    def words(self, at: Sources) -> str:
        return graduated_words(at, self.name)
