"""Each tier's units at the tier's own price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE, RAW
from billing_recon.compute.rating.model import text


@dataclass(frozen=True, slots=True)
class Graduated:
    """Sum over tiers of the units in it x its price, plus the flat fee of each tier entered. Zero units enter none."""

    name: str = "graduated"
    doc: str = "each tier's units at its own price, plus the flat fee of each tier entered (ARCHITECTURE 2, rule 6)"

    def price(self, terms: str) -> str:
        return f"""
SELECT item_id, CAST(NULL AS {PRICE}) AS unit_price,
    CAST(coalesce(sum(raw), 0) AS {RAW}) AS raw,
    json_object('tiers', to_json(coalesce(list(struct_pack(
        tier := tier_no, above := {text("lower")}, up_to := {text("upper")}, units := say_quantity(units),
        unit_price := {text("unit")}, flat := {text("flat")}, amount := {text("raw")}) ORDER BY tier_no)
        FILTER (WHERE tier_no IS NOT NULL), []))) AS steps,
    coalesce(string_agg(phrase, ' + ' ORDER BY tier_no), 'no ' || noun) AS phrase
FROM (
    SELECT item_id, noun, tier_no, lower, upper, unit, flat, units,
        CAST(extend(units, unit) + CAST(flat AS {RAW}) AS {RAW}) AS raw,
        CASE WHEN tier_no IS NULL THEN NULL ELSE group_thousands(say_quantity(units))
            || CASE WHEN tier_no = 1 THEN ' ' || noun ELSE ' above the first ' || group_thousands(say_quantity(lower)) END
            || CASE WHEN unit = 0 AND flat = 0 THEN ' included' WHEN unit = 0 THEN ' for '
                ELSE ' at ' || currency || ' ' || say(unit, decimals) END
            || CASE WHEN flat = 0 THEN '' WHEN unit = 0 THEN currency || ' ' || say(flat, decimals)
                ELSE ' plus ' || currency || ' ' || say(flat, decimals) END
        END AS phrase
    FROM (
        SELECT t.item_id, t.currency, t.decimals, t.noun, s.tier_no, s.lower, s.upper, s.unit, s.flat,
            least(t.quantity, coalesce(s.upper, t.quantity)) - s.lower AS units
        FROM {terms} AS t
        LEFT JOIN term_tiers AS s ON s.plan_id = t.plan_id AND s.plan_version = t.plan_version
            AND s.currency = t.currency AND s.charge_id = t.charge_id AND s.lower < t.quantity
        WHERE t.model = '{self.name}'
    ) AS entered
) AS tiers
GROUP BY item_id, noun"""
