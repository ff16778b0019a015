-- Money that moved, per invoice and currency, from the latest version of each payment: payments less refunds and
-- chargebacks. `known_on`: first success; `moved_on`, `changed_on`: first and latest movement; `mover_id`: who moved
-- it; `customer_id`, `last_customer_id`: payers who have not had it all back; `extras`: sums of repeated payments of
-- one amount beyond the first; `least`, `most`: of a single payment. Money that names no invoice is for those that
-- payment_matches and refund_matches found for it, or stands under its own id.
-- inputs: latest_payments, payment_matches, refund_matches
-- rows from: latest_payments; payment_matches WHERE invoice_id IS NOT NULL
WITH matches AS (
    SELECT payment_id, invoice_id, customer_id, currency, part, changed_on
    FROM payment_matches WHERE invoice_id IS NOT NULL
    UNION ALL
    SELECT payment_id, invoice_id, customer_id, currency, part, changed_on FROM refund_matches
),
signed AS (
    SELECT
        payment.payment_id, coalesce(payment.invoice_id, 'payment ' || payment.payment_id) AS invoice_id,
        payment.customer_id, payment.currency, payment.amount,
        CASE WHEN payment.kind = 'payment' THEN payment.amount ELSE -payment.amount END AS signed,
        payment.kind = 'payment' AS is_payment, payment.status = 'succeeded' AS moves, payment.changed_on AS seen,
        payment.fee
    FROM latest_payments AS payment
    ANTI JOIN matches ON matches.payment_id = payment.payment_id
    UNION ALL
    SELECT
        payment_id, invoice_id, customer_id, currency, abs(part) AS amount, part AS signed, part > 0 AS is_payment,
        true AS moves, changed_on AS seen, NULL AS fee
    FROM matches
),
moved AS (
    SELECT
        *, sum(signed) FILTER (WHERE moves) OVER (PARTITION BY invoice_id, currency, customer_id) > 0 AS is_payer
    FROM signed
),
repeats AS (
    SELECT invoice_id, currency, list(extra) AS extras, list(amount) AS amounts
    FROM (
        SELECT invoice_id, currency, amount, sum(amount) - amount AS extra
        FROM moved WHERE moves AND is_payment GROUP BY invoice_id, currency, amount HAVING count(*) > 1
    ) AS again
    GROUP BY invoice_id, currency
)
SELECT
    moved.invoice_id, moved.currency, min(moved.payment_id) AS payment_id,
    min(moved.customer_id) FILTER (WHERE moved.moves AND moved.is_payment AND moved.is_payer) AS customer_id,
    max(moved.customer_id) FILTER (WHERE moved.moves AND moved.is_payment AND moved.is_payer) AS last_customer_id,
    min(moved.seen) FILTER (WHERE moved.moves AND moved.is_payment) AS known_on,
    min(moved.seen) FILTER (WHERE moved.moves) AS moved_on, max(moved.seen) FILTER (WHERE moved.moves) AS changed_on,
    min(moved.customer_id) FILTER (WHERE moved.moves) AS mover_id, count(*) AS attempts,
    count(*) FILTER (WHERE moved.moves AND moved.is_payment) AS payments,
    CAST(coalesce(sum(moved.signed) FILTER (WHERE moved.moves), 0) AS amount) AS paid,
    CAST(coalesce(-sum(moved.signed) FILTER (WHERE moved.moves AND NOT moved.is_payment), 0) AS amount) AS returned,
    CAST(coalesce(sum(moved.fee) FILTER (WHERE moved.moves AND moved.is_payment), 0) AS amount) AS fees,
    any_value(again.extras) AS extras, any_value(again.amounts) AS amounts,
    min(moved.amount) FILTER (WHERE moved.moves AND moved.is_payment) AS least,
    max(moved.amount) FILTER (WHERE moved.moves AND moved.is_payment) AS most
FROM moved
LEFT JOIN repeats AS again ON again.invoice_id = moved.invoice_id AND again.currency = moved.currency
GROUP BY moved.invoice_id, moved.currency
