-- Subscriptions with lines that are withheld because the terms do not say what they cost; one row per cause, with the
-- facts that explain.withheld words.
-- inputs: contract_runs, ahead_runs
WITH withheld AS (
    SELECT * FROM contract_runs WHERE reason IS NOT NULL UNION ALL BY NAME SELECT * FROM ahead_runs
    WHERE reason IS NOT NULL
)
SELECT
    split_part(subscription_id, chr(31), 1) AS subscription_id,
    plan_id,
    plan_version,
    currency,
    reason,
    min(tax_region) AS tax_region,
    min(period_start) AS period_start,
    min(period_end) AS period_end, min(unknown) AS unknown
FROM withheld
GROUP BY split_part(subscription_id, chr(31), 1), plan_id, plan_version, currency, reason
