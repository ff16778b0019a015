-- Operational signals by the group of what they name: an invoice, else a subscription by its bills or its contract,
-- else a customer. `nobody`: nothing of that name is known, so it may be anybody's.
-- inputs: signals, stage_invoices, stage_customers, subscriptions, stage_params
-- rows from: signals
WITH asked AS (SELECT DISTINCT subject FROM signals),
named AS (
    SELECT bill.invoice_id AS subject, bill.arm, 1 AS rank
    FROM stage_invoices AS bill
    SEMI JOIN asked ON asked.subject = bill.invoice_id
    UNION ALL
    SELECT bill.subscription_id AS subject, bill.arm, 2 AS rank
    FROM stage_invoices AS bill
    SEMI JOIN asked ON asked.subject = bill.subscription_id
    UNION ALL
    SELECT contract.subscription_id AS subject, customer.arm, 3 AS rank
    FROM subscriptions AS contract
    SEMI JOIN asked ON asked.subject = contract.subscription_id
    JOIN stage_customers AS customer ON customer.customer_id = contract.customer_id
    UNION ALL
    SELECT customer.customer_id AS subject, customer.arm, 4 AS rank
    FROM stage_customers AS customer
    SEMI JOIN asked ON asked.subject = customer.customer_id
),
subjects AS (SELECT subject, arg_min(arm, (rank, arm)) AS arm FROM named GROUP BY subject)
SELECT
    signal.kind, signal.observed_on AS day, subject.arm, subject.subject IS NULL AS nobody,
    lower(signal.status) IN ('success', 'succeeded', 'ok', 'completed', 'complete', 'generated', 'sent', 'delivered')
        AS good,
    CASE
        WHEN signal.observed_on BETWEEN params.since AND params.day THEN 'stage'
        WHEN signal.observed_on BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase
FROM signals AS signal
CROSS JOIN stage_params AS params
LEFT JOIN subjects AS subject ON subject.subject = signal.subject
