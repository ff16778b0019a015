-- Operational signals by the group of the invoice, customer or subscription that they name.
-- inputs: signals, stage_invoices, stage_customers, stage_params
WITH subjects AS (
    SELECT invoice_id AS subject, min(arm) AS arm FROM stage_invoices GROUP BY invoice_id
    UNION ALL
    SELECT subscription_id AS subject, min(arm) AS arm
    FROM stage_invoices WHERE subscription_id IS NOT NULL GROUP BY subscription_id
    UNION ALL
    SELECT customer_id AS subject, arm FROM stage_customers
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
