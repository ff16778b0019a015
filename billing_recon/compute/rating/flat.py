"""A fixed amount, whatever the units."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE, RAW
from billing_recon.compute.rating.model import text


@dataclass(frozen=True, slots=True)
class Flat:
    """The amount once."""

    name: str = "flat"
    doc: str = "amount (ARCHITECTURE 2, rule 6)"

    def price(self, terms: str) -> str:
        return f"""
SELECT item_id, CAST(amount AS {PRICE}) AS unit_price, CAST(amount AS {RAW}) AS raw,
    json_object('amount', {text("amount")}) AS steps,
    'flat fee of ' || currency || ' ' || group_thousands(say(amount, decimals)) AS phrase
FROM {terms} WHERE model = '{self.name}'"""
