-- Operational signals by the group of the invoice, customer or subscription that they name.
-- inputs: signals, stage_invoices, stage_customers, stage_params
-- rows from: signals
WITH asked AS (SELECT DISTINCT subject FROM signals),
subjects AS (
    SELECT bill.invoice_id AS subject, min(bill.arm) AS arm
    FROM stage_invoices AS bill
    SEMI JOIN asked ON asked.subject = bill.invoice_id
    GROUP BY bill.invoice_id
    UNION ALL
    SELECT bill.subscription_id AS subject, min(bill.arm) AS arm
    FROM stage_invoices AS bill
    SEMI JOIN asked ON asked.subject = bill.subscription_id
    GROUP BY bill.subscription_id
    UNION ALL
    SELECT customer.customer_id AS subject, customer.arm
    FROM stage_customers AS customer
    SEMI JOIN asked ON asked.subject = customer.customer_id
)
SELECT
    signal.kind, signal.observed_on AS day, subject.arm,
    lower(signal.status) IN ('success', 'succeeded', 'ok', 'completed', 'complete', 'generated', 'sent', 'delivered')
        AS good,
    CASE
        WHEN signal.observed_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN signal.observed_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase
FROM signals AS signal
CROSS JOIN stage_params AS params
JOIN subjects AS subject ON subject.subject = signal.subject
