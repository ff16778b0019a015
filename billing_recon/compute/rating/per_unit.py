"""Every unit at one price."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import Sources, said_price, said_units, text


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Units above the free ones times the unit price; no rounding before the line's own."""

    name: str = "per_unit"
    doc: str = "units x unit_price (ARCHITECTURE 2, rule 6)"

    unit_price: str = "t.unit_price"
    amount: str = "extend(t.total, t.unit_price)"
    earlier: str = "extend(t.prior, t.unit_price)"

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id, '{{"units":"' || say_quantity(total - prior) || '","unit_price":"' || {text("unit_price")} || '"}}' AS steps,
    {said_units("total - prior")} || ' ' || noun || CASE WHEN free_units = 0 THEN ''
        ELSE ' above the ' || {said_units("free_units")} || ' included' END || ' at ' || {said_price("unit_price")} AS phrase
FROM {at.terms} WHERE model = '{self.name}'"""
