"""A metered cost passed on, with a mark-up."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import json_text


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The meter counts money: what the thing cost. The multiplier is what it is sold for (cost-plus: 1.2 is 20% on top)."""

    name: str = "dynamic"
    doc: str = "metered cost x multiplier (docs/rating.md, rule 5)"

    unit_price: None = None
    amount: str = "extend(item.total, item.multiplier)"
    earlier: str = "extend(item.prior, item.multiplier)"
    working: str = json_text(cost="say_quantity(item.total - item.prior)", multiplier="plain(item.multiplier)")

    def steps(self, terms: str) -> None:
        return None
