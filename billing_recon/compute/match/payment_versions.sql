-- Payments delivered more than once, one row per delivery. `holds`: it is the latest; `known_on`: the day of the
-- first, `succeeded_on`: of the first that succeeded.
-- inputs: payments
-- rows from: payments
SELECT
    payment.day, payment.source_file, payment.source_row, min(payment.observed_on) OVER same_key AS known_on,
    min(payment.observed_on) FILTER (WHERE payment.status = 'succeeded') OVER same_key AS succeeded_on,
    row_number() OVER (
        PARTITION BY payment.payment_id
        ORDER BY payment.observed_on DESC, payment.source_file DESC, payment.source_row DESC, payment.day DESC
    ) = 1 AS holds
FROM payments AS payment
SEMI JOIN delivered_again(payments, hash(payment_id)) AS again ON again.key = hash(payment.payment_id)
WINDOW same_key AS (PARTITION BY payment.payment_id)
