-- Why the quantity of a usage line differs. `closed_before`: the line charges what was known at the end of an earlier
-- day, and all that arrived since was late (the earliest day of what is missing). `is_uncorrected`: it charges what
-- would be used without the corrections, of all days (`is_whole`) or of one, or counts both a correction and what it
-- corrects. Only for units that are sums; for others the expected line itself states it.
-- inputs: differing_lines, usage_rollup, term_charges, run_params
-- rows from: differing_lines WHERE kind = 'usage' AND billed_quantity <> expected_quantity
WITH arrived AS (
    SELECT
        line.item, line.billed_quantity, line.expected_quantity, usage.usage_day, usage.day,
        sum(usage.quantity) AS quantity, sum(usage.late_quantity) AS late, sum(usage.corrected_quantity) AS corrected,
        sum(usage.superseded_quantity) AS superseded
    FROM differing_lines AS line
    CROSS JOIN run_params AS run
    JOIN usage_rollup AS usage
        ON usage.subscription_id = line.sub AND usage.meter = line.meter
            AND usage.usage_day >= line.period_start
            AND usage.usage_day < line.period_end
            AND usage.day <= CAST(line.period_end + run.late_window_days AS DATE)
    ANTI JOIN term_charges AS charge
        ON charge.plan_id = line.expected_plan
            AND charge.plan_version = line.expected_version
            AND charge.currency = line.expected_currency AND charge.charge_id = line.charge_id
            AND charge.aggregation NOT IN ('sum', 'count')
    WHERE line.kind = 'usage' AND line.billed_quantity <> line.expected_quantity
    GROUP BY line.item, line.billed_quantity, line.expected_quantity, usage.usage_day, usage.day
),
by_usage_day AS (
    SELECT
        item, billed_quantity - expected_quantity AS off, sum(corrected) AS corrected, sum(superseded) AS superseded
    FROM arrived
    GROUP BY item, usage_day, billed_quantity, expected_quantity
),
uncorrected AS (
    SELECT item, sum(corrected) = -off OR sum(superseded) = off AS is_whole
    FROM by_usage_day
    WHERE superseded <> 0
    GROUP BY item, off
    HAVING sum(corrected) = -off OR sum(superseded) = off OR bool_or(corrected = -off) OR bool_or(superseded = off)
),
since AS (
    SELECT
        item, billed_quantity, expected_quantity, day, sum(sum(quantity)) OVER later AS quantity,
        sum(sum(late)) OVER later AS late
    FROM arrived
    GROUP BY item, billed_quantity, expected_quantity, day
    WINDOW later AS (PARTITION BY item ORDER BY day DESC)
),
closed AS (
    SELECT item, min(day) AS closed_before
    FROM since
    WHERE quantity = late AND quantity = expected_quantity - billed_quantity AND quantity > 0
    GROUP BY item
)
SELECT
    coalesce(closed.item, uncorrected.item) AS item, closed.closed_before,
    uncorrected.item IS NOT NULL AS is_uncorrected, coalesce(uncorrected.is_whole, false) AS is_whole
FROM closed
FULL JOIN uncorrected ON uncorrected.item = closed.item
