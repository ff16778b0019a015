-- Every subscription and meter of the usage day that is compared today.
-- inputs: metered_placed
-- kept: no
SELECT
    'metered_used' AS pair, CASE WHEN has_used THEN subscription_id || '|' || meter END AS left_key,
    CASE WHEN has_metered THEN subscription_id || '|' || meter END AS right_key, 'all' AS cohort, 'control' AS variant,
    customer_id, meter, CASE WHEN off = 0 THEN 'matched' ELSE 'break' END AS status,
    CAST(used AS amount) AS left_amount, CAST(metered AS amount) AS right_amount,
    CASE WHEN has_used THEN 1 ELSE 0 END AS left_count, CASE WHEN has_metered THEN 1 ELSE 0 END AS right_count
FROM metered_placed
UNION ALL BY NAME
SELECT * FROM no_assessed()
