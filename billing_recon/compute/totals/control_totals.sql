-- Per pair and currency the population assessed on the day (matched and broken; pending items are counted separately)
-- and its breaks (core.schema.CONTROL_TOTALS). For metered_used per meter: units have no currency, and those of two
-- meters are never added.
-- inputs: assessments, reported
WITH population AS (
    SELECT
        pair, currency, meter, cohort, variant,
        coalesce(sum(left_count) FILTER (WHERE status <> 'pending'), 0) AS left_count,
        coalesce(sum(right_count) FILTER (WHERE status <> 'pending'), 0) AS right_count,
        coalesce(sum(left_amount) FILTER (WHERE status <> 'pending'), 0) AS left_amount,
        coalesce(sum(right_amount) FILTER (WHERE status <> 'pending'), 0) AS right_amount,
        count(*) FILTER (WHERE status = 'matched') AS matched, count(*) FILTER (WHERE status = 'pending') AS pending,
        coalesce(sum(left_amount) FILTER (WHERE status = 'pending'), 0) AS pending_amount
    FROM assessments GROUP BY pair, currency, meter, cohort, variant
),
differences AS (
    SELECT
        pair, currency, CASE WHEN currency IS NULL THEN meter END AS meter, cohort, variant, count(*) AS breaks,
        sum(delta) AS net, sum(abs(delta)) AS gross
    FROM reported GROUP BY pair, currency, CASE WHEN currency IS NULL THEN meter END, cohort, variant
)
SELECT
    coalesce(population.pair, broken.pair) AS pair, coalesce(population.currency, broken.currency) AS currency,
    coalesce(population.meter, broken.meter) AS meter, coalesce(population.cohort, broken.cohort) AS cohort,
    coalesce(population.variant, broken.variant) AS variant,
    CAST(coalesce(population.left_count, 0) AS BIGINT) AS left_count,
    CAST(coalesce(population.right_count, 0) AS BIGINT) AS right_count,
    CAST(coalesce(population.left_amount, 0) AS amount) AS left_amount,
    CAST(coalesce(population.right_amount, 0) AS amount) AS right_amount,
    CAST(coalesce(population.right_amount - population.left_amount, 0) AS amount) AS delta,
    CAST(coalesce(broken.breaks, 0) AS BIGINT) AS breaks, CAST(coalesce(broken.net, 0) AS amount) AS break_net,
    CAST(coalesce(broken.gross, 0) AS amount) AS break_gross,
    CAST(coalesce(population.matched, 0) AS BIGINT) AS matched,
    CAST(coalesce(population.pending, 0) AS BIGINT) AS pending,
    CAST(coalesce(population.pending_amount, 0) AS amount) AS pending_amount
FROM population
FULL JOIN differences AS broken
    ON broken.pair = population.pair
        AND broken.currency IS NOT DISTINCT FROM population.currency
        AND broken.meter IS NOT DISTINCT FROM population.meter AND broken.cohort = population.cohort
        AND broken.variant = population.variant
ORDER BY pair, currency, meter, cohort, variant
