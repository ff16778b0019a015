-- Payments, refunds and chargebacks that succeeded: what the ledger must book, money that left with a minus. A payment
-- that names no invoice has the only one that it was matched to. `known_on`: the day on which it was known to succeed.
-- inputs: latest_payments, payment_matches, refund_matches
-- rows from: pairs_compared WHERE pair = 'paid_booked'
WITH paying AS (
    SELECT payment_id, min(invoice_id) AS invoice_id
    FROM payment_matches WHERE invoice_id IS NOT NULL
    GROUP BY payment_id HAVING count(*) = 1
    UNION ALL
    SELECT payment_id, invoice_id FROM refund_matches WHERE NOT starts_with(invoice_id, 'payment ')
)
SELECT
    payment.payment_id, payment.kind, payment.currency, payment.customer_id,
    coalesce(payment.invoice_id, paying.invoice_id) AS invoice_id,
    CAST(CASE WHEN payment.kind = 'payment' THEN payment.amount ELSE -payment.amount END AS amount) AS amount,
    CAST(coalesce(payment.fee, 0) AS amount) AS fee, CAST(payment.processed_at AS DATE) AS paid_on,
    payment.succeeded_on AS known_on, payment.changed_on
FROM latest_payments AS payment
LEFT JOIN paying ON paying.payment_id = payment.payment_id
WHERE payment.status = 'succeeded' AND payment.amount <> 0
