-- Counts and totals of each earlier day of the window, summed from the landed rows as compute.metrics sums today's; and
-- the baseline's values of metrics and days that this does not give. A day without rows has none.
-- inputs: engine_lines, documents, invoice_journals, booked_tied, payments, usage_rollup, baseline_values, run_params
WITH journals AS (
    SELECT currency, known_on, ar FROM invoice_journals
    UNION ALL
    SELECT currency, known_on, billed AS ar FROM booked_tied
),
summed AS (
    SELECT
        line.currency, line.cohort, line.variant, line.observed_on AS day, unnest([
            figure('actual_invoices', count(DISTINCT line.invoice_id)),
            figure('total_billed', sum(line.total)),
            figure('total_tax', sum(line.tax)),
            figure('total_credits', sum(line.credit))
        ]) AS stated
    FROM engine_lines AS line JOIN run_params AS params ON line.observed_on < params.day
    WHERE line.status = 'issued' GROUP BY line.currency, line.cohort, line.variant, line.observed_on
    UNION ALL
    SELECT
        payment.currency, 'all' AS cohort, 'control' AS variant, payment.observed_on AS day, unnest([
            figure('total_paid', coalesce(sum(payment.amount) FILTER (
                WHERE payment.kind = 'payment' AND payment.status = 'succeeded'
            ), 0)),
            figure('total_refunded', coalesce(sum(payment.amount) FILTER (
                WHERE payment.kind <> 'payment' AND payment.status = 'succeeded'
            ), 0))
        ]) AS stated
    FROM payments AS payment JOIN run_params AS params ON payment.observed_on < params.day
    GROUP BY payment.currency, payment.observed_on
    UNION ALL
    SELECT
        document.currency, 'all' AS cohort, 'control' AS variant, document.known_on AS day,
        figure('total_rendered', sum(document.payable)) AS stated
    FROM documents AS document JOIN run_params AS params ON document.known_on < params.day
    GROUP BY document.currency, document.known_on
    UNION ALL
    SELECT
        journal.currency, 'all' AS cohort, 'control' AS variant, journal.known_on AS day,
        figure('total_booked', sum(journal.ar)) AS stated
    FROM journals AS journal JOIN run_params AS params ON journal.known_on < params.day
    GROUP BY journal.currency, journal.known_on
    UNION ALL
    SELECT
        NULL AS currency, 'all' AS cohort, 'control' AS variant, usage.day,
        figure('late_events', sum(usage.late_events)) AS stated
    FROM usage_rollup AS usage JOIN run_params AS params ON usage.day < params.day GROUP BY usage.day
),
landed AS (
    SELECT stated.metric AS metric, currency, cohort, variant, day, stated.numerator AS value FROM summed
)
SELECT metric, currency, cohort, variant, day, value FROM landed
UNION ALL
SELECT known.metric, known.currency, known.cohort, known.variant, known.day, CAST(known.value AS amount) AS value
FROM baseline_values AS known
JOIN run_params AS params ON known.day < params.day
ANTI JOIN landed
    ON landed.metric = known.metric AND landed.currency IS NOT DISTINCT FROM known.currency
        AND landed.cohort = known.cohort AND landed.variant = known.variant AND landed.day = known.day
WHERE known.value IS NOT NULL
