"""Every unit at one price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import json_text


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Units above the free ones times the unit price; no rounding before the line's own."""

    name: str = "per_unit"
    doc: str = "units x unit_price (docs/rating.md, rule 5)"

    unit_price: str = "item.unit_price"
    amount: str = "extend(item.total, item.unit_price)"
    earlier: str = "extend(item.prior, item.unit_price)"
    working: str = json_text(units="say_quantity(item.total - item.prior)", unit_price="plain(item.unit_price)")

    def steps(self, terms: str) -> None:
        return None
