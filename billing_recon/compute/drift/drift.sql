-- Each metric of today next to the baseline of its own currency, cohort and variant: `drift` is (value - mean) /
-- |mean|. The same against the previous day and the same day of the previous cycle (clamped to the end of the month).
-- The band is the median of the days like today, plus and minus a number of MADs; with too few of them it is empty,
-- which is NO DATA. Medians are figures that occurred (the lower of the two middle ones), so nothing is rounded.
-- inputs: metrics, metric_history, baseline_values, policy_drift, run_params
WITH baseline AS (
    SELECT
        metric, currency, cohort, variant, count(value) AS days, min(value) AS low, max(value) AS high,
        ratio(sum(value), count(value)) AS mean
    FROM baseline_values GROUP BY metric, currency, cohort, variant
),
calendar AS (
    SELECT
        params.day, params.day - 1 AS prior_day, policy.cycle, policy.min_days, policy.mad_factor, policy.min_share,
        CASE WHEN policy.cycle = 'week' THEN params.day - 7 ELSE CAST(params.day - INTERVAL 1 MONTH AS DATE) END
            AS cycle_day,
        params.day = last_day(params.day) AS month_end,
        CASE WHEN policy.cycle = 'week' THEN strftime(params.day, '%A') || 's'
            WHEN params.day = last_day(params.day) THEN 'last days of a month' ELSE 'same days of other months' END
            AS like_days
    FROM run_params AS params CROSS JOIN policy_drift AS policy
),
history AS (
    SELECT
        known.metric, known.currency, known.cohort, known.variant, known.value,
        known.day = calendar.prior_day AS is_prior,
        known.day = calendar.cycle_day AS is_cycle,
        CASE WHEN calendar.cycle = 'week' THEN isodow(known.day) = isodow(calendar.day)
            WHEN calendar.month_end THEN known.day = last_day(known.day) ELSE day(known.day) = day(calendar.day) END
            AS is_like
    FROM metric_history AS known CROSS JOIN calendar
),
medians AS (
    SELECT
        metric, currency, cohort, variant, count(*) FILTER (WHERE is_like) AS days,
        quantile_disc(value, 0.5) FILTER (WHERE is_like) AS middle,
        any_value(value) FILTER (WHERE is_prior) AS prior_value,
        any_value(value) FILTER (WHERE is_cycle) AS cycle_value
    FROM history GROUP BY metric, currency, cohort, variant
),
spreads AS (
    SELECT
        medians.metric, medians.currency, medians.cohort, medians.variant, medians.middle,
        greatest(
            apply_rate(quantile_disc(abs(history.value - medians.middle), 0.5), calendar.mad_factor),
            apply_rate(abs(medians.middle), calendar.min_share)
        ) AS spread
    FROM medians
    CROSS JOIN calendar
    JOIN history
        ON history.is_like AND history.metric = medians.metric
            AND history.currency IS NOT DISTINCT FROM medians.currency AND history.cohort = medians.cohort
            AND history.variant = medians.variant
    WHERE medians.days >= calendar.min_days
    GROUP BY
        medians.metric, medians.currency, medians.cohort, medians.variant, medians.middle, calendar.mad_factor,
        calendar.min_share
)
SELECT
    today.metric, today.currency, today.cohort, today.variant, CAST(today.value AS amount) AS value,
    CAST(baseline.mean AS amount) AS baseline_mean, CAST(baseline.low AS amount) AS baseline_low,
    CAST(baseline.high AS amount) AS baseline_high,
    CAST(ratio(today.value - baseline.mean, abs(baseline.mean)) AS amount) AS drift,
    CAST(coalesce(baseline.days, 0) AS BIGINT) AS days, calendar.prior_day, medians.prior_value,
    CAST(ratio(today.value - medians.prior_value, abs(medians.prior_value)) AS amount) AS prior_drift,
    calendar.cycle_day, medians.cycle_value,
    CAST(ratio(today.value - medians.cycle_value, abs(medians.cycle_value)) AS amount) AS cycle_drift,
    CAST(spreads.middle - spreads.spread AS amount) AS band_low,
    CAST(spreads.middle + spreads.spread AS amount) AS band_high, CAST(spreads.middle AS amount) AS band_median,
    CAST(coalesce(medians.days, 0) AS BIGINT) AS band_days,
    'median of ' || calendar.like_days || ', plus or minus ' || say_quantity(calendar.mad_factor) || ' MAD, at least '
    || say_quantity(apply_rate(calendar.min_share, 100)) || '% of it; from ' || CAST(calendar.min_days AS VARCHAR)
    || ' days on' AS band_method
FROM metrics AS today
CROSS JOIN calendar
LEFT JOIN baseline
    ON baseline.metric = today.metric AND baseline.currency IS NOT DISTINCT FROM today.currency
        AND baseline.cohort = today.cohort AND baseline.variant = today.variant
LEFT JOIN medians
    ON medians.metric = today.metric AND medians.currency IS NOT DISTINCT FROM today.currency
        AND medians.cohort = today.cohort AND medians.variant = today.variant
LEFT JOIN spreads
    ON spreads.metric = today.metric AND spreads.currency IS NOT DISTINCT FROM today.currency
        AND spreads.cohort = today.cohort AND spreads.variant = today.variant
ORDER BY today.metric, today.currency, today.cohort, today.variant
