-- Every payment, refund and chargeback that the day decides about or waits for, what the ledger books beyond them, and
-- the fees: money received less money that left, as it moved and as it is booked.
-- inputs: cash_placed, fees_placed
-- kept: no
SELECT
    'paid_booked' AS pair, CASE WHEN paid IS NOT NULL THEN payment_id END AS left_key,
    CASE WHEN booked IS NOT NULL THEN coalesce('journal ' || receipt_id, payment_id) END AS right_key, currency, cohort,
    'control' AS variant, customer_id,
    CASE WHEN status = 'pending' THEN 'pending' WHEN code IS NULL THEN 'matched' ELSE 'break' END AS status,
    coalesce(paid, 0) AS left_amount, coalesce(booked, 0) AS right_amount,
    CASE WHEN paid IS NULL THEN 0 ELSE 1 END AS left_count, CASE WHEN booked IS NULL THEN 0 ELSE 1 END AS right_count
FROM cash_placed
UNION ALL BY NAME
SELECT
    'paid_booked' AS pair, 'fees of ' || journal_id AS left_key, 'fees of ' || journal_id AS right_key, currency,
    cohort, 'control' AS variant, customer_id,
    CASE WHEN status = 'pending' THEN 'pending' WHEN code IS NULL THEN 'matched' ELSE 'break' END AS status,
    paid AS left_amount, booked AS right_amount, 1 AS left_count, 1 AS right_count
FROM fees_placed
UNION ALL BY NAME
SELECT * FROM no_assessed()
