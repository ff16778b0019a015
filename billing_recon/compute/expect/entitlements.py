"""How far the included units of an open period are used: a signal on the day on which 50, 90 or 100 percent of them are."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY
from billing_recon.compute.relation import Relation

ENTITLEMENTS = Relation(
    name="entitlement_signals",
    inputs=("charge_items", "usage_rollup", "run_params"),
    rows_from=("charge_items WHERE is_open AND included > 0",),
    doc=(
        "One row a charge and threshold of its included units (free units, a free first tier, the contract's allowance) that "
        "what arrived on the day reaches; none on any other day, so that each is told once a run."
    ),
    sql=f"""
WITH used AS (
    SELECT i.subscription_id, i.customer_id, i.charge_id, i.meter, i.period_start, i.period_end, i.included, i.quantity AS used,
        coalesce(sum(CASE i.aggregation WHEN 'count' THEN u.events ELSE u.quantity END), 0) AS today
    FROM charge_items AS i
    CROSS JOIN run_params AS p
    LEFT JOIN usage_rollup AS u ON u.subscription_id = i.subscription_id AND u.meter = i.meter AND u.day = p.day
        AND u.usage_day >= i.run_start AND u.usage_day < i.run_end
    WHERE i.is_open AND i.included > 0
    GROUP BY i.subscription_id, i.customer_id, i.charge_id, i.meter, i.period_start, i.period_end, i.included, i.quantity
),
thresholds AS (
    SELECT subscription_id, customer_id, charge_id, meter, period_start, period_end, included, used, used - today AS before,
        unnest([struct_pack(percent := 50, rate := 0.5), struct_pack(percent := 90, rate := 0.9),
            struct_pack(percent := 100, rate := 1.0)]) AS reached
    FROM used
)
SELECT subscription_id, customer_id, charge_id, meter, period_start, period_end, CAST(reached.percent AS BIGINT) AS percent,
    CAST(included AS {QUANTITY}) AS included, CAST(used AS {QUANTITY}) AS used,
    subscription_id || ' has used ' || group_thousands(say_quantity(used)) || ' of the '
        || group_thousands(say_quantity(included)) || ' ' || replace(meter, '_', ' ') || ' included from '
        || CAST(period_start AS VARCHAR) || ': ' || CAST(reached.percent AS VARCHAR) || '% are reached.' AS sentence
FROM thresholds
WHERE used >= apply_rate(included, reached.rate) AND before < apply_rate(included, reached.rate)""",
)
