-- What each customer with a contract in force is an example of (core.candidate.SCENARIOS), one row per customer: from
-- the contracts and from the lines billed in the lookback. The examples are gathered as bits of one number, a bit per
-- scenario: half the work of as many flags.
-- inputs: customer_contracts, engine_lines, mapped_keys
WITH rhythms AS (
    SELECT
        billing_interval,
        CASE
            WHEN interval_months(billing_interval) >= 12 THEN 1
            WHEN interval_months(billing_interval) = 3 THEN 2
            WHEN interval_days(billing_interval) = 7 THEN 4
            ELSE 0
        END AS bits
    FROM (SELECT DISTINCT billing_interval FROM customer_contracts WHERE billing_interval IS NOT NULL) AS met
),
of_contracts AS (
    SELECT
        customer_id, bit_or(
            coalesce(rhythm.bits, 0)
            + CASE WHEN status = 'paused' THEN 8 ELSE 0 END
            + CASE WHEN list_contains(terms, 'discount') THEN 16 ELSE 0 END
            + CASE WHEN list_contains(terms, 'coupons') THEN 32 ELSE 0 END
            + CASE WHEN list_contains(terms, 'credits') THEN 64 ELSE 0 END
            + CASE WHEN list_contains(terms, 'minimum') THEN 128 ELSE 0 END
            + CASE WHEN list_contains(terms, 'cap') THEN 256 ELSE 0 END
        ) AS bits
    FROM customer_contracts AS contract
    LEFT JOIN rhythms AS rhythm ON rhythm.billing_interval = contract.billing_interval
    GROUP BY customer_id
),
of_lines AS (
    SELECT
        coalesce(key.our_key, line.customer_id) AS customer_id, bit_or(
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
        ) AS bits
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status = 'issued'
    GROUP BY coalesce(key.our_key, line.customer_id)
),
examples AS (
    SELECT held.customer_id, held.bits | coalesce(line.bits, 0) AS bits
    FROM of_contracts AS held
    LEFT JOIN of_lines AS line ON line.customer_id = held.customer_id
)
SELECT
    customer_id,
    bits & 1 <> 0 AS annual, bits & 2 <> 0 AS quarterly, bits & 4 <> 0 AS weekly, bits & 8 <> 0 AS paused,
    bits & 16 <> 0 AS discount, bits & 32 <> 0 AS coupon, bits & 64 <> 0 AS credit, bits & 128 <> 0 AS minimum,
    bits & 256 <> 0 AS cap, bits & 512 <> 0 AS renewal, bits & 1024 <> 0 AS usage, bits & 2048 <> 0 AS prorated,
    bits & 4096 <> 0 AS late_usage, bits & 8192 <> 0 AS refund, bits & 16384 <> 0 AS tax_exempt
FROM examples
