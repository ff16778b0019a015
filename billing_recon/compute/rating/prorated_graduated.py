"""Graduated tiers of units that were there for part of the period: each event counts for its own share."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import RAW
from billing_recon.compute.rating.model import json_text


@dataclass(frozen=True, slots=True)
class ProratedGraduated:
    """Full units choose the tier, prorated units are priced.

    Events are laid end to end in their order: one that adds 5 to 2 covers the units 2 to 7, one that takes 6 from 17 the
    units 17 to 11. Each tier prices the part of an event that lies in it, in proportion; what is below zero lies in the
    first. Fees are those of every tier that was reached. An added unit without a share, and a removal without one that would
    go below zero, are passed over: what they belong to was before the period. A negative sum is none; negative units in the
    end bill nothing at all.
    """

    name: str = "prorated_graduated"
    doc: str = (
        "each event's share of its tiers at their prices, plus the fee of each tier reached (docs/rating.md, rule 12)"
    )

    unit_price: None = None
    amount: str = (
        "CAST(CASE WHEN coalesce(sums.ends, 0) < 0 THEN 0 WHEN coalesce(sums.shared, 0) = 0 THEN sums.first_fee "
        f"ELSE greatest(sums.moved, 0) + sums.fees END AS {RAW})"
    )
    earlier: None = None
    working: str = json_text(
        full_units="say_quantity(sums.ends)",
        most_units="say_quantity(sums.most)",
        prorated_units="say_quantity(sums.shared)",
        units_amount="plain(sums.moved)",
        fees="plain(sums.fees)",
    )

    def steps(self, terms: str) -> None:
        return None
