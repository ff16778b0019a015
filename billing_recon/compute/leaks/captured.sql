-- Per month and currency: what our rating expected, what the engine billed less of it and did not recover, and the
-- share that was captured. Overcharges are not set against it.
-- inputs: answered_breaks, control_totals
WITH expected AS (
    SELECT strftime(day, '%Y-%m') AS month, currency, sum(left_amount) AS expected
    FROM control_totals WHERE pair = 'expected_billed' AND currency IS NOT NULL
    GROUP BY strftime(day, '%Y-%m'), currency
),
lost AS (
    SELECT
        month, currency, -sum(delta) AS lost,
        coalesce(-sum(delta) FILTER (WHERE state = 'recovered'), 0) AS recovered
    FROM answered_breaks WHERE pair = 'expected_billed' AND delta < 0 GROUP BY month, currency
)
SELECT
    expected.month, expected.currency, CAST(expected.expected AS amount) AS expected,
    CAST(coalesce(lost.lost, 0) AS amount) AS lost, CAST(coalesce(lost.recovered, 0) AS amount) AS recovered,
    CAST(ratio(expected.expected - coalesce(lost.lost, 0) + coalesce(lost.recovered, 0), expected.expected) AS rate)
        AS capture_rate
FROM expected
LEFT JOIN lost ON lost.month = expected.month AND lost.currency = expected.currency
