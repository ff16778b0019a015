-- What each customer with a contract in force is an example of (core.candidate.SCENARIOS), one row per customer: from
-- the contracts and from the lines billed in the lookback.
-- inputs: customer_contracts, engine_lines, mapped_keys
WITH of_contracts AS (
    SELECT
        customer_id, bool_or(coalesce(interval_months(billing_interval), 0) >= 12) AS annual,
        bool_or(coalesce(interval_months(billing_interval), 0) = 3) AS quarterly,
        bool_or(coalesce(interval_days(billing_interval), 0) = 7) AS weekly, bool_or(status = 'paused') AS paused,
        bool_or(list_contains(terms, 'discount')) AS discount, bool_or(list_contains(terms, 'coupons')) AS coupon,
        bool_or(list_contains(terms, 'credits')) AS credit, bool_or(list_contains(terms, 'minimum')) AS minimum,
        bool_or(list_contains(terms, 'cap')) AS cap
    FROM customer_contracts GROUP BY customer_id
),
of_lines AS (
    SELECT
        coalesce(key.our_key, line.customer_id) AS customer_id, bool_or(kind = 'subscription') AS renewal,
        bool_or(kind = 'usage') AS usage,
        bool_or(kind = 'minimum') AS minimum, bool_or(kind = 'proration') AS prorated,
        bool_or(kind = 'discount') AS coupon, bool_or(kind = 'credit') AS credit,
        bool_or(kind = 'adjustment') AS late_usage, bool_or(discount <> 0) AS discount,
        bool_or(invoice_kind = 'credit_note' OR total < 0) AS refund,
        bool_or(taxable <> 0 AND tax_rate = 0) AS tax_exempt
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status = 'issued'
    GROUP BY coalesce(key.our_key, line.customer_id)
)
SELECT
    held.customer_id, held.annual, held.quarterly, held.weekly, held.paused, held.cap, line.renewal, line.usage,
    line.prorated, line.late_usage, line.refund, line.tax_exempt,
    coalesce(held.discount, false) OR coalesce(line.discount, false) AS discount,
    coalesce(held.coupon, false) OR coalesce(line.coupon, false) AS coupon,
    coalesce(held.credit, false) OR coalesce(line.credit, false) AS credit,
    coalesce(held.minimum, false) OR coalesce(line.minimum, false) AS minimum
FROM of_contracts AS held
LEFT JOIN of_lines AS line ON line.customer_id = held.customer_id
