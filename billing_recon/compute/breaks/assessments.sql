-- Every item that the day decided about or waits for, with both layers' amounts and counts: matched, break or pending.
-- A pair states the columns that it has; the others are NULL.
-- inputs: expected_billed_assessed, billed_rendered_assessed, booked_assessed, paid_assessed, cash_assessed,
-- metered_assessed, pairs_compared
WITH assessed AS (
    SELECT * FROM expected_billed_assessed
    UNION ALL BY NAME
    SELECT * FROM billed_rendered_assessed
    UNION ALL BY NAME
    SELECT * FROM booked_assessed
    UNION ALL BY NAME
    SELECT * FROM paid_assessed
    UNION ALL BY NAME
    SELECT * FROM cash_assessed
    UNION ALL BY NAME
    SELECT * FROM metered_assessed
)
SELECT
    pair, left_key, right_key, currency, cohort_of(cohort) AS cohort, engine_of(cohort) AS variant, customer_id,
    meter, status, left_amount, right_amount, left_count, right_count
FROM assessed
SEMI JOIN pairs_compared USING (pair)
