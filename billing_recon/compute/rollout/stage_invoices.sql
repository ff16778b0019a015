-- Issued invoices by group, one row per invoice and currency. In the stage, `cohort` is what the new engine billed for
-- this rollout, whoever the flag meant, and `control` what the old one billed to customers of no rollout; before the
-- launch they are the same customers' bills. What the old engine billed to exposed customers has no group: the new one
-- did not make it. `since`: from when the customer is exposed.
-- inputs: engine_lines, stage_customers, stage_params
WITH bills AS (
    SELECT
        invoice_id, currency, min(customer_id) AS customer_id, min(subscription_id) AS subscription_id,
        max(variant) FILTER (WHERE variant = 'candidate') IS NOT NULL AS by_candidate, min(issued_on) AS issued_on,
        CAST(sum(total) AS amount) AS total, CAST(sum(tax) AS amount) AS tax, min(period_start) AS period_start,
        max(period_end) AS period_end, bool_or(kind = 'proration') AS prorated, min(invoice_kind) AS invoice_kind
    FROM engine_lines WHERE status = 'issued' GROUP BY invoice_id, currency
)
SELECT
    bill.invoice_id, bill.currency, bill.customer_id, bill.subscription_id, bill.by_candidate, bill.issued_on,
    bill.total, bill.tax, bill.period_start, bill.period_end, bill.prorated, bill.invoice_kind, customer.since,
    CASE
        WHEN bill.issued_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN bill.issued_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase,
    CASE
        WHEN bill.issued_on < params.exposed_since THEN customer.arm
        WHEN bill.by_candidate THEN 'cohort'
        WHEN customer.arm = 'control' THEN 'control'
    END AS arm
FROM bills AS bill
CROSS JOIN stage_params AS params
LEFT JOIN stage_customers AS customer ON customer.customer_id = bill.customer_id
