-- Contracts in force at the end of the day, in their latest version. `scenarios`: what each is an example of, a bit per
-- scenario (cohort_coverage names them). `special`: prices of its own, or two or more kinds of special terms.
-- `expires`: the days on which discounts and coupons end.
-- inputs: subscriptions, contract_kinds, cohort_choice
WITH known AS (
    SELECT
        landed.subscription_id, landed.customer_id, landed.plan_id, landed.currency, landed.tax_region,
        landed.segment, landed.status, landed.billing_anchor, landed.billing_interval,
        nullif(landed.contract, '') AS contract, landed.valid_from, landed.valid_to, landed.observed_on,
        landed.source_row, choice.next_day
    FROM subscriptions AS landed
    JOIN (SELECT CAST(day + 1 AS TIMESTAMPTZ) AS next_day FROM cohort_choice) AS choice
        ON landed.valid_from < choice.next_day
),
several AS (
    SELECT hash(subscription_id) AS key FROM known GROUP BY hash(subscription_id) HAVING count(*) > 1
),
latest AS (
    SELECT
        customer_id, plan_id, currency, tax_region, segment, status, billing_anchor, billing_interval, contract,
        valid_to, next_day
    FROM known
    ANTI JOIN several ON several.key = hash(known.subscription_id)
    UNION ALL
    SELECT
        customer_id, plan_id, currency, tax_region, segment, status, billing_anchor, billing_interval, contract,
        valid_to, next_day
    FROM known
    SEMI JOIN several ON several.key = hash(known.subscription_id)
    QUALIFY row_number() OVER (
            PARTITION BY subscription_id ORDER BY valid_from DESC, observed_on DESC, source_row DESC
        ) = 1
),
rhythms AS (
    SELECT
        billing_interval,
        CASE
            WHEN interval_months(billing_interval) >= 12 THEN 1
            WHEN interval_months(billing_interval) = 3 THEN 2
            WHEN interval_days(billing_interval) = 7 THEN 4
            ELSE 0
        END AS bits
    FROM (SELECT DISTINCT billing_interval FROM subscriptions WHERE billing_interval IS NOT NULL) AS met
),
termed AS (
    SELECT *, CASE WHEN contract IS NOT NULL THEN json_keys(CAST(contract AS JSON)) END AS terms
    FROM latest WHERE status <> 'cancelled' AND (valid_to IS NULL OR valid_to >= next_day)
)
SELECT
    termed.customer_id, kind.kind, termed.status = 'active' AS active, termed.billing_anchor, termed.billing_interval,
    CASE WHEN termed.terms IS NULL THEN false
        ELSE list_contains(termed.terms, 'overrides') OR len(termed.terms) > 1
    END AS special,
    coalesce(rhythm.bits, 0) + CASE WHEN termed.status = 'paused' THEN 8 ELSE 0 END
    + CASE WHEN termed.terms IS NULL THEN 0
        ELSE CASE WHEN list_contains(termed.terms, 'discount') THEN 16 ELSE 0 END
            + CASE WHEN list_contains(termed.terms, 'coupons') THEN 32 ELSE 0 END
            + CASE WHEN list_contains(termed.terms, 'credits') THEN 64 ELSE 0 END
            + CASE WHEN list_contains(termed.terms, 'minimum') THEN 128 ELSE 0 END
            + CASE WHEN list_contains(termed.terms, 'cap') THEN 256 ELSE 0 END
    END AS scenarios,
    CASE WHEN termed.contract IS NOT NULL
            THEN list_filter([
                    TRY_CAST(json_extract_string(termed.contract, '$.discount.valid_to') AS DATE),
                    TRY_CAST(json_extract_string(termed.contract, '$.coupons[0].valid_to') AS DATE),
                    TRY_CAST(json_extract_string(termed.contract, '$.coupons[1].valid_to') AS DATE)
                ], LAMBDA one: one IS NOT NULL)
    END AS expires
FROM termed
JOIN contract_kinds AS kind
    ON kind.segment = termed.segment AND kind.plan_id = termed.plan_id AND kind.tax_region = termed.tax_region
        AND kind.currency = termed.currency
LEFT JOIN rhythms AS rhythm ON rhythm.billing_interval = termed.billing_interval
