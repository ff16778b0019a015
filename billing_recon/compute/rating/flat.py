"""A fixed amount, whatever the units."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import RAW
from billing_recon.compute.rating.model import Sources, said_price, text


@dataclass(frozen=True, slots=True)
class Flat:
    """The amount once a period: with its first part where it is due in advance, with its last where in arrears."""

    name: str = "flat"
    doc: str = "amount (ARCHITECTURE 2, rule 6)"

    unit_price: str = "t.amount"
    amount: str = (
        f"CASE WHEN CASE t.due WHEN 'in_advance' THEN t.opens ELSE t.closes END THEN CAST(t.amount AS {RAW}) "
        f"ELSE CAST(0 AS {RAW}) END"
    )
    earlier: None = None

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id, '{{"amount":"' || {text("amount")} || '"}}' AS steps,
    CASE WHEN CASE due WHEN 'in_advance' THEN opens ELSE closes END THEN 'flat fee of ' || {said_price("amount")}
        ELSE 'flat fee billed with the ' || CASE due WHEN 'in_advance' THEN 'first' ELSE 'last' END || ' part of the period'
    END AS phrase
FROM {at.terms} WHERE model = '{self.name}'"""
