-- How final each usage day is, per meter, as of the day: what was known at its own end, what arrived within the late
-- window and after it, and when the last arrived; `final` once its window is over. Units of two meters are never added.
-- inputs: usage_rollup, run_params
SELECT
    usage.usage_day, usage.meter, CAST(sum(usage.quantity) AS quantity) AS quantity,
    CAST(coalesce(sum(usage.quantity) FILTER (WHERE usage.day <= usage.usage_day), 0) AS quantity) AS on_the_day,
    CAST(coalesce(sum(usage.quantity) FILTER (
        WHERE usage.day > usage.usage_day AND usage.day <= CAST(usage.usage_day + params.late_window_days AS DATE)
    ), 0) AS quantity) AS within_window,
    CAST(coalesce(sum(usage.quantity) FILTER (
        WHERE usage.day > CAST(usage.usage_day + params.late_window_days AS DATE)
    ), 0) AS quantity) AS after_window,
    CAST(sum(usage.late_events) AS BIGINT) AS late_events, max(usage.day) AS last_arrival,
    CAST(usage.usage_day + params.late_window_days AS DATE) AS window_ends,
    params.day >= CAST(usage.usage_day + params.late_window_days AS DATE) AS final
FROM usage_rollup AS usage
CROSS JOIN run_params AS params
WHERE usage.day <= params.day
GROUP BY usage.usage_day, usage.meter, params.day, params.late_window_days
ORDER BY usage.usage_day, usage.meter
