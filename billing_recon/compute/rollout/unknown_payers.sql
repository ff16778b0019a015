-- Customers of payments of whom no bill, contract or break knows.
-- inputs: placed_payments, engine_lines, mapped_keys, subscriptions, breaks
-- rows from: placed_payments WHERE is_stranger
WITH asked AS (SELECT DISTINCT customer_id FROM placed_payments WHERE is_stranger),
known AS (
    SELECT coalesce(key.our_key, line.customer_id) AS customer_id
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    UNION ALL
    SELECT customer_id FROM subscriptions
    UNION ALL
    SELECT customer_id FROM breaks WHERE customer_id IS NOT NULL
)
SELECT asked.customer_id FROM asked ANTI JOIN known ON known.customer_id = asked.customer_id
