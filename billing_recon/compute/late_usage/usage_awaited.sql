-- Periods that the day decides about while their late window is open: usage of days up to today that arrives by `until`
-- re-opens the day.
-- inputs: contract_periods, run_params
SELECT
    period.subscription_id, period.period_end,
    CAST(least(period.period_end, params.day) + params.late_window_days AS DATE) AS until
FROM contract_periods AS period
CROSS JOIN run_params AS params
WHERE period.wanted AND CAST(period.period_end + params.late_window_days AS DATE) > params.day
