-- Payments, each in its latest version, with invoice and customer under our names (`their_customer_id`: theirs).
-- `known_on`: the day it was first observed; `changed_on`: the day of the version that holds;
-- `succeeded_on`: the day of the first that succeeded, if one did.
-- inputs: payments, payment_versions, mapped_keys
-- kept: no
WITH latest AS (
    SELECT
        payment_id, kind, customer_id, invoice_id, amount, currency, status, processed_at, fee, source_file, source_row,
        attempt, observed_on AS known_on, observed_on AS changed_on, observed_on AS succeeded_on
    FROM payments ANTI JOIN payment_versions USING (payment_id)
    UNION ALL
    SELECT
        payment_id, kind, customer_id, invoice_id, amount, currency, status, processed_at, fee, source_file, source_row,
        attempt, known_on, changed_on, succeeded_on
    FROM payment_versions
)
SELECT
    payment.payment_id, payment.kind, coalesce(customer.our_key, payment.customer_id) AS customer_id,
    payment.customer_id AS their_customer_id, coalesce(invoice.our_key, payment.invoice_id) AS invoice_id,
    payment.amount, payment.currency, payment.status, payment.processed_at, payment.fee, payment.source_file,
    payment.source_row, payment.attempt, payment.known_on, payment.changed_on, payment.succeeded_on
FROM latest AS payment
LEFT JOIN mapped_keys AS invoice ON invoice.layer = 'payments' AND invoice.their_key = payment.invoice_id
LEFT JOIN mapped_keys AS customer ON customer.layer = 'payments' AND customer.their_key = payment.customer_id
