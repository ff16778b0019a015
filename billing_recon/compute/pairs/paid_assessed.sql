-- Every invoice whose money is decided on today, and those still open: within their terms, settling, or with failed
-- attempts only. What a negative invoice owes the customer waits on the account for the next bill: no payment is
-- missing, and none is compared.
-- inputs: paid_placed
-- kept: no
SELECT
    'billed_paid' AS pair, CASE WHEN has_left THEN invoice_id END AS left_key,
    CASE WHEN has_right THEN invoice_id END AS right_key, currency, cohort, 'control' AS variant, customer_id,
    CASE WHEN status = 'pending' THEN 'pending' WHEN code IS NULL THEN 'matched' ELSE 'break' END AS status,
    coalesce(billed, 0) AS left_amount, coalesce(paid, 0) AS right_amount,
    CASE WHEN has_left THEN 1 ELSE 0 END AS left_count, coalesce(payments, 0) AS right_count
FROM paid_placed
WHERE status = 'pending' OR code IS NOT NULL OR has_right OR billed = 0
UNION ALL BY NAME
SELECT * FROM no_assessed()
