"""Today's metrics against the baseline's days: mean, range and relative drift, exactly. What drift is too much is policy."""

from __future__ import annotations

from billing_recon.compute.relation import Relation

DRIFT = Relation(
    name="drift",
    inputs=("metrics", "baseline_values"),
    doc=(
        "Each metric of today beside the baseline of its own currency, cohort and variant. `drift` is (value - mean) / |mean|; "
        "empty, that is NO DATA, where either side has no value or the mean is 0. `days`: baseline days with a value."
    ),
    sql="""
WITH days AS (
    SELECT metric, currency, cohort, variant, count(value) AS days, min(value) AS low, max(value) AS high,
        ratio(sum(value), count(value)) AS mean
    FROM baseline_values GROUP BY metric, currency, cohort, variant
)
SELECT m.metric, m.currency, m.cohort, m.variant, CAST(m.value AS DECIMAL(38,12)) AS value,
    CAST(d.mean AS DECIMAL(38,12)) AS baseline_mean, CAST(d.low AS DECIMAL(38,12)) AS baseline_low,
    CAST(d.high AS DECIMAL(38,12)) AS baseline_high,
    CAST(ratio(m.value - d.mean, abs(d.mean)) AS DECIMAL(38,12)) AS drift, CAST(coalesce(d.days, 0) AS BIGINT) AS days
FROM metrics AS m
LEFT JOIN days AS d ON d.metric = m.metric AND d.currency IS NOT DISTINCT FROM m.currency AND d.cohort = m.cohort
    AND d.variant = m.variant
ORDER BY m.metric, m.currency, m.cohort, m.variant""",
)

RELATIONS: tuple[Relation, ...] = (DRIFT,)
"""Inputs: metrics, baseline_values. Result: drift."""
