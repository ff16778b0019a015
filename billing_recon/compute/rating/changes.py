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
SELECT c.item_id, c.ratio, c.credit_raw, settle(c.credit_raw, c.decimals, c.rounding) AS credit, c.charge_raw,
    settle(c.charge_raw, c.decimals, c.rounding) AS charge,
    CAST(settle(c.charge_raw, c.decimals, c.rounding) - settle(c.credit_raw, c.decimals, c.rounding) AS {AMOUNT}) AS net
FROM (
    SELECT o.item_id, o.decimals, r.rounding, o.ratio, o.charge_raw,
        CAST(CASE WHEN p.credit_cap = 'none' OR o.paid IS NULL OR o.same_price THEN greatest(o.unused, 0)
            ELSE {capped("o.unused", "o.paid", "coalesce(o.credited, 0)")} END AS {RAW}) AS credit_raw
    FROM (
        SELECT a.item_id, a.decimals, a.paid, a.credited, a.same_price, s.ratio,
            CASE WHEN a.old_price IS NULL THEN CAST(0 AS {RAW})
                ELSE part_of(extend(a.old_quantity, a.old_price), s.ratio) END AS unused,
            CASE WHEN a.new_price IS NULL THEN CAST(0 AS {RAW})
                ELSE part_of(extend(a.new_quantity, a.new_price), s.ratio) END AS charge_raw
        FROM {asked} AS a
        JOIN {remaining} AS s ON s.item_id = a.item_id
    ) AS o
    CROSS JOIN term_profile AS p
    CROSS JOIN run_params AS r
) AS c""",
        ),
    )
