"""The least and the most that a charge's own line may come to: what its price becomes. docs/rating.md, rule 22."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, RATE, RAW
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.relation import Relation


def bound(items: str, prices: str, into: str) -> tuple[Relation, ...]:
    """Relations that hold priced items to the minimum and maximum of their charge, ending in `into`.

    `items`: item_id, currency, decimals, discountable, discount_rate, charge_minimum and charge_maximum AMOUNT (empty: none),
    run_part and run_whole, the run's share of the period. `prices`: item_id, gross_raw, gross and tier_amounts of each.

    `into` has a row for each item with a charge that has either: gross, gross_raw, discount and discount_raw after both, in the
    profile's order; `capped`, the gross without the minimum, for a period that may still come to more; working (JSON text).
    """
    asked, agreed = f"{into}_asked", f"{into}_agreed"
    return (
        Relation(
            name=asked,
            inputs=(items, prices, "run_params", "term_profile"),
            rows_from=("term_charges WHERE minimum IS NOT NULL OR maximum IS NOT NULL",),
            doc="Priced items with the run's share of the least and the most that their charge comes to.",
            sql=f"""
SELECT item.item_id, item.currency, item.decimals, priced.gross_raw, priced.gross, priced.tier_amounts,
    CASE WHEN item.discountable THEN item.discount_rate ELSE CAST(0 AS {RATE}) END AS discount_rate,
    CAST(share_owed(item.charge_minimum, item.run_part, item.run_whole, profile.ratio_decimals) AS {RAW}) AS minimum,
    CASE WHEN item.run_part > 0
        THEN CAST(share_owed(item.charge_maximum, item.run_part, item.run_whole, profile.ratio_decimals) AS {RAW}) END AS maximum,
    CAST(0 AS {AMOUNT}) AS previous, true AS closes, item.run_part AS part, item.run_whole AS whole, params.rounding
FROM {items} AS item
JOIN {prices} AS priced ON priced.item_id = item.item_id
CROSS JOIN run_params AS params
CROSS JOIN term_profile AS profile
WHERE item.charge_minimum IS NOT NULL OR item.charge_maximum IS NOT NULL""",
        ),
        *commit(asked, agreed),
        Relation(
            name=into,
            inputs=(asked, agreed),
            rows_from=(asked,),
            doc="What those items come to.",
            sql=f"""
WITH bounded AS (
    SELECT asked.item_id, asked.decimals, asked.gross_raw, asked.gross, asked.part, asked.whole, agreed.over, agreed.raised,
        agreed.discount, agreed.discount_raw, settle(asked.minimum, asked.decimals, asked.rounding) AS minimum,
        settle(asked.maximum, asked.decimals, asked.rounding) AS maximum,
        CAST(asked.gross - agreed.over + agreed.raised AS {AMOUNT}) AS bounded
    FROM {asked} AS asked
    JOIN {agreed} AS agreed ON agreed.item_id = asked.item_id
)
SELECT item_id, bounded AS gross, CASE WHEN over = 0 AND raised = 0 THEN gross_raw ELSE CAST(bounded AS {RAW}) END AS gross_raw,
    discount, discount_raw, CAST(gross - over AS {AMOUNT}) AS capped,
    CAST(json_object('minimum', say(minimum, decimals), 'maximum', say(maximum, decimals), 'charged', say(gross, decimals),
        'cut', say(over, decimals), 'raised', say(raised, decimals), 'part', part, 'whole', whole) AS VARCHAR) AS working
FROM bounded""",
        ),
    )
