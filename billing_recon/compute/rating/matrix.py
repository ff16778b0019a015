"""A price for each combination of an event's dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE
from billing_recon.compute.rating.model import Sources, said_price, said_units, text

_PRICE = f"coalesce(k.unit_price, t.unit_price, CAST(0 AS {PRICE}))"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Units of a cell times the cell's price; a combination without a price of its own costs unit_price, or nothing."""

    name: str = "matrix"
    doc: str = "for each combination of dimensions, its units x its price (docs/rating.md, rule 5)"

    unit_price: str = _PRICE
    amount: str = f"extend(t.total, {_PRICE})"
    earlier: str = f"extend(t.prior, {_PRICE})"

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id, CAST(json_object('cell', cell, 'units', say_quantity(total - prior), 'unit_price', {text("price")}) AS VARCHAR)
        AS steps,
    {said_units("total - prior")} || ' ' || noun || CASE WHEN cell IS NULL THEN '' ELSE ' (' || array_to_string(list_transform(
        string_split(cell, '|'), lambda one: coalesce(nullif(one, ''), 'none')), ', ') || ')' END
        || ' at ' || {said_price("price")} AS phrase
FROM (
    SELECT t.part_id, t.total, t.prior, t.noun, t.cell, t.currency, t.decimals, {_PRICE} AS price
    FROM {at.terms} AS t
    LEFT JOIN term_cells AS k ON k.term_no = t.term_no AND k.cell = t.cell
    WHERE t.model = '{self.name}'
) AS celled"""
