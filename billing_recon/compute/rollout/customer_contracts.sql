-- Contracts in force at the end of the day, in their latest version; `terms` are the special terms that they name.
-- inputs: subscriptions, cohort_choice
WITH known AS (
    SELECT
        landed.subscription_id, landed.customer_id, landed.plan_id, landed.currency, landed.tax_region, landed.segment,
        landed.status, landed.billing_interval, landed.contract, landed.valid_from, landed.valid_to,
        landed.observed_on, landed.source_row, choice.day
    FROM subscriptions AS landed
    JOIN cohort_choice AS choice ON CAST(landed.valid_from AS DATE) <= choice.day
),
several AS (
    SELECT subscription_id FROM known GROUP BY subscription_id HAVING count(*) > 1
),
latest AS (
    SELECT
        subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_interval, contract,
        valid_to, day
    FROM known
    ANTI JOIN several USING (subscription_id)
    UNION ALL
    SELECT
        subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_interval, contract,
        valid_to, day
    FROM known
    SEMI JOIN several USING (subscription_id)
    QUALIFY row_number() OVER (
            PARTITION BY subscription_id ORDER BY valid_from DESC, observed_on DESC, source_row DESC
        ) = 1
)
SELECT
    subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_interval,
    json_keys(CAST(nullif(contract, '') AS JSON)) AS terms
FROM latest
WHERE status <> 'cancelled' AND (valid_to IS NULL OR CAST(valid_to AS DATE) > day)
