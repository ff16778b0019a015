-- Issued invoices by group, one row per invoice and currency. In the stage, `cohort` is what the new engine billed for
-- this rollout, whoever the flag meant, and `control` what the old one billed to customers of no rollout; before the
-- launch they are the same customers' bills. What the old engine billed to exposed customers has no group: the new one
-- did not make it. A bill of an exposed customer that names no engine is the cohort's too, and is counted
-- (`unlabelled`). If only the collection of payments is switched, the customer alone decides. `since`: from when the
-- customer is exposed.
-- inputs: engine_lines, mapped_keys, stage_customers, stage_params
WITH bills AS (
    SELECT
        invoice_id, currency, min(customer_id) AS their_customer, min(subscription_id) AS subscription_id,
        bool_or(variant = 'candidate') AS by_candidate, bool_or(unlabelled) AS unlabelled, min(issued_on) AS issued_on,
        CAST(sum(total) AS amount) AS total, min(period_start) AS period_start,
        max(period_end) AS period_end, bool_or(kind = 'proration') AS prorated, min(invoice_kind) AS invoice_kind
    FROM engine_lines WHERE status = 'issued' GROUP BY invoice_id, currency
),
named AS (
    SELECT bill.*, coalesce(key.our_key, bill.their_customer) AS customer_id
    FROM bills AS bill
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = bill.their_customer
)
SELECT
    bill.invoice_id, bill.currency, bill.customer_id, bill.subscription_id, bill.by_candidate,
    bill.unlabelled AND NOT bill.by_candidate AND NOT params.of_payments AND coalesce(customer.arm = 'cohort', false)
    AND bill.issued_on >= customer.since AS unlabelled, bill.issued_on, bill.total, bill.period_start,
    bill.period_end, bill.prorated, bill.invoice_kind, customer.since,
    CASE
        WHEN bill.issued_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN bill.issued_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase,
    CASE
        WHEN bill.issued_on < params.exposed_since OR params.of_payments THEN customer.arm
        WHEN bill.by_candidate THEN CASE WHEN NOT coalesce(customer.elsewhere, false) THEN 'cohort' END
        WHEN bill.unlabelled AND customer.arm = 'cohort' AND bill.issued_on >= customer.since THEN 'cohort'
        WHEN customer.arm = 'control' THEN 'control'
    END AS arm
FROM named AS bill
CROSS JOIN stage_params AS params
LEFT JOIN stage_customers AS customer ON customer.customer_id = bill.customer_id
