-- The frozen contracts as the candidate has them: the first mapping that fits moves a contract to another plan or
-- version, or merges terms into it (`patch`, where null removes a term).
-- inputs: frozen_contracts, contract_mapping
WITH terms AS (
    SELECT DISTINCT subscription_id, customer_id, plan_id, plan_version, currency, segment FROM frozen_contracts
),
fitting AS (
    SELECT
        term.subscription_id, term.customer_id, term.plan_id, term.plan_version, term.currency, term.segment,
        arg_min(
            struct_pack(plan_id := mapping.to_plan_id, plan_version := mapping.to_version, patch := mapping.patch),
            mapping.position
        ) AS target
    FROM terms AS term
    JOIN contract_mapping AS mapping
        ON coalesce(mapping.plan_id = term.plan_id, true) AND coalesce(mapping.plan_version = term.plan_version, true)
            AND coalesce(mapping.currency = term.currency, true) AND coalesce(mapping.segment = term.segment, true)
            AND (len(mapping.customers) = 0 OR list_contains(mapping.customers, term.customer_id))
            AND (len(mapping.subscriptions) = 0 OR list_contains(mapping.subscriptions, term.subscription_id))
    GROUP BY
        term.subscription_id, term.customer_id, term.plan_id, term.plan_version, term.currency, term.segment
)
SELECT
    frozen.day, frozen.subscription_id, frozen.customer_id,
    coalesce(fitting.target.plan_id, frozen.plan_id) AS plan_id,
    coalesce(fitting.target.plan_version, frozen.plan_version) AS plan_version, frozen.status, frozen.quantity,
    frozen.currency, frozen.timezone, frozen.tax_region, frozen.segment, frozen.billing_anchor,
    frozen.billing_interval, frozen.valid_from, frozen.valid_to,
    CASE
        WHEN fitting.target.patch IS NULL THEN frozen.contract
        ELSE
            nullif(
                CAST(
                    json_merge_patch(
                        CAST(coalesce(frozen.contract, '{}') AS JSON), CAST(fitting.target.patch AS JSON)
                    ) AS VARCHAR
                ), '{}'
            )
    END AS contract, frozen.observed_on, frozen.source_file, frozen.source_row
FROM frozen_contracts AS frozen
LEFT JOIN fitting USING (subscription_id, customer_id, plan_id, plan_version, currency, segment)
