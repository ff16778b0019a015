-- Operational signals by the group of what they name: an invoice, else a subscription by its bills or its contract,
-- else a customer. `nobody`: nothing of that name is known, so it may be anybody's.
-- inputs: signals, engine_lines, mapped_keys, breaks, stage_invoices, stage_customers, subscriptions, stage_params
-- rows from: signals
WITH asked AS (SELECT DISTINCT subject FROM signals),
asked_bills AS (
    SELECT DISTINCT line.invoice_id
    FROM engine_lines AS line
    SEMI JOIN asked ON asked.subject = line.subscription_id
    WHERE line.status = 'issued'
),
subscribed AS (
    SELECT line.invoice_id, line.currency, min(line.subscription_id) AS subscription_id
    FROM engine_lines AS line
    SEMI JOIN asked_bills AS bill ON bill.invoice_id = line.invoice_id
    WHERE line.status = 'issued'
    GROUP BY line.invoice_id, line.currency
),
customers AS (
    SELECT coalesce(key.our_key, line.customer_id) AS customer_id
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    SEMI JOIN asked ON asked.subject = coalesce(key.our_key, line.customer_id)
    UNION
    SELECT contract.customer_id FROM subscriptions AS contract SEMI JOIN asked ON asked.subject = contract.customer_id
    UNION
    SELECT found.customer_id FROM breaks AS found SEMI JOIN asked ON asked.subject = found.customer_id
),
held AS (
    SELECT contract.subscription_id AS subject, contract.customer_id, 3 AS rank
    FROM subscriptions AS contract
    SEMI JOIN asked ON asked.subject = contract.subscription_id
    UNION ALL
    SELECT customer_id AS subject, customer_id, 4 AS rank FROM customers
),
named AS (
    SELECT bill.invoice_id AS subject, bill.arm, 1 AS rank
    FROM stage_invoices AS bill
    SEMI JOIN asked ON asked.subject = bill.invoice_id
    UNION ALL
    SELECT of.subscription_id AS subject, bill.arm, 2 AS rank
    FROM subscribed AS of
    JOIN stage_invoices AS bill ON bill.invoice_id = of.invoice_id AND bill.currency = of.currency
    SEMI JOIN asked ON asked.subject = of.subscription_id
    UNION ALL
    SELECT held.subject, CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS arm, held.rank
    FROM held
    LEFT JOIN stage_customers AS own ON own.customer_id = held.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
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
