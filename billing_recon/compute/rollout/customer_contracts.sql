-- Contracts in force at the end of the day, in their latest version; `terms` are the special terms that they name,
-- `expires` the days on which discounts and coupons end.
-- inputs: subscriptions, cohort_choice
WITH known AS (
    SELECT
        landed.subscription_id, landed.customer_id, landed.plan_id, landed.currency, landed.tax_region,
        landed.segment, landed.status, landed.billing_anchor, landed.billing_interval, landed.contract,
        landed.valid_from, landed.valid_to, landed.observed_on, landed.source_row, choice.day
    FROM subscriptions AS landed
    JOIN cohort_choice AS choice ON CAST(landed.valid_from AS DATE) <= choice.day
),
several AS (
    SELECT hash(subscription_id) AS key FROM known GROUP BY hash(subscription_id) HAVING count(*) > 1
),
latest AS (
    SELECT
        subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_anchor, billing_interval,
        contract, valid_to, day
    FROM known
    ANTI JOIN several ON several.key = hash(known.subscription_id)
    UNION ALL
    SELECT
        subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_anchor, billing_interval,
        contract, valid_to, day
    FROM known
    SEMI JOIN several ON several.key = hash(known.subscription_id)
    QUALIFY row_number() OVER (
            PARTITION BY subscription_id ORDER BY valid_from DESC, observed_on DESC, source_row DESC
        ) = 1
)
SELECT
    subscription_id, customer_id, plan_id, currency, tax_region, segment, status, billing_anchor, billing_interval,
    json_keys(CAST(nullif(contract, '') AS JSON)) AS terms,
    list_filter([
        TRY_CAST(json_extract_string(nullif(contract, ''), '$.discount.valid_to') AS DATE),
        TRY_CAST(json_extract_string(nullif(contract, ''), '$.coupons[0].valid_to') AS DATE),
        TRY_CAST(json_extract_string(nullif(contract, ''), '$.coupons[1].valid_to') AS DATE)
    ], LAMBDA one: one IS NOT NULL) AS expires
FROM latest
WHERE status <> 'cancelled' AND (valid_to IS NULL OR CAST(valid_to AS DATE) > day)
