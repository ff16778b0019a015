"""A metered cost passed on, with a mark-up."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import Sources, said_units, text


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The meter counts money: what the thing cost. The multiplier is what it is sold for (cost-plus: 1.2 is 20% on top)."""

    name: str = "dynamic"
    doc: str = "metered cost x multiplier (docs/rating.md, rule 5)"

    unit_price: None = None
    amount: str = "extend(t.total, t.multiplier)"
    earlier: str = "extend(t.prior, t.multiplier)"

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id, '{{"cost":"' || say_quantity(total - prior) || '","multiplier":"' || {text("multiplier")} || '"}}' AS steps,
    'cost of ' || currency || ' ' || {said_units("total - prior")} || CASE WHEN multiplier = 1 THEN ''
        ELSE ' times ' || {text("multiplier")} END AS phrase
FROM {at.terms} WHERE model = '{self.name}'"""
