-- The first invoice of each subscription: it closes no period, and bears coupons all the same, though no credits.
-- inputs: ahead_runs, contract_intervals
-- rows from: ahead_runs
WITH begun AS (
    SELECT subscription_id, min(start_day) AS begins
    FROM contract_intervals WHERE status = 'active' GROUP BY subscription_id
)
SELECT
    run.subscription_id, run.group_start AS period_start, run.group_end AS period_end, run.due_on,
    1000001 + run.run_no + run.run_no AS run_no, run.plan_id, run.plan_version, run.currency, run.tax_region,
    run.run_start,
    run.run_end, run.customer_id, run.segment, CAST(json_merge_patch(
        run.contract, '{"credits": []}'
    ) AS VARCHAR) AS contract,
    run.decimals, run.tax_rate, run.discount_rate
FROM ahead_runs AS run
JOIN begun ON begun.subscription_id = run.subscription_id AND begun.begins = run.run_start
WHERE run.rateable AND run.is_of_version AND NOT run.by_seat AND NOT run.given_back AND run.group_end = run.run_start
