-- Every invoice that the day decides about, billed or only rendered, with what is booked for it.
-- inputs: booked_tied, booked_placed, rendered_booked_placed, run_params
-- kept: no
SELECT
    'billed_booked' AS pair, tied.invoice_id AS left_key, tied.invoice_id AS right_key, tied.currency, tied.cohort,
    'control' AS variant, tied.customer_id, 'matched' AS status, tied.billed AS left_amount,
    tied.billed AS right_amount, 1 AS left_count, 1 AS right_count
FROM booked_tied AS tied
JOIN run_params AS params ON params.day = tied.changed_on
UNION ALL BY NAME
SELECT
    'billed_booked' AS pair, CASE WHEN billed IS NOT NULL THEN invoice_id END AS left_key,
    CASE WHEN booked IS NOT NULL THEN invoice_id END AS right_key, currency, cohort, 'control' AS variant, customer_id,
    CASE WHEN status = 'pending' THEN 'pending' WHEN code IS NULL THEN 'matched' ELSE 'break' END AS status,
    coalesce(billed, 0) AS left_amount, coalesce(booked, 0) AS right_amount,
    CASE WHEN billed IS NULL THEN 0 ELSE 1 END AS left_count, coalesce(journals, 0) AS right_count
FROM booked_placed
UNION ALL BY NAME
SELECT
    'rendered_booked' AS pair, document_id AS left_key, CASE WHEN booked IS NOT NULL THEN invoice_id END AS right_key,
    currency, 'all' AS cohort, 'control' AS variant, customer_id,
    CASE WHEN booked = rendered THEN 'matched' ELSE 'break' END AS status, rendered AS left_amount,
    coalesce(booked, 0) AS right_amount, 1 AS left_count, CASE WHEN booked IS NULL THEN 0 ELSE 1 END AS right_count
FROM rendered_booked_placed
UNION ALL BY NAME
SELECT * FROM no_assessed()
