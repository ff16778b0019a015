-- Days in periods whose charges in advance the day is about: `ahead`, something of it is due within the grace for
-- issuing, or the period is over and due itself; `ahead_line`, a line observed today bills it (`invoice_id` and
-- `line_id` where that line is itself a charge in advance) or ends where it begins.
-- inputs: contract_intervals, contract_versions, invoice_lines, term_charges, run_params
-- rows from: term_charges WHERE kind = 'subscription' AND due = 'in_advance'
WITH holders AS (
    SELECT DISTINCT term.subscription_id, term.plan_id, coalesce(charge.meter, '') AS meter_key
    FROM contract_intervals AS term
    JOIN term_charges AS charge ON charge.plan_id = term.plan_id AND charge.plan_version = term.plan_version
        AND charge.currency = term.currency AND charge.kind = 'subscription' AND charge.due = 'in_advance'
),
asked AS (
    SELECT DISTINCT
        coalesce(version.version_id, line.subscription_id) AS subscription_id, line.invoice_id, line.line_id,
        line.period_start, line.period_end,
        ahead.plan_id IS NOT NULL AS is_ahead
    FROM invoice_lines AS line
    JOIN run_params AS params ON line.observed_on BETWEEN params.since AND params.day
    LEFT JOIN contract_versions AS version ON version.subscription_id = line.subscription_id
    SEMI JOIN holders ON holders.subscription_id = coalesce(version.version_id, line.subscription_id)
    LEFT JOIN holders AS ahead
        ON ahead.subscription_id = coalesce(version.version_id, line.subscription_id) AND line.kind IN (
                'subscription', 'proration'
            )
            AND ahead.meter_key = coalesce(line.meter, '') AND ahead.plan_id = coalesce(line.plan_id, ahead.plan_id)
),
due_days AS (
    SELECT CAST(day - issue_after_days - late AS DATE) AS probe
    FROM (
        SELECT
            day, issue_after_days,
            CAST(unnest(generate_series(0, CAST(day - since AS INTEGER) + issue_grace_days + 1)) AS INTEGER) AS late
        FROM run_params
    ) AS counted
)
SELECT holder.subscription_id, due_days.probe, 'ahead' AS why, NULL AS invoice_id, NULL AS line_id
FROM (SELECT DISTINCT subscription_id FROM holders) AS holder
CROSS JOIN due_days
UNION ALL
SELECT
    subscription_id, period_start AS probe, 'ahead_line' AS why, CASE WHEN is_ahead THEN invoice_id END AS invoice_id,
    CASE WHEN is_ahead THEN line_id END AS line_id
FROM asked
UNION ALL
SELECT subscription_id, period_end AS probe, 'ahead_line' AS why, NULL AS invoice_id, NULL AS line_id
FROM asked WHERE NOT is_ahead
