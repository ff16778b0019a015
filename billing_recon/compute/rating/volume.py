"""All units at the price of the one tier that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources, said_units, text
from billing_recon.compute.rating.tiers import holds


@dataclass(frozen=True, slots=True)
class Volume:
    """The tier is the one whose edges hold the units, `up_to` inclusive; zero units are held by the first.

    Which tier that is, is known when the period ends: of a period billed in parts, the last part bills all units.
    """

    name: str = "volume"
    doc: str = "all units at the price of the tier that holds them, plus its flat fee (ARCHITECTURE 2, rule 6)"

    unit_price: None = None
    amount: str = f"CASE WHEN t.closes THEN CAST(extend(t.total, s.unit) + CAST(s.flat AS {RAW}) AS {RAW}) ELSE CAST(0 AS {RAW}) END"
    earlier: None = None

    def steps(self, at: Sources) -> str:
        return f"""
SELECT part_id, CAST(1 AS INTEGER) AS step_no, tier_no, CAST(total AS {QUANTITY}) AS units, unit AS price,
    extend(total, unit) AS raw
FROM ({self._held(at)}) AS held WHERE closes
UNION ALL
SELECT part_id, CAST(2 AS INTEGER) AS step_no, tier_no, CAST(NULL AS {QUANTITY}) AS units, flat AS price,
    CAST(flat AS {RAW}) AS raw
FROM ({self._held(at)}) AS held WHERE closes AND fee"""

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id,
    '{{"tiers":[' || head || say_quantity(total) || middle || flat_bare || '","amount":"'
        || {text(f"CAST(extend(total, unit) + CAST(flat AS {RAW}) AS {RAW})")} || '"}}]}}' AS steps,
    CASE WHEN NOT closes THEN 'billed with the last part of the period' ELSE
        'all ' || {said_units("total")} || ' ' || noun || ' at ' || currency || ' ' || unit_said
        || ' (tier ' || CAST(tier_no AS VARCHAR) || ')'
        || CASE WHEN fee THEN ' plus ' || currency || ' ' || flat_said ELSE '' END END AS phrase
FROM ({self._held(at)}) AS held"""

    def _held(self, at: Sources) -> str:
        return f"""
    SELECT t.part_id, t.total, t.closes, t.currency, t.noun, s.tier_no, s.unit, s.flat, s.head, s.middle, s.flat_bare, s.unit_said,
        s.flat_said, s.flat <> 0 AS fee
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON {holds("t.tier_units", "s")}
    WHERE t.model = '{self.name}'"""
