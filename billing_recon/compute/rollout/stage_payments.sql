-- Payments and refunds with the group that each counts for (`arm`), and since when their customer is exposed. A
-- customer of whom nothing else is known has no group and no exposure of their own.
-- inputs: placed_payments, unknown_payers
-- kept: no
SELECT
    payment.invoice_id, payment.customer_id, payment.currency, payment.kind, payment.status,
    payment.attempt, payment.amount, payment.processed_at, payment.day, payment.phase,
    CASE WHEN unknown.customer_id IS NULL THEN payment.since END AS since,
    CASE
        WHEN NOT payment.by_customer THEN payment.of_bill
        WHEN unknown.customer_id IS NULL THEN payment.of_customer
    END AS arm
FROM placed_payments AS payment
LEFT JOIN unknown_payers AS unknown ON unknown.customer_id = payment.customer_id
