"""All units at the price of the one tier that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE, RAW
from billing_recon.compute.rating.model import text


@dataclass(frozen=True, slots=True)
class Volume:
    """The tier is the one whose edges hold the units, `up_to` inclusive; zero units are held by the first."""

    name: str = "volume"
    doc: str = "all units at the price of the tier that holds them, plus its flat fee (ARCHITECTURE 2, rule 6)"

    def price(self, terms: str) -> str:
        return f"""
SELECT item_id, CAST(NULL AS {PRICE}) AS unit_price, raw,
    json_object('tiers', to_json([struct_pack(
        tier := tier_no, above := {text("lower")}, up_to := {text("upper")}, units := say_quantity(quantity),
        unit_price := {text("unit")}, flat := {text("flat")}, amount := {text("raw")})])) AS steps,
    'all ' || group_thousands(say_quantity(quantity)) || ' ' || noun || ' at ' || currency || ' ' || say(unit, decimals)
        || ' (tier ' || CAST(tier_no AS VARCHAR) || ')'
        || CASE WHEN flat = 0 THEN '' ELSE ' plus ' || currency || ' ' || say(flat, decimals) END AS phrase
FROM (
    SELECT t.item_id, t.quantity, t.currency, t.decimals, t.noun, s.tier_no, s.lower, s.upper, s.unit, s.flat,
        CAST(extend(t.quantity, s.unit) + CAST(s.flat AS {RAW}) AS {RAW}) AS raw
    FROM {terms} AS t
    JOIN term_tiers AS s ON s.plan_id = t.plan_id AND s.plan_version = t.plan_version
        AND s.currency = t.currency AND s.charge_id = t.charge_id
        AND (s.lower < t.quantity OR s.tier_no = 1) AND (s.upper IS NULL OR t.quantity <= s.upper)
    WHERE t.model = '{self.name}'
) AS reached"""
