"""Graduated tiers of units that were there for part of the period: each event counts for its own share."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import RAW
from billing_recon.compute.rating.model import Sources, said_units


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
        f"CAST(CASE WHEN coalesce(e.ends, 0) < 0 THEN 0 WHEN coalesce(e.shared, 0) = 0 THEN e.first_fee "
        f"ELSE greatest(e.moved, 0) + e.fees END AS {RAW})"
    )
    earlier: None = None

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id,
    '{{"full_units":"' || say_quantity(ends) || '","most_units":"' || say_quantity(most) || '","prorated_units":"'
        || say_quantity(shared) || '","units_amount":"' || rtrim(rtrim(CAST(moved AS VARCHAR), '0'), '.') || '","fees":"'
        || rtrim(rtrim(CAST(fees AS VARCHAR), '0'), '.') || '"}}' AS steps,
    {said_units("shared")} || ' prorated ' || noun || ' (' || {said_units("ends")} || ' in full) in graduated tiers' AS phrase
FROM (
    SELECT t.part_id, t.noun, e.ends, e.most, e.shared, e.moved, e.fees
    FROM {at.terms} AS t
    JOIN {at.weighed} AS e ON e.part_id = t.part_id
    WHERE t.model = '{self.name}'
) AS weighed"""
