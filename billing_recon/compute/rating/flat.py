"""A fixed amount, whatever the units."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import RAW
from billing_recon.compute.rating.model import json_text

_BILLED = "CASE item.due WHEN 'in_advance' THEN item.opens ELSE item.closes END"


@dataclass(frozen=True, slots=True)
class Flat:
    """The amount once a period: with its first part if due in advance, with its last if due in arrears."""

    name: str = "flat"
    doc: str = "amount (docs/rating.md, rule 4)"

    unit_price: str = "item.amount"
    amount: str = f"CASE WHEN {_BILLED} THEN CAST(item.amount AS {RAW}) ELSE CAST(0 AS {RAW}) END"
    earlier: None = None
    working: str = json_text(amount="plain(item.amount)")

    def steps(self, terms: str) -> None:
        return None
