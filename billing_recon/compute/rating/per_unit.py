"""Every unit at one price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE
from billing_recon.compute.rating.model import text


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Units times the unit price; no rounding before the line's own."""

    name: str = "per_unit"
    doc: str = "units x unit_price (ARCHITECTURE 2, rule 6)"

    def price(self, terms: str) -> str:
        return f"""
SELECT item_id, CAST(unit_price AS {PRICE}) AS unit_price, extend(quantity, unit_price) AS raw,
    json_object('units', say_quantity(quantity), 'unit_price', {text("unit_price")}) AS steps,
    group_thousands(say_quantity(quantity)) || ' ' || noun || ' at ' || currency || ' ' || say(unit_price, decimals) AS phrase
FROM {terms} WHERE model = '{self.name}'"""
