"""Control totals per pair, currency (or meter), cohort and variant, and the proof that they foot with the breaks."""

from __future__ import annotations

from billing_recon.compute.relation import Relation
from billing_recon.core.schema import CONTROL_TOTALS

_AMOUNT = "DECIMAL(38,12)"

TOTALS = Relation(
    name="control_totals",
    inputs=("assessments", "reported"),
    doc=(
        "Per pair and currency the population assessed on the day (matched and broken; what is pending is counted beside it) and its "
        "breaks (core.schema.CONTROL_TOTALS). Of metered_used per meter: units have no currency, "
        "and those of two meters are never added."
    ),
    sql=f"""
WITH population AS (
    SELECT pair, currency, meter, cohort, variant,
        coalesce(sum(left_count) FILTER (WHERE status <> 'pending'), 0) AS left_count,
        coalesce(sum(right_count) FILTER (WHERE status <> 'pending'), 0) AS right_count,
        coalesce(sum(left_amount) FILTER (WHERE status <> 'pending'), 0) AS left_amount,
        coalesce(sum(right_amount) FILTER (WHERE status <> 'pending'), 0) AS right_amount,
        count(*) FILTER (WHERE status = 'matched') AS matched, count(*) FILTER (WHERE status = 'pending') AS pending,
        coalesce(sum(left_amount) FILTER (WHERE status = 'pending'), 0) AS pending_amount
    FROM assessments GROUP BY pair, currency, meter, cohort, variant
),
differences AS (
    SELECT pair, currency, CASE WHEN currency IS NULL THEN meter END AS meter, cohort, variant, count(*) AS breaks,
        sum(delta) AS break_net, sum(abs(delta)) AS break_gross
    FROM reported GROUP BY pair, currency, CASE WHEN currency IS NULL THEN meter END, cohort, variant
),
beside AS (
    SELECT coalesce(p.pair, d.pair) AS pair, coalesce(p.currency, d.currency) AS currency, coalesce(p.meter, d.meter) AS meter,
        coalesce(p.cohort, d.cohort) AS cohort,
        coalesce(p.variant, d.variant) AS variant, coalesce(p.left_count, 0) AS left_count,
        coalesce(p.right_count, 0) AS right_count, coalesce(p.left_amount, 0) AS left_amount,
        coalesce(p.right_amount, 0) AS right_amount, CAST(coalesce(p.right_amount - p.left_amount, 0) AS {_AMOUNT}) AS delta,
        coalesce(d.breaks, 0) AS breaks, coalesce(d.break_net, 0) AS break_net, coalesce(d.break_gross, 0) AS break_gross,
        coalesce(p.matched, 0) AS matched, coalesce(p.pending, 0) AS pending, coalesce(p.pending_amount, 0) AS pending_amount
    FROM population AS p
    FULL JOIN differences AS d ON d.pair = p.pair AND d.currency IS NOT DISTINCT FROM p.currency AND d.meter IS NOT DISTINCT FROM p.meter
        AND d.cohort = p.cohort AND d.variant = p.variant
)
SELECT {", ".join(f"CAST({c.name} AS {c.sql_type}) AS {c.name}" for c in CONTROL_TOTALS.columns)}
FROM beside ORDER BY pair, currency, meter, cohort, variant""",
)

FOOTING = Relation(
    name="footing",
    inputs=("control_totals",),
    doc="Control totals whose population's difference is not the sum of their breaks. It has no rows, or something was lost.",
    sql="""
SELECT pair, currency, meter, cohort, variant, delta, break_net, CAST(delta - break_net AS DECIMAL(38,12)) AS lost
FROM control_totals WHERE delta <> break_net ORDER BY pair, currency, meter, cohort, variant""",
)

RELATIONS: tuple[Relation, ...] = (TOTALS, FOOTING)
"""Inputs: assessments and reported of compute.reconcile. Results: control_totals, and footing (empty)."""
