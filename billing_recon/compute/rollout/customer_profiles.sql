-- Every customer with a contract in force: what a cohort may choose by. `kind`: what the contract is of, `kinds`: what
-- several contracts are of (contract_kinds). `bucket` is a number below 2^48 from the salt and the customer's id; it
-- only chooses, the lists are the truth. `is_complex`: prices of their own, two or more kinds of special terms, or
-- contracts in several currencies or tax regions. `scenarios`: what contracts and lines are examples of, as in
-- customer_contracts. `currency` and `billed`: what was billed in the lookback; empty if it was in several currencies
-- (`is_mixed`).
-- inputs: customer_contracts, contract_kinds, customer_revenue, largest_accounts, payments, mapped_keys, cohort_choice
WITH troubled AS (
    SELECT DISTINCT coalesce(key.our_key, paid.customer_id) AS customer_id
    FROM payments AS paid
    LEFT JOIN mapped_keys AS key ON key.layer = 'payments' AND key.their_key = paid.customer_id
    WHERE paid.status = 'failed' OR paid.kind = 'chargeback'
),
several AS (
    SELECT hash(customer_id) AS key FROM customer_contracts GROUP BY hash(customer_id) HAVING count(*) > 1
),
held AS (
    SELECT customer_id, kind, NULL AS kinds, special AS is_complex, scenarios
    FROM customer_contracts
    ANTI JOIN several ON several.key = hash(customer_contracts.customer_id)
    UNION ALL
    SELECT
        contract.customer_id, NULL AS kind, list(DISTINCT contract.kind ORDER BY contract.kind) AS kinds,
        bool_or(contract.special) OR min(kind.currency) <> max(kind.currency)
        OR min(kind.tax_region) <> max(kind.tax_region) AS is_complex, bit_or(contract.scenarios) AS scenarios
    FROM customer_contracts AS contract
    SEMI JOIN several ON several.key = hash(contract.customer_id)
    JOIN contract_kinds AS kind ON kind.kind = contract.kind
    GROUP BY contract.customer_id
),
mixed AS (
    SELECT hash(customer_id) AS key FROM customer_revenue GROUP BY hash(customer_id) HAVING count(*) > 1
),
billed AS (
    SELECT customer_id, currency, billed, scenarios, false AS is_mixed
    FROM customer_revenue
    ANTI JOIN mixed ON mixed.key = hash(customer_revenue.customer_id)
    UNION ALL
    SELECT customer_id, NULL AS currency, NULL AS billed, bit_or(scenarios) AS scenarios, true AS is_mixed
    FROM customer_revenue
    SEMI JOIN mixed ON mixed.key = hash(customer_revenue.customer_id)
    GROUP BY customer_id
)
SELECT
    held.customer_id, CAST('0x' || left(sha256(choice.salt || '|' || held.customer_id), 12) AS BIGINT) AS bucket,
    held.kind, held.kinds, held.is_complex, largest.customer_id IS NOT NULL AS is_largest,
    troubled.customer_id IS NULL AS pays, held.scenarios | coalesce(billed.scenarios, 0) AS scenarios,
    billed.currency, billed.billed, coalesce(billed.is_mixed, false) AS is_mixed
FROM held
CROSS JOIN cohort_choice AS choice
LEFT JOIN billed ON billed.customer_id = held.customer_id
LEFT JOIN largest_accounts AS largest ON largest.customer_id = held.customer_id
LEFT JOIN troubled ON troubled.customer_id = held.customer_id
