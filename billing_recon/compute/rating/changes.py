"""A plan or its seats changed within a period: what is given back for the old and charged for the new, for the days that are left."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, RAW
from billing_recon.compute.rating.proration import shares
from billing_recon.compute.relation import Relation


def capped(credit: str, paid: str, credited: str) -> str:
    """SQL for the most that can be given back: what was paid, less what was given back before; never less than nothing."""
    return f"greatest(least({credit}, {paid}, {paid} - {credited}), 0)"


def change(asked: str, into: str) -> tuple[Relation, ...]:
    """What a change costs, ending in `into`.

    `asked`: item_id, decimals INTEGER, old_price and new_price PRICE, old_quantity and new_quantity QUANTITY (empty where
    there is no old or new), changed_at, period_begins, period_ends TIMESTAMP on the customer's clock, seconds_part,
    seconds_whole BIGINT (see rating.proration.shares), paid and credited AMOUNT (what was paid for the old, and given back of
    it before; paid is empty where it is not known, and then nothing is capped), same_price BOOLEAN (only the quantity
    changes; that is never capped).

    `into`: item_id, ratio, credit_raw, credit (what is given back, positive), charge_raw, charge and net = charge - credit;
    each settled by itself.
    """
    spans, remaining = f"{into}_spans", f"{into}_remaining"
    return (
        Relation(
            name=spans,
            inputs=(asked,),
            kept=False,
            doc="What is left of the period at the change.",
            sql=f"""
SELECT item_id, changed_at AS begins, period_ends AS ends, period_begins, period_ends, seconds_part, seconds_whole FROM {asked}""",
        ),
        *shares(spans, remaining),
        Relation(
            name=into,
            inputs=(asked, remaining, "term_profile", "run_params"),
            doc="What is given back for the old and charged for the new.",
            sql=f"""
WITH owed AS (
    SELECT asked.item_id, asked.decimals, asked.paid, coalesce(asked.credited, 0) AS credited, asked.same_price, remaining.ratio,
        CASE WHEN asked.old_price IS NULL THEN CAST(0 AS {RAW})
            ELSE part_of(extend(asked.old_quantity, asked.old_price), remaining.ratio) END AS unused,
        CASE WHEN asked.new_price IS NULL THEN CAST(0 AS {RAW})
            ELSE part_of(extend(asked.new_quantity, asked.new_price), remaining.ratio) END AS charge_raw
    FROM {asked} AS asked
    JOIN {remaining} AS remaining ON remaining.item_id = asked.item_id
),
bounded AS (
    SELECT item_id, decimals, rounding, ratio, charge_raw,
        CAST(CASE WHEN credit_cap = 'none' OR paid IS NULL OR same_price THEN greatest(unused, 0)
            ELSE {capped("unused", "paid", "credited")} END AS {RAW}) AS credit_raw
    FROM owed
    CROSS JOIN term_profile AS profile
    CROSS JOIN run_params AS params
),
settled AS (
    SELECT item_id, ratio, credit_raw, charge_raw, settle(credit_raw, decimals, rounding) AS credit,
        settle(charge_raw, decimals, rounding) AS charge
    FROM bounded
)
SELECT item_id, ratio, credit_raw, credit, charge_raw, charge, CAST(charge - credit AS {AMOUNT}) AS net FROM settled""",
        ),
    )
