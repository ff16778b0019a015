-- Invoices that money was asked for, by group, time, day and currency: what a rollout is judged by that switches only
-- how payments are collected. Without a row for any other.
-- inputs: stage_payments, stage_params
-- rows from: stage_params WHERE of_payments
SELECT payment.arm, payment.phase, payment.day, payment.currency, count(DISTINCT payment.invoice_id) AS invoices
FROM stage_payments AS payment
JOIN stage_params AS params ON params.of_payments
WHERE payment.kind = 'payment' AND payment.arm IS NOT NULL AND payment.phase IS NOT NULL
GROUP BY payment.arm, payment.phase, payment.day, payment.currency
