-- What arrived after the late window of its usage day, with its own period and the one that adjusts it: the period that
-- holds the last day with a closed window when it arrived. `fate`: in_time (its own period's window was still open),
-- adjusted, no_contract (no interval holds the day), before_first_day (its period was billed before the company's first
-- day) or no_period (the contract has none any more). `wanted`, `is_open`: as of the adjusting period.
-- inputs: usage_rollup, contract_intervals, invoice_lines, term_charges, run_params
-- rows from: usage_rollup WHERE day > usage_day + 1
WITH candidates AS (
    SELECT
        change.subscription_id, change.meter, change.usage_day, change.day AS arrived, change.quantity,
        CAST(change.day - params.late_window_days - 1 AS DATE) AS closed_day
    FROM usage_rollup AS change
    CROSS JOIN run_params AS params
    WHERE change.day > CAST(change.usage_day + 1 + params.late_window_days AS DATE) AND change.day > params.first_day
        AND may_reprice(change.quantity, change.events, change.superseded_events, change.meter IN (
            SELECT charge.meter FROM term_charges AS charge
            WHERE charge.kind = 'usage' AND (charge.by_event OR charge.aggregation = 'count')
        ))
),
own AS (
    SELECT
        candidates.*, period_of(
            term.billing_anchor, term.billing_interval, term.once_start, term.once_end, candidates.usage_day
        ) AS own
    FROM candidates
    JOIN contract_intervals AS term
        ON term.subscription_id = candidates.subscription_id
            AND term.start_day <= candidates.usage_day AND candidates.usage_day <= term.last_day
    QUALIFY row_number() OVER (
            PARTITION BY candidates.subscription_id, candidates.meter, candidates.usage_day, candidates.arrived
            ORDER BY term.start_day DESC, term.end_day DESC
        ) = 1
),
latest AS (
    SELECT
        own.*, term.billing_anchor, term.billing_interval, term.once_start, term.once_end, row_number() OVER (
            PARTITION BY own.subscription_id, own.meter, own.usage_day, own.arrived ORDER BY term.start_day DESC
        ) AS place
    FROM own
    JOIN contract_intervals AS term ON term.subscription_id = own.subscription_id AND term.start_day <= own.closed_day
),
adjusting AS (
    SELECT
        * EXCLUDE (own), own.starts AS own_start, own.ends AS own_end, period.starts AS period_start,
        period.ends AS period_end
    FROM (
        SELECT *, period_of(billing_anchor, billing_interval, once_start, once_end, closed_day) AS period
        FROM latest WHERE place = 1
    ) AS held
),
billed AS (
    SELECT DISTINCT adjusting.subscription_id, adjusting.period_start
    FROM adjusting
    JOIN invoice_lines AS line
        ON line.subscription_id = adjusting.subscription_id
            AND line.period_start >= adjusting.period_start AND line.period_start < adjusting.period_end
    JOIN run_params AS params ON line.observed_on BETWEEN params.since AND params.day
),
placed AS (
    SELECT
        adjusting.*, params.day, params.since, params.issue_grace_days, billed.period_start IS NOT NULL AS has_lines,
        CAST(adjusting.period_end + params.issue_after_days AS DATE) AS due_on,
        CASE
            WHEN adjusting.arrived <= CAST(adjusting.own_end + params.late_window_days AS DATE) THEN 'in_time'
            WHEN CAST(adjusting.own_end + params.issue_after_days AS DATE) < params.first_day THEN 'before_first_day'
            WHEN CAST(adjusting.period_end + params.late_window_days AS DATE) < adjusting.arrived THEN 'no_period'
            ELSE 'adjusted'
        END AS fate
    FROM adjusting
    CROSS JOIN run_params AS params
    LEFT JOIN billed ON billed.subscription_id = adjusting.subscription_id
        AND billed.period_start = adjusting.period_start
)
SELECT
    subscription_id, meter, usage_day, arrived, quantity, own_start, own_end, period_start AS adjusted_start,
    period_end AS adjusted_end, due_on, fate,
    fate = 'adjusted' AND (has_lines OR (due_on <= day AND CAST(due_on + issue_grace_days AS DATE) >= since)) AS wanted,
    fate = 'adjusted' AND period_start <= day AND day < period_end AS is_open
FROM placed
UNION ALL
SELECT
    candidates.subscription_id, candidates.meter, candidates.usage_day, candidates.arrived, candidates.quantity,
    NULL AS own_start, NULL AS own_end, NULL AS adjusted_start, NULL AS adjusted_end, NULL AS due_on,
    'no_contract' AS fate, false AS wanted, false AS is_open
FROM candidates
ANTI JOIN own ON own.subscription_id = candidates.subscription_id AND own.usage_day = candidates.usage_day
