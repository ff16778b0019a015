-- What each customer is an example of (core.candidate.SCENARIOS), one row per customer and scenario: from the contract
-- in force and from the lines billed in the lookback.
-- inputs: customer_contracts, engine_lines, mapped_keys
WITH of_contracts AS (
    SELECT
        customer_id,
        unnest([
            CASE billing_interval
                WHEN 'year' THEN 'annual' WHEN 'annual' THEN 'annual' WHEN 'quarter' THEN 'quarterly'
                WHEN 'quarterly' THEN 'quarterly' WHEN 'week' THEN 'weekly' WHEN 'weekly' THEN 'weekly'
            END,
            CASE WHEN status = 'paused' THEN 'paused' END,
            CASE WHEN list_contains(terms, 'discount') THEN 'discount' END,
            CASE WHEN list_contains(terms, 'coupons') THEN 'coupon' END,
            CASE WHEN list_contains(terms, 'credits') THEN 'credit' END,
            CASE WHEN list_contains(terms, 'minimum') THEN 'minimum' END,
            CASE WHEN list_contains(terms, 'cap') THEN 'cap' END
        ]) AS scenario
    FROM customer_contracts
),
of_lines AS (
    SELECT
        coalesce(key.our_key, line.customer_id) AS customer_id,
        unnest([
            CASE line.kind
                WHEN 'subscription' THEN 'renewal' WHEN 'usage' THEN 'usage' WHEN 'minimum' THEN 'minimum'
                WHEN 'proration' THEN 'prorated' WHEN 'discount' THEN 'coupon' WHEN 'credit' THEN 'credit'
                WHEN 'adjustment' THEN 'late_usage'
            END,
            CASE WHEN line.discount <> 0 THEN 'discount' END,
            CASE WHEN line.invoice_kind = 'credit_note' OR line.total < 0 THEN 'refund' END,
            CASE WHEN line.taxable <> 0 AND line.tax_rate = 0 THEN 'tax_exempt' END
        ]) AS scenario
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status = 'issued'
)
SELECT DISTINCT found.customer_id, found.scenario
FROM (
    SELECT customer_id, scenario FROM of_contracts WHERE scenario IS NOT NULL
    UNION ALL
    SELECT customer_id, scenario FROM of_lines WHERE scenario IS NOT NULL
) AS found
SEMI JOIN customer_contracts AS held ON held.customer_id = found.customer_id
