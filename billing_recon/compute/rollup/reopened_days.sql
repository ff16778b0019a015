-- The usage days before today that today's arrivals re-open, per meter. `late_window` of the usage day: open or closed.
-- inputs: rollup_sums, run_params
SELECT
    changed.usage_day, changed.meter, CAST(params.day AS DATE) AS arrived_on,
    CASE WHEN params.day <= CAST(changed.usage_day + params.late_window_days AS DATE) THEN 'open' ELSE 'closed' END
        AS late_window,
    CAST(sum(changed.reopened_by) AS BIGINT) AS late_events, CAST(sum(changed.taken_out) AS BIGINT) AS taken_out_events,
    CAST(sum(changed.reopened_quantity) AS quantity) AS quantity,
    count(DISTINCT changed.subscription_id) AS subscriptions
FROM rollup_sums AS changed
CROSS JOIN run_params AS params
WHERE changed.usage_day < params.day AND changed.usage_day >= params.first_day
    AND (changed.reopened_by <> 0 OR changed.taken_out <> 0)
GROUP BY changed.usage_day, changed.meter, params.day, params.late_window_days
ORDER BY changed.usage_day, changed.meter
