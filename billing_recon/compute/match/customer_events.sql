-- Money and receipts that no reference brings together, by customer.
-- inputs: unplaced_money, receipt_targets
-- rows from: receipt_targets WHERE target IS NULL AND customer_id IS NOT NULL
SELECT customer_id AS target, currency, amount, paid_on AS on_day, 0 AS side, payment_id AS id FROM unplaced_money
UNION ALL
SELECT customer_id AS target, currency, booked AS amount, posted_on AS on_day, 1 AS side, receipt_id AS id
FROM receipt_targets WHERE target IS NULL AND booked <> 0
