-- Refunds and chargebacks that name no invoice of ours, and what each gives back: a credit note of the customer over
-- that amount which no money names, what an invoice of theirs was overpaid by, or a payment of theirs that belongs to
-- no invoice (under its own id). Each is used once, the earliest first. Columns as in payment_matches; the part has a
-- minus.
-- inputs: latest_payments, payment_matches, engine_invoices
-- rows from: latest_payments WHERE kind <> 'payment' AND status = 'succeeded'
WITH named AS (
    SELECT
        invoice_id, currency,
        sum(CASE WHEN kind = 'payment' THEN amount ELSE -amount END) FILTER (WHERE status = 'succeeded') AS paid,
        count(*) FILTER (WHERE kind = 'payment') AS payments
    FROM latest_payments WHERE invoice_id IS NOT NULL GROUP BY invoice_id, currency
),
refunds AS (
    SELECT
        payment.payment_id, payment.customer_id, payment.currency, payment.amount, payment.changed_on,
        row_number() OVER (
            PARTITION BY payment.customer_id, payment.currency, payment.amount
            ORDER BY payment.processed_at, payment.payment_id
        ) AS turn
    FROM latest_payments AS payment
    ANTI JOIN engine_invoices AS billed ON billed.invoice_id = payment.invoice_id
    ANTI JOIN (SELECT invoice_id FROM named WHERE payments > 0) AS paid ON paid.invoice_id = payment.invoice_id
    WHERE payment.kind <> 'payment' AND payment.status = 'succeeded'
),
owed AS (
    SELECT billed.invoice_id, billed.customer_id, billed.currency, -billed.total AS amount, 1 AS pass
    FROM engine_invoices AS billed ANTI JOIN named ON named.invoice_id = billed.invoice_id
    WHERE billed.state = 'issued' AND billed.total < 0
    UNION ALL
    SELECT billed.invoice_id, billed.customer_id, billed.currency, named.paid - billed.total AS amount, 2 AS pass
    FROM engine_invoices AS billed
    JOIN named ON named.invoice_id = billed.invoice_id AND named.currency = billed.currency
    WHERE named.paid > billed.total AND billed.total >= 0
    UNION ALL
    SELECT
        'payment ' || payment.payment_id AS invoice_id, payment.customer_id, payment.currency, payment.amount,
        3 AS pass
    FROM latest_payments AS payment
    ANTI JOIN (SELECT payment_id FROM payment_matches WHERE invoice_id IS NOT NULL) AS matched
        ON matched.payment_id = payment.payment_id
    WHERE payment.kind = 'payment' AND payment.status = 'succeeded' AND payment.invoice_id IS NULL
),
ranked AS (
    SELECT
        *, row_number() OVER (PARTITION BY customer_id, currency, amount ORDER BY pass, invoice_id) AS turn
    FROM owed SEMI JOIN refunds USING (customer_id, currency, amount)
)
SELECT
    refund.payment_id, refund.currency, ranked.invoice_id, CAST(-refund.amount AS amount) AS part, refund.customer_id,
    refund.changed_on
FROM refunds AS refund
JOIN ranked
    ON ranked.customer_id = refund.customer_id AND ranked.currency = refund.currency
        AND ranked.amount = refund.amount AND ranked.turn = refund.turn
