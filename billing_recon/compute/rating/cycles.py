"""Billing cycles of a recurring charge aligned to a day of the month: a leading stub, whole cycles, a trailing stub.

The rule is Kill Bill's (BillingIntervalDetail.java, FixedAndRecurringInvoiceItemGenerator.java): cycles begin on the bill-cycle
day, clamped to short months and back; what lies before the first and after the last is a share of the period at that edge.
"""

from __future__ import annotations

from billing_recon.compute.money import RAW
from billing_recon.compute.rating.proration import stubs
from billing_recon.compute.relation import Relation


def aligned(day: str) -> str:
    """SQL for `day` moved within its month to the bill-cycle day, or the month's last; only cycles of months are aligned."""
    return f"""CASE WHEN months = 0 THEN {day}
        ELSE make_date(year({day}), month({day}), least(cycle_day, day(last_day({day})))) END"""


def cycles(asked: str, into: str) -> tuple[Relation, ...]:
    """The parts that are billed up to a target date, ending in `into`.

    `asked`: item_id, begins DATE, stops DATE (empty: it goes on), target DATE (not before it begins), cycle_day INTEGER, months
    and days INTEGER (the length of a cycle; one of them 0), in_advance BOOLEAN. `into`: item_id, part ('leading', 'whole',
    'trailing'), number BIGINT of cycles (whole ones counted together), ratio RAW of each.

    In advance, the cycle that holds the target is billed; in arrears, those that ended by it. Nothing is billed for less than a
    day. A charge that stops by its first edge is one stub, of the period before the day it stops.
    """
    edges, parts, keyed, shared = f"{into}_edges", f"{into}_stubs", f"{into}_keyed", f"{into}_shared"
    return (
        Relation(
            name=edges,
            inputs=(asked,),
            doc="The first edge and the last, how many cycles lie between, and up to when is billed.",
            sql=f"""
WITH firsts AS (
    SELECT item_id, begins, stops, target, cycle_day, months, days, in_advance, greatest(months, days) AS step,
        CASE WHEN months = 0 THEN begins WHEN {aligned("begins")} >= begins THEN {aligned("begins")}
            ELSE {aligned("CAST(date_trunc('month', begins) + to_months(months) AS DATE)")} END AS first
    FROM {asked}
),
reached AS (
    SELECT item_id, begins, stops, target, cycle_day, months, days, in_advance, step, first, {_by("target")} AS by_target
    FROM firsts
),
ending AS (
    SELECT item_id, begins, stops, cycle_day, months, days, step, first,
        CASE WHEN in_advance THEN CASE
            WHEN target >= stops THEN stops
            WHEN target < first THEN first
            ELSE least(coalesce(stops, DATE '9999-12-31'), {_edge("by_target + step")}) END
        ELSE CASE
            WHEN target = stops THEN target
            WHEN target < first THEN NULL
            WHEN stops < first OR stops <= target THEN stops
            ELSE {_edge("by_target")} END END AS billed_to
    FROM reached
),
spanned AS (
    SELECT item_id, begins, stops, cycle_day, months, days, step, first, billed_to,
        CASE WHEN billed_to >= first THEN {_by("billed_to")} ELSE 0 END AS spans
    FROM ending
)
SELECT item_id, begins, stops, months, days, first, billed_to, full_packages_of(spans, step) AS cycles,
    CAST({_edge("spans")} AS DATE) AS last, billed_to IS NOT NULL AND (stops IS NULL OR stops > begins) AS bills
FROM spanned""",
        ),
        Relation(
            name=parts,
            inputs=(edges,),
            kept=False,
            doc="The stubs at either end.",
            sql=f"""
SELECT item_id, 'leading' AS part, true AS ahead, months, days, begins AS other,
    CASE WHEN stops <= first THEN stops ELSE first END AS edge
FROM {edges} WHERE bills AND (stops <= first OR first > begins)
UNION ALL
SELECT item_id, 'trailing' AS part, false AS ahead, months, days, billed_to AS other, last AS edge
FROM {edges} WHERE bills AND (stops IS NULL OR stops > first) AND billed_to > last""",
        ),
        Relation(
            name=keyed,
            inputs=(parts,),
            kept=False,
            doc="Stubs by a key of their own.",
            sql=f"SELECT struct_pack(item_id := item_id, part := part) AS item_id, ahead, months, days, other, edge FROM {parts}",
        ),
        *stubs(keyed, shared),
        Relation(
            name=into,
            inputs=(edges, shared),
            doc="Leading stub, whole cycles and trailing stub of each item.",
            sql=f"""
SELECT item_id.item_id AS item_id, item_id.part AS part, CAST(1 AS BIGINT) AS number, ratio
FROM {shared} WHERE ratio > 0
UNION ALL
SELECT item_id, 'whole' AS part, CAST(cycles AS BIGINT) AS number, CAST(1 AS {RAW}) AS ratio
FROM {edges} WHERE bills AND cycles > 0 AND (stops IS NULL OR stops > first)""",
        ),
    )


def _edge(offset: str) -> str:
    """SQL for the edge so many months (or days) after the first, aligned so that short months do not pull later ones back."""
    months, days = (f"CAST(CASE WHEN months {sign} 0 THEN 0 ELSE {offset} END AS INTEGER)" for sign in ("=", ">"))
    return aligned(f"CAST(first + to_months({months}) + to_days({days}) AS DATE)")


def _by(day: str) -> str:
    """SQL for the months (or days) from the first edge to the last edge on or before a day: a multiple of the cycle."""
    apart = f"(CASE WHEN months = 0 THEN {day} - first ELSE datediff('month', first, {day}) END)"
    whole = f"({apart} - {apart} % step)"
    return f"CASE WHEN {_edge(whole)} > {day} THEN {whole} - step ELSE {whole} END"
