-- What each customer was billed in the lookback, by currency, and what the lines are examples of (`scenarios`, as in
-- customer_contracts).
-- inputs: engine_lines, mapped_keys
SELECT
    coalesce(key.our_key, line.customer_id) AS customer_id, line.currency, CAST(sum(line.total) AS amount) AS billed,
    bit_or(
        CASE line.kind
            WHEN 'subscription' THEN 512
            WHEN 'usage' THEN 1024
            WHEN 'minimum' THEN 128
            WHEN 'proration' THEN 2048
            WHEN 'discount' THEN 32
            WHEN 'credit' THEN 64
            WHEN 'adjustment' THEN 4096
            ELSE 0
        END
        + CASE WHEN line.discount <> 0 THEN 16 ELSE 0 END
        + CASE WHEN line.invoice_kind = 'credit_note' OR line.total < 0 THEN 8192 ELSE 0 END
        + CASE WHEN line.taxable <> 0 AND line.tax_rate = 0 THEN 16384 ELSE 0 END
    ) AS scenarios
FROM engine_lines AS line
LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
WHERE line.status = 'issued'
GROUP BY coalesce(key.our_key, line.customer_id), line.currency
