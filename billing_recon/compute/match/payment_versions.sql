-- Payments delivered more than once, each in its latest version. `known_on`: the day of the first, `succeeded_on`: of
-- the first that succeeded, or of the latest if none did; `changed_on`: the day of the version that holds.
-- inputs: payments
-- rows from: payments
SELECT
    payment.payment_id, payment.kind, payment.customer_id, payment.invoice_id, payment.amount, payment.currency,
    payment.status, payment.processed_at, payment.fee, payment.source_file, payment.source_row, payment.attempt,
    min(payment.observed_on) OVER same_key AS known_on, payment.observed_on AS changed_on,
    coalesce(
        min(payment.observed_on) FILTER (WHERE payment.status = 'succeeded') OVER same_key, payment.observed_on
    ) AS succeeded_on
FROM payments AS payment
SEMI JOIN delivered_again(payments, hash(payment_id)) AS again ON again.key = hash(payment.payment_id)
WINDOW same_key AS (PARTITION BY payment.payment_id)
QUALIFY row_number() OVER (
        PARTITION BY payment.payment_id
        ORDER BY payment.observed_on DESC, payment.source_file DESC, payment.source_row DESC, payment.day DESC
    ) = 1
