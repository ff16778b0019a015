-- Every customer with a contract in force: what a cohort may choose by. `bucket` is a number below 2^48 from the salt
-- and the customer's id; it only chooses, the lists are the truth. `is_complex`: prices of their own, two or more kinds
-- of special terms, or contracts in several currencies or tax regions.
-- inputs: customer_contracts, customer_revenue, payments, mapped_keys, cohort_choice
WITH troubled AS (
    SELECT DISTINCT coalesce(key.our_key, paid.customer_id) AS customer_id
    FROM payments AS paid
    LEFT JOIN mapped_keys AS key ON key.layer = 'payments' AND key.their_key = paid.customer_id
    WHERE paid.status = 'failed' OR paid.kind = 'chargeback'
),
largest AS (
    SELECT DISTINCT customer_id FROM customer_revenue WHERE is_largest
),
several AS (
    SELECT hash(customer_id) AS key FROM customer_contracts GROUP BY hash(customer_id) HAVING count(*) > 1
),
held AS (
    SELECT
        customer_id, [segment] AS segments, [plan_id] AS plans, [tax_region] AS regions, [currency] AS currencies,
        true AS single_tax, coalesce(list_contains(terms, 'overrides') OR len(terms) > 1, false) AS is_complex
    FROM customer_contracts
    ANTI JOIN several ON several.key = hash(customer_contracts.customer_id)
    UNION ALL
    SELECT
        customer_id, list(segment) AS segments, list(plan_id) AS plans, list(tax_region) AS regions,
        list(currency) AS currencies, min(tax_region) = max(tax_region) AS single_tax,
        bool_or(coalesce(list_contains(terms, 'overrides') OR len(terms) > 1, false))
        OR min(currency) <> max(currency) OR min(tax_region) <> max(tax_region) AS is_complex
    FROM customer_contracts
    SEMI JOIN several ON several.key = hash(customer_contracts.customer_id)
    GROUP BY customer_id
)
SELECT
    held.customer_id, CAST('0x' || left(sha256(choice.salt || '|' || held.customer_id), 12) AS BIGINT) AS bucket,
    held.segments, held.plans, held.regions, held.currencies, held.single_tax, held.is_complex,
    largest.customer_id IS NOT NULL AS is_largest, troubled.customer_id IS NULL AS pays
FROM held
CROSS JOIN cohort_choice AS choice
LEFT JOIN largest ON largest.customer_id = held.customer_id
LEFT JOIN troubled ON troubled.customer_id = held.customer_id
