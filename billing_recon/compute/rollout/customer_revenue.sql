-- What each customer was billed in the lookback, by currency, and whether that makes it one of the largest accounts in
-- it: so many of the customers billed in the currency as `largest_share` says, at least one, the most billed first.
-- inputs: engine_lines, mapped_keys, cohort_choice
WITH billed AS (
    SELECT
        coalesce(key.our_key, line.customer_id) AS customer_id, line.currency,
        CAST(sum(line.total) AS amount) AS billed
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status = 'issued'
    GROUP BY coalesce(key.our_key, line.customer_id), line.currency
)
SELECT
    billed.customer_id, billed.currency, billed.billed,
    choice.largest_share > 0
    AND row_number() OVER (PARTITION BY billed.currency ORDER BY billed.billed DESC, billed.customer_id)
    <= greatest(1, apply_rate(CAST(count(*) OVER (PARTITION BY billed.currency) AS amount), choice.largest_share))
        AS is_largest
FROM billed
CROSS JOIN cohort_choice AS choice
