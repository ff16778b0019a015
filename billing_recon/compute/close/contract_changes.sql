-- Contracts of the month that are new, or have terms that no snapshot of the day before the month and no earlier one of
-- it has: the first day that has them, and the terms before.
-- inputs: subscriptions, close_params
WITH versions AS (
    SELECT
        subscription_id, valid_from, min(day) AS day, min(customer_id) AS customer_id, min(source_file) AS source_file,
        concat_ws(
            ', ', plan_id || ' ' || plan_version, status,
            regexp_replace(CAST(quantity AS VARCHAR), '\.?0+$', '') || ' seats', currency,
            tax_region, billing_interval, 'from ' || CAST(CAST(valid_from AS DATE) AS VARCHAR),
            'to ' || CAST(CAST(valid_to AS DATE) AS VARCHAR), contract
        ) AS terms
    FROM subscriptions
    GROUP BY
        subscription_id, valid_from, plan_id, plan_version, status, quantity, currency, tax_region, billing_interval,
        valid_to, contract
),
ordered AS (
    SELECT
        subscription_id, customer_id, day, source_file, terms,
        lag(terms) OVER (PARTITION BY subscription_id ORDER BY day, valid_from, terms) AS terms_before
    FROM versions
)
SELECT
    ordered.day, ordered.subscription_id, ordered.customer_id, ordered.terms_before, ordered.terms,
    ordered.source_file
FROM ordered
CROSS JOIN close_params AS params
WHERE ordered.day > params.first_day AND ordered.day >= params.month_start AND ordered.day <= params.month_end
ORDER BY ordered.day, ordered.subscription_id, ordered.terms
