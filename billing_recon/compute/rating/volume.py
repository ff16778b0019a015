"""All units at the price of the one tier that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.tiers import holds

_COST = f"CAST(extend(item.total, tier.unit) + CAST(tier.flat AS {RAW}) AS {RAW})"


@dataclass(frozen=True, slots=True)
class Volume:
    """The tier is the one whose edges hold the units, `up_to` inclusive; zero units are held by the first.

    Which tier that is, is known when the period ends: of a period billed in parts, the last part bills all units.
    """

    name: str = "volume"
    doc: str = "all units at the price of the tier that holds them, plus its flat fee (docs/rating.md, rule 7)"

    unit_price: None = None
    amount: str = f"CASE WHEN item.closes THEN {_COST} ELSE CAST(0 AS {RAW}) END"
    earlier: None = None
    working: str = (
        """'{"tiers":[' || tier.head || say_quantity(item.total) || tier.middle || tier.flat_bare || '","amount":"' """
        f"""|| plain({_COST}) || '"}}]}}'"""
    )

    def steps(self, terms: str) -> str:
        held = f"FROM {terms} AS item JOIN term_tiers AS tier ON {holds('item.tier_units', 'tier')}"
        return f"""
SELECT item.part_id, CAST(1 AS INTEGER) AS step_no, tier.tier_no, CAST(item.total AS {QUANTITY}) AS units,
    tier.unit AS price, extend(item.total, tier.unit) AS raw
{held} WHERE item.model = '{self.name}' AND item.closes
UNION ALL
SELECT item.part_id, CAST(2 AS INTEGER) AS step_no, tier.tier_no, CAST(NULL AS {QUANTITY}) AS units, tier.flat AS price,
    CAST(tier.flat AS {RAW}) AS raw
{held} WHERE item.model = '{self.name}' AND item.closes AND tier.flat <> 0"""
