-- The days of both versions whose periods what was learnt late may correct, if its corrections are due within the grace
-- for issuing or with a later invoice, or a line of the subscription was observed today.
-- inputs: contract_corrections, invoice_lines, term_profile, run_params
-- rows from: contract_corrections
WITH asked AS (
    SELECT DISTINCT line.subscription_id
    FROM invoice_lines AS line
    JOIN run_params AS params ON line.observed_on BETWEEN params.since AND params.day
),
live AS (
    SELECT correction.*
    FROM contract_corrections AS correction
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
    LEFT JOIN asked ON asked.subscription_id = correction.subscription_id
    WHERE asked.subscription_id IS NOT NULL OR profile.changes_due = 'next_invoice'
        OR CAST(correction.known_on + params.issue_after_days + params.issue_grace_days AS DATE) >= params.since
),
sides AS (
    SELECT before_id AS subscription_id, changed_on, known_on FROM live
    UNION ALL
    SELECT after_id AS subscription_id, changed_on, known_on FROM live
)
SELECT DISTINCT
    side.subscription_id,
    CAST(unnest(generate_series(
        greatest(side.changed_on, params.first_day - 400, params.since - params.lookback_days - 400), side.known_on,
        INTERVAL 1 DAY
    )) AS DATE) AS probe
FROM sides AS side
CROSS JOIN run_params AS params
