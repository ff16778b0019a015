"""Each tier's units at the tier's own price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import Sources
from billing_recon.compute.rating.tiers import graduated_steps, graduated_words, through


@dataclass(frozen=True, slots=True)
class Graduated:
    """Sum over tiers of the units in it x its price, plus the flat fee of each tier entered."""

    name: str = "graduated"
    doc: str = "each tier's units at its own price, plus the flat fee of each tier entered (ARCHITECTURE 2, rule 6)"

    unit_price: None = None
    amount: str = through("t.total", "s")
    earlier: str = through("t.prior", "p")

    def steps(self, at: Sources) -> str:
        return graduated_steps(at, self.name)

    def words(self, at: Sources) -> str:
        return graduated_words(at, self.name)
