-- Issued invoices by group, one row per invoice and currency. In the stage, `cohort` is what the new engine billed for
-- this rollout, whoever the flag meant, and `control` what the old one billed to customers of no rollout; before the
-- launch they are the same customers' bills. What the old engine billed to exposed customers has no group: the new one
-- did not make it. A bill of an exposed customer that names no engine is the cohort's too, and is counted
-- (`unlabelled`). If only the collection of payments is switched, the customer alone decides. `since`: from when the
-- customer is exposed. What only bills of the new engine are asked for is in stage_boundaries.
-- inputs: engine_lines, mapped_keys, stage_customers, stage_params
WITH bills AS (
    SELECT
        invoice_id, currency, min(customer_id) AS their_customer, bool_or(variant = 'candidate') AS by_candidate,
        bool_or(unlabelled) AS unlabelled, min(issued_on) AS issued_on, CAST(sum(total) AS amount) AS total,
        bool_or(invoice_kind = 'credit_note') AS is_credit
    FROM engine_lines WHERE status = 'issued' GROUP BY invoice_id, currency
),
named AS (
    SELECT bill.*, coalesce(key.our_key, bill.their_customer) AS customer_id
    FROM bills AS bill
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = bill.their_customer
),
grouped AS (
    SELECT
        bill.*, CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS of_customer,
        CASE WHEN own.customer_id IS NULL THEN other.since ELSE own.since END AS since,
        CASE WHEN own.customer_id IS NULL THEN other.elsewhere ELSE own.elsewhere END AS elsewhere
    FROM named AS bill
    LEFT JOIN stage_customers AS own ON own.customer_id = bill.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
)
SELECT
    bill.invoice_id, bill.currency, bill.customer_id, bill.by_candidate,
    bill.unlabelled AND NOT bill.by_candidate AND NOT params.of_payments
    AND coalesce(bill.of_customer = 'cohort', false) AND bill.issued_on >= bill.since AS unlabelled,
    bill.issued_on, bill.total, bill.is_credit, bill.since,
    CASE
        WHEN bill.issued_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN bill.issued_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase,
    CASE
        WHEN bill.issued_on < params.exposed_since OR params.of_payments THEN bill.of_customer
        WHEN bill.by_candidate THEN CASE WHEN NOT bill.elsewhere THEN 'cohort' END
        WHEN bill.unlabelled AND bill.of_customer = 'cohort' AND bill.issued_on >= bill.since THEN 'cohort'
        WHEN bill.of_customer = 'control' THEN 'control'
    END AS arm
FROM grouped AS bill
CROSS JOIN stage_params AS params
