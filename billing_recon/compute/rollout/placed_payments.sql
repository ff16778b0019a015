-- Payments and refunds, each in its latest version, by the group of their invoice, else of their customer; by that of
-- the customer if the rollout switches how payments are collected. Money for bills from before the exposure is nobody's
-- but the control cohort's. `is_stranger`: neither a rollout nor the invoice names the customer, of whom perhaps no
-- bill, contract or break knows (unknown_payers).
-- inputs: latest_payments, stage_invoices, stage_customers, stage_params
WITH several AS (
    SELECT hash(invoice_id) AS key FROM stage_invoices GROUP BY hash(invoice_id) HAVING count(*) > 1
),
bills AS (
    SELECT invoice_id, arm, issued_on, customer_id FROM stage_invoices
    ANTI JOIN several ON several.key = hash(stage_invoices.invoice_id)
    UNION ALL
    SELECT invoice_id, min(arm) AS arm, min(issued_on) AS issued_on, min(customer_id) AS customer_id
    FROM stage_invoices
    SEMI JOIN several ON several.key = hash(stage_invoices.invoice_id)
    GROUP BY invoice_id
)
SELECT
    payment.invoice_id, payment.customer_id, payment.currency, payment.kind, payment.status,
    coalesce(payment.attempt, 1) AS attempt, payment.amount, payment.processed_at, payment.known_on AS day,
    CASE
        WHEN payment.known_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN payment.known_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase,
    CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS of_customer,
    CASE WHEN own.customer_id IS NULL THEN other.since ELSE own.since END AS since,
    params.of_payments OR bill.invoice_id IS NULL AS by_customer,
    CASE
        WHEN bill.issued_on < params.exposed_since AND payment.known_on >= params.exposed_since
            THEN CASE WHEN bill.arm = 'control' THEN 'control' END
        ELSE bill.arm
    END AS of_bill,
    own.customer_id IS NULL AND coalesce(bill.customer_id <> payment.customer_id, true) AS is_stranger
FROM latest_payments AS payment
CROSS JOIN stage_params AS params
LEFT JOIN bills AS bill ON bill.invoice_id = payment.invoice_id
LEFT JOIN stage_customers AS own ON own.customer_id = payment.customer_id
JOIN stage_customers AS other ON other.customer_id = '*'
