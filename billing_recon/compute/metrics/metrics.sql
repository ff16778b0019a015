-- Every metric of the day, per currency, cohort and variant where that has meaning (core.schema.METRICS). Totals are of
-- what was observed on the day; metering lags are days from use to arrival (0 if a customer's day is ahead of the
-- company's); time_to_close is the number of days from the end of the previous month to its close.
-- To add a metric: its name in `names`, and one entry where its source is: figure(name, value) or
-- rate_of(name, numerator, denominator). A name without an entry's row has an empty value: NO DATA, never zero.
-- inputs: assessments, booked_tied, documents, engine_invoices, engine_lines, expected_lines, invoice_journals,
-- invoice_money, landing_reports, last_close, payments, quarantine, reported, run_params, signals, unbilled_usage,
-- usage_rollup
WITH names AS (
    SELECT unnest([
        'expected_invoices', 'actual_invoices', 'total_billed', 'total_rendered', 'total_booked', 'total_paid',
        'total_refunded', 'total_tax', 'total_credits', 'unbilled_usage', 'outstanding_ar', 'capture_rate',
        'metering_lag_p50', 'metering_lag_p95', 'invoice_error_rate', 'mismatch_rate', 'money_at_risk_gross',
        'net_delta', 'max_account_drift', 'duplicate_invoice_rate', 'invoice_generation_success_rate',
        'payment_capture_rate', 'failed_webhooks', 'tickets', 'late_events', 'quarantined_rows', 'quarantined_money',
        'time_to_close'
    ]) AS metric
),
due_lines AS (
    SELECT line.subscription_id, line.due_on, line.currency
    FROM expected_lines AS line JOIN run_params AS params ON params.day = line.due_on
),
reported_invoices AS (
    SELECT
        invoice_id, bool_or(pair = 'expected_billed' AND disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')) AS wrong,
        bool_or(code = 'INVOICE_DUPLICATE') AS duplicate
    FROM reported WHERE invoice_id IS NOT NULL GROUP BY invoice_id
),
new_lines AS (
    SELECT
        line.invoice_id, line.total, line.tax, line.credit, line.currency, line.cohort, line.variant, found.wrong,
        found.duplicate
    FROM engine_lines AS line
    JOIN run_params AS params ON params.day = line.observed_on
    LEFT JOIN reported_invoices AS found ON found.invoice_id = line.invoice_id
    WHERE line.status = 'issued'
),
new_documents AS (
    SELECT document.currency, document.payable
    FROM documents AS document JOIN run_params AS params ON params.day = document.known_on
),
new_journals AS (
    SELECT journal.currency, journal.ar
    FROM invoice_journals AS journal JOIN run_params AS params ON params.day = journal.known_on
    UNION ALL
    SELECT tied.currency, tied.billed AS ar
    FROM booked_tied AS tied JOIN run_params AS params ON params.day = tied.known_on
),
new_payments AS (
    SELECT payment.currency, payment.kind, payment.amount, payment.status = 'succeeded' AS succeeded
    FROM payments AS payment JOIN run_params AS params ON params.day = payment.observed_on
),
receivables AS (
    SELECT
        invoice.currency, cohort_of(invoice.cohort) AS cohort, engine_of(invoice.cohort) AS variant,
        invoice.total - coalesce(money.paid, 0) AS due
    FROM engine_invoices AS invoice
    LEFT JOIN invoice_money AS money ON money.invoice_id = invoice.invoice_id AND money.currency = invoice.currency
    WHERE invoice.state = 'issued'
),
assessed AS (
    SELECT currency, cohort, variant, status, pair, customer_id, left_count, left_amount, right_amount
    FROM assessments WHERE status <> 'pending'
),
risks AS (
    SELECT currency, cohort, variant, abs(delta) AS gross, delta AS net FROM reported
    WHERE currency IS NOT NULL AND disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
    UNION ALL
    SELECT DISTINCT currency, cohort, variant, CAST(0 AS amount) AS gross, CAST(0 AS amount) AS net
    FROM assessed WHERE currency IS NOT NULL
),
accounts AS (
    SELECT currency, cohort, variant, sum(left_amount) AS left_amount, sum(right_amount) AS right_amount
    FROM assessed WHERE pair = 'expected_billed' AND customer_id IS NOT NULL
    GROUP BY currency, cohort, variant, customer_id
),
arrivals AS (
    SELECT usage.events, usage.late_events, greatest(params.day - usage.usage_day, 0) AS lag
    FROM usage_rollup AS usage JOIN run_params AS params ON params.day = usage.day
),
lag_days AS (SELECT lag, sum(events) AS events FROM arrivals WHERE events > 0 GROUP BY lag),
lags AS (SELECT lag, sum(events) OVER (ORDER BY lag) AS upto, sum(events) OVER () AS events FROM lag_days),
quarantined AS (
    SELECT held.currency, held.money_at_risk
    FROM quarantine AS held JOIN run_params AS params ON params.day = held.day
    WHERE held.money_at_risk IS NOT NULL AND held.decision IS NULL
),
new_signals AS (
    SELECT
        signal.kind, lower(signal.status) IN (
            'success', 'succeeded', 'ok', 'completed', 'complete', 'generated', 'sent', 'delivered'
        ) AS good
    FROM signals AS signal JOIN run_params AS params ON params.day = signal.observed_on
),
figures AS (
    SELECT
        currency, 'all' AS cohort, 'control' AS variant, unnest([
            figure('expected_invoices', count(DISTINCT concat_ws('|', subscription_id, CAST(due_on AS VARCHAR))))
        ]) AS stated
    FROM due_lines GROUP BY currency
    UNION ALL
    SELECT
        currency, cohort, variant, unnest([
            figure('actual_invoices', count(DISTINCT invoice_id)), figure('total_billed', sum(total)),
            figure('total_tax', sum(tax)), figure('total_credits', sum(credit)),
            rate_of('invoice_error_rate', count(DISTINCT invoice_id) FILTER (WHERE wrong), count(DISTINCT invoice_id)),
            rate_of(
                'duplicate_invoice_rate', count(DISTINCT invoice_id) FILTER (WHERE duplicate),
                count(DISTINCT invoice_id)
            )
        ]) AS stated
    FROM new_lines GROUP BY currency, cohort, variant
    UNION ALL
    SELECT currency, 'all' AS cohort, 'control' AS variant, figure('total_rendered', sum(payable)) AS stated
    FROM new_documents GROUP BY currency
    UNION ALL
    SELECT currency, 'all' AS cohort, 'control' AS variant, figure('total_booked', sum(ar)) AS stated
    FROM new_journals GROUP BY currency
    UNION ALL
    SELECT
        currency, 'all' AS cohort, 'control' AS variant, unnest([
            figure('total_paid', coalesce(sum(amount) FILTER (WHERE kind = 'payment' AND succeeded), 0)),
            figure('total_refunded', coalesce(sum(amount) FILTER (WHERE kind <> 'payment' AND succeeded), 0))
        ]) AS stated
    FROM new_payments GROUP BY currency
    UNION ALL
    SELECT
        currency, 'all' AS cohort, 'control' AS variant,
        rate_of('payment_capture_rate', coalesce(sum(amount) FILTER (WHERE succeeded), 0), sum(amount)) AS stated
    FROM new_payments WHERE kind = 'payment' GROUP BY currency
    UNION ALL
    SELECT currency, 'all' AS cohort, 'control' AS variant, figure('unbilled_usage', sum(amount)) AS stated
    FROM unbilled_usage GROUP BY currency
    UNION ALL
    SELECT currency, cohort, variant, figure('outstanding_ar', sum(due)) AS stated
    FROM receivables GROUP BY currency, cohort, variant
    UNION ALL
    SELECT currency, cohort, variant, rate_of('capture_rate', sum(right_amount), sum(left_amount)) AS stated
    FROM assessed WHERE currency IS NOT NULL AND pair = 'expected_billed' AND left_count > 0
    GROUP BY currency, cohort, variant
    UNION ALL
    SELECT
        currency, cohort, variant,
        rate_of('mismatch_rate', count(*) FILTER (WHERE status = 'break'), count(*)) AS stated
    FROM assessed WHERE currency IS NOT NULL GROUP BY currency, cohort, variant
    UNION ALL
    SELECT
        currency, cohort, variant, unnest([
            figure('money_at_risk_gross', sum(gross)),
            figure('net_delta', sum(net))
        ]) AS stated
    FROM risks GROUP BY currency, cohort, variant
    UNION ALL
    SELECT
        currency, cohort, variant,
        figure('max_account_drift', max(ratio(abs(right_amount - left_amount), abs(left_amount)))) AS stated
    FROM accounts WHERE left_amount <> 0 GROUP BY currency, cohort, variant
    UNION ALL
    SELECT NULL AS currency, 'all' AS cohort, 'control' AS variant, figure('late_events', sum(late_events)) AS stated
    FROM arrivals HAVING count(*) > 0
    UNION ALL
    SELECT
        NULL AS currency, 'all' AS cohort, 'control' AS variant, unnest([
            figure('metering_lag_p50', min(lag) FILTER (WHERE upto + upto >= events)),
            figure('metering_lag_p95', min(lag) FILTER (WHERE apply_rate(events, 0.95) <= upto))
        ]) AS stated
    FROM lags HAVING count(*) > 0
    UNION ALL
    SELECT
        NULL AS currency, 'all' AS cohort, 'control' AS variant,
        figure('quarantined_rows', sum(quarantined)) AS stated
    FROM landing_reports HAVING count(*) > 0
    UNION ALL
    SELECT currency, 'all' AS cohort, 'control' AS variant, figure('quarantined_money', sum(money_at_risk)) AS stated
    FROM quarantined GROUP BY currency
    UNION ALL
    SELECT NULL AS currency, 'all' AS cohort, 'control' AS variant, figure('quarantined_money', 0) AS stated
    FROM landing_reports HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM quarantined)
    UNION ALL
    SELECT
        NULL AS currency, 'all' AS cohort, 'control' AS variant,
        rate_of('invoice_generation_success_rate', count(*) FILTER (WHERE good), count(*)) AS stated
    FROM new_signals WHERE kind = 'invoice_generation' HAVING count(*) > 0
    UNION ALL
    SELECT
        NULL AS currency, 'all' AS cohort, 'control' AS variant, unnest([
            figure('failed_webhooks', count(*) FILTER (WHERE kind = 'webhook' AND NOT good)),
            figure('tickets', count(*) FILTER (WHERE kind = 'ticket'))
        ]) AS stated
    FROM new_signals HAVING count(*) > 0
    UNION ALL
    SELECT NULL AS currency, 'all' AS cohort, 'control' AS variant, figure('time_to_close', min(days)) AS stated
    FROM last_close HAVING count(*) > 0
)
SELECT
    names.metric, CAST(found.currency AS VARCHAR) AS currency, coalesce(found.cohort, 'all') AS cohort,
    coalesce(found.variant, 'control') AS variant, found.stated.numerator AS numerator,
    found.stated.denominator AS denominator,
    CAST(CASE WHEN found.stated.is_rate THEN ratio(found.stated.numerator, found.stated.denominator)
        ELSE found.stated.numerator
    END AS amount) AS value
FROM names LEFT JOIN figures AS found ON found.stated.metric = names.metric
ORDER BY names.metric, currency, cohort, variant
