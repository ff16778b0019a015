-- Every line and whole invoice that the day decides about; a line in two currencies counts once in each.
-- inputs: line_items, stray_bills, unbilled_periods
-- kept: no
SELECT
    'expected_billed' AS pair, item.expected_line_id AS left_key, item.line_key AS right_key, item.currency,
    item.cohort, item.variant, item.customer_id, CASE WHEN item.differs THEN 'break' ELSE 'matched' END AS status,
    CASE WHEN item.settles THEN coalesce(item.billed, item.expected) ELSE coalesce(item.expected, 0) END AS left_amount,
    CASE WHEN item.settles THEN coalesce(item.billed, item.expected) ELSE coalesce(item.billed, 0) END AS right_amount,
    CASE WHEN item.expected_line_id IS NULL THEN 0 ELSE 1 END AS left_count,
    CASE WHEN item.line_key IS NULL THEN 0 ELSE 1 END AS right_count
FROM line_items AS item
WHERE item.fresh AND coalesce(item.expected_currency = item.currency, true)
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, item.expected_line_id AS left_key, item.expected_currency AS currency, item.cohort,
    item.variant, item.customer_id, 'break' AS status, item.expected AS left_amount, 0 AS right_amount,
    1 AS left_count, 0 AS right_count
FROM line_items AS item
WHERE item.fresh AND item.expected_currency <> item.currency
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, item.line_key AS right_key, item.currency, item.cohort, item.variant, item.customer_id,
    'break' AS status, 0 AS left_amount, item.billed AS right_amount, 0 AS left_count, 1 AS right_count
FROM line_items AS item
WHERE item.fresh AND item.expected_currency <> item.currency
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, invoice_id AS right_key, currency, cohort, variant, customer_id,
    CASE WHEN withheld THEN 'pending' WHEN charges AND NOT corrects THEN 'break' ELSE 'matched' END AS status,
    CASE WHEN corrects THEN total ELSE 0 END AS left_amount,
    total AS right_amount, 0 AS left_count, lines AS right_count
FROM stray_bills
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, sub || '|' || CAST(due_on AS VARCHAR) AS left_key, currency, 'all' AS cohort,
    'control' AS variant, customer_id,
    CASE WHEN NOT missing THEN 'pending' WHEN total = 0 THEN 'matched' ELSE 'break' END AS status,
    total AS left_amount, 0 AS right_amount, lines AS left_count, 0 AS right_count
FROM unbilled_periods
UNION ALL BY NAME
SELECT * FROM no_assessed()
