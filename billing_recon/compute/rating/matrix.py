"""A price for each combination of an event's dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE

_PRICE = f"coalesce(cell.unit_price, item.unit_price, CAST(0 AS {PRICE}))"
_UNITS = "say_quantity(item.total - item.prior)"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Units of a cell times the cell's price; a combination without a price of its own costs unit_price, or nothing."""

    name: str = "matrix"
    doc: str = "for each combination of dimensions, its units x its price (docs/rating.md, rule 5)"

    unit_price: str = _PRICE
    amount: str = f"extend(item.total, {_PRICE})"
    earlier: str = f"extend(item.prior, {_PRICE})"
    working: str = f"CAST(json_object('cell', item.cell, 'units', {_UNITS}, 'unit_price', plain({_PRICE})) AS VARCHAR)"

    def steps(self, terms: str) -> None:
        return None
