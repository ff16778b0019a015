-- How invoices were collected, one row per invoice and currency, unless the first attempt succeeded and there was
-- nothing else: the first attempt, whether it failed, when a retry recovered it, and what is left. A retry recovers
-- within the cycle (`cycle_days` from the first attempt); until it is over an invoice that failed is `in_cycle`,
-- afterwards what was not recovered is `left`. Faults against the invoice's status and the schedule: an attempt after
-- the invoice was paid or void, two attempts of one number, one on a day that the schedule does not name, one that it
-- names and that was not made. `fault_on`: the day of the last attempt, or of the first that was not made, whichever is
-- later. Customers are held to the schedule, and the cohort to its faults, from their own exposure on.
-- inputs: stage_payments, stage_invoices, engine_lines, stage_params
WITH voided AS (
    SELECT line.invoice_id, min(line.observed_on) AS void_on
    FROM engine_lines AS line
    ANTI JOIN stage_invoices AS bill ON bill.invoice_id = line.invoice_id
    WHERE line.status = 'void' GROUP BY line.invoice_id
),
looked_at AS (
    SELECT hash(invoice_id) AS key
    FROM stage_payments
    WHERE kind = 'payment' AND invoice_id IS NOT NULL AND arm IS NOT NULL
    GROUP BY hash(invoice_id) HAVING count(*) > 1 OR bool_or(status <> 'succeeded' OR attempt > 1)
    UNION ALL
    SELECT hash(invoice_id) AS key FROM voided
),
asked AS (
    SELECT
        payment.invoice_id, payment.currency, min(payment.customer_id) AS customer_id, min(payment.arm) AS arm,
        arg_min(payment.since, payment.customer_id) AS since,
        min(payment.day) AS first_day, min(payment.processed_at) AS first_at, count(*) AS attempts,
        count(DISTINCT payment.attempt) AS numbers, count(*) FILTER (WHERE payment.status = 'failed') AS failed,
        arg_min(payment.status, payment.processed_at) AS first_status,
        arg_min(payment.amount, payment.processed_at) AS amount,
        min(payment.processed_at) FILTER (WHERE payment.status = 'succeeded') AS paid_at,
        min(payment.day) FILTER (WHERE payment.status = 'succeeded') AS paid_on,
        max(payment.processed_at) AS last_at, max(payment.day) AS last_day,
        list(payment.day ORDER BY payment.day) FILTER (WHERE payment.attempt > 1) AS retried_on
    FROM stage_payments AS payment
    SEMI JOIN looked_at ON looked_at.key = hash(payment.invoice_id)
    WHERE payment.kind = 'payment' AND payment.invoice_id IS NOT NULL AND payment.arm IS NOT NULL
    GROUP BY payment.invoice_id, payment.currency
),
billed AS (SELECT invoice_id, currency, total FROM stage_invoices),
timed AS (
    SELECT
        asked.*, billed.total, voided.void_on, coalesce(asked.since, params.exposed_since) AS exposed_since,
        params.day AS as_of, params.cycle_days, params.since AS stage_since, params.before_first, params.before_last,
        [asked.first_day + CAST(after AS INTEGER) FOR after IN params.retry_days] AS planned,
        CASE
            WHEN asked.first_day BETWEEN params.since AND params.day THEN 'stage'
            WHEN asked.first_day BETWEEN params.before_first AND params.before_last THEN 'before'
        END AS phase,
        asked.arm = 'cohort' AND asked.first_day >= coalesce(asked.since, params.exposed_since) AS by_schedule
    FROM asked
    CROSS JOIN stage_params AS params
    LEFT JOIN billed ON billed.invoice_id = asked.invoice_id AND billed.currency = asked.currency
    LEFT JOIN voided ON voided.invoice_id = asked.invoice_id
),
held AS (
    SELECT
        *,
        CASE WHEN by_schedule AND first_status = 'failed' AND void_on IS NULL
                THEN list_min(list_filter(
                        planned,
                        LAMBDA one: one < as_of AND one <= coalesce(paid_on, as_of)
                        AND NOT list_contains(coalesce(retried_on, []), one)
                    ))
        END AS left_out
    FROM timed
),
judged AS (
    SELECT
        *,
        list_filter([
            CASE WHEN last_at > paid_at AND amount >= coalesce(total, amount) THEN 'asked after it was paid' END,
            CASE WHEN void_on < CAST(last_at AS DATE) THEN 'asked after it was void' END,
            CASE WHEN numbers < attempts THEN 'two attempts of one number' END,
            CASE WHEN by_schedule AND len(planned) > 0
                    AND len(list_filter(retried_on, LAMBDA one: NOT list_contains(planned, one))) > 0
                    THEN 'retried on a day that the schedule does not name'
            END,
            CASE WHEN left_out IS NOT NULL THEN 'not retried on a day that the schedule names' END
        ], LAMBDA one: one IS NOT NULL) AS faults,
        greatest(last_day, coalesce(left_out, last_day)) AS fault_on
    FROM held
)
SELECT
    invoice_id, currency, customer_id, arm, phase, first_day, attempts, failed, amount, paid_on,
    first_status = 'failed' AS missed,
    CASE
        WHEN first_status <> 'failed' THEN 'collected'
        WHEN paid_on <= first_day + cycle_days THEN 'recovered'
        WHEN void_on IS NOT NULL THEN 'void'
        WHEN as_of <= first_day + cycle_days THEN 'in_cycle'
        ELSE 'left'
    END AS outcome,
    faults, CASE WHEN len(faults) > 0 THEN fault_on END AS fault_on,
    CASE
        WHEN len(faults) = 0 THEN NULL
        WHEN fault_on BETWEEN stage_since AND as_of
            THEN CASE WHEN arm = 'control' OR fault_on >= exposed_since THEN 'stage' END
        WHEN fault_on BETWEEN before_first AND before_last THEN 'before'
    END AS fault_phase
FROM judged
