"""Discounts of lines whose tiers and fees are settled one by one: the discount is too. docs/rating.md, rule 16."""

from __future__ import annotations

from billing_recon.compute.rating.commitment import discount
from billing_recon.compute.relation import Relation


def tiered(items: str, rates: str, reads: tuple[str, ...], into: str) -> Relation:
    """item_id and discount AMOUNT of the discountable `items` of which `rates` has tier_amounts; empty under other profiles.

    `items`: item_id, discountable, discount_rate and decimals. `rates` is the SQL of their prices, `reads` the relations in it.
    """
    return Relation(
        name=into,
        inputs=(items, *reads, "run_params"),
        rows_from=("term_profile WHERE rounding_point = 'tier'",),
        doc="What the discount takes off each amount that a line is the sum of, settled one by one.",
        sql=f"""
SELECT i.item_id, {discount("r.gross", "r.tier_amounts", "i.discount_rate", "i.decimals", "p.rounding")} AS discount
FROM {items} AS i
JOIN {rates} AS r ON r.item_id = i.item_id
CROSS JOIN run_params AS p
WHERE i.discountable AND r.tier_amounts IS NOT NULL""",
    )
