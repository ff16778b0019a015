"""The least and the most that a charge's own line may come to: what its price becomes. docs/rating.md, rule 22a."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, RATE, RAW
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.rating.proration import shared
from billing_recon.compute.relation import Relation

_AGREED = ("term_charges WHERE minimum IS NOT NULL OR maximum IS NOT NULL",)


def _said(figure: str) -> str:
    return f"currency || ' ' || group_thousands(say({figure}, decimals))"


def _share(whole: str) -> str:
    """SQL for which part of the agreed amount this is, in brackets; nothing where it is all of it."""
    return (
        f"CASE WHEN part = whole THEN '' ELSE ' (' || group_thousands(CAST(part AS VARCHAR)) || ' of ' "
        f"|| group_thousands(CAST(whole AS VARCHAR)) || counted || ' of ' || {_said(whole)} || ')' END"
    )


def bound(items: str, rates: str, reads: tuple[str, ...], into: str) -> tuple[Relation, ...]:
    """Relations that hold priced items to the minimum and maximum of their charge, ending in `into`.

    `items`: item_id, currency, decimals, discountable, discount_rate, charge_minimum and charge_maximum AMOUNT (empty: none),
    run_part and run_whole, the run's share of the period. `rates` is the SQL of their prices, `reads` the relations in it.

    `into` has a row for each item whose charge has either: gross, gross_raw, discount and discount_raw after both, in the
    profile's order; `capped`, the gross without the minimum, for a period that may still come to more; working (JSON text) and
    `told`, what a sentence says after the price.
    """
    asked, agreed = f"{into}_asked", f"{into}_agreed"
    return (
        Relation(
            name=asked,
            inputs=(items, *reads, "run_params", "term_profile"),
            rows_from=_AGREED,
            doc="Priced items beside the run's share of what their charge comes to at least and at most.",
            sql=f"""
SELECT i.item_id, i.currency, i.decimals, r.gross_raw, r.gross, r.tier_amounts,
    CASE WHEN i.discountable THEN i.discount_rate ELSE CAST(0 AS {RATE}) END AS discount_rate,
    CAST({shared("i.charge_minimum", "i.run_part", "i.run_whole", "f.ratio_decimals")} AS {RAW}) AS minimum,
    CAST({shared("i.charge_maximum", "i.run_part", "i.run_whole", "f.ratio_decimals")} AS {RAW}) AS maximum,
    CAST(0 AS {AMOUNT}) AS previous, true AS closes, i.charge_minimum, i.charge_maximum, i.run_part AS part, i.run_whole AS whole,
    CASE p.proration WHEN 'by_second' THEN ' seconds' ELSE ' days' END AS counted, p.rounding
FROM {items} AS i
JOIN {rates} AS r ON r.item_id = i.item_id
CROSS JOIN run_params AS p
CROSS JOIN term_profile AS f
WHERE i.charge_minimum IS NOT NULL OR i.charge_maximum IS NOT NULL""",
        ),
        *commit(asked, agreed),
        Relation(
            name=into,
            inputs=(asked, agreed),
            rows_from=(asked,),
            doc="What those items come to, with the words for it.",
            sql=f"""
WITH held AS (
    SELECT i.item_id, i.currency, i.decimals, i.gross_raw, i.gross, i.part, i.whole, i.counted, i.charge_minimum,
        i.charge_maximum, settle(i.minimum, i.decimals, i.rounding) AS minimum,
        settle(i.maximum, i.decimals, i.rounding) AS maximum, a.over, a.raised, a.discount, a.discount_raw,
        CAST(i.gross - a.over + a.raised AS {AMOUNT}) AS held
    FROM {asked} AS i
    JOIN {agreed} AS a ON a.item_id = i.item_id
)
SELECT item_id, held AS gross, CASE WHEN over = 0 AND raised = 0 THEN gross_raw ELSE CAST(held AS {RAW}) END AS gross_raw,
    discount, discount_raw, CAST(gross - over AS {AMOUNT}) AS capped,
    CAST(json_object('minimum', say(minimum, decimals), 'maximum', say(maximum, decimals), 'charged', say(gross, decimals),
        'cut', say(over, decimals), 'raised', say(raised, decimals), 'part', part, 'whole', whole) AS VARCHAR) AS working,
    CASE WHEN over > 0 THEN ' = ' || {_said("gross")} || '; cut by ' || {_said("over")} || ' to the maximum of '
            || {_said("maximum")} || {_share("charge_maximum")}
        WHEN raised > 0 THEN CASE WHEN gross = 0 THEN '' ELSE ' = ' || {_said("gross")} END || '; raised by ' || {_said("raised")}
            || ' to the minimum of ' || {_said("minimum")} || {_share("charge_minimum")}
            || CASE WHEN discount <> 0 AND held <> minimum THEN ' after discount' ELSE '' END
        ELSE '' END AS told
FROM held""",
        ),
    )
