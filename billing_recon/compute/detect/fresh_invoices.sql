-- Invoices of which an issued line was first observed today, with the sums of all their issued lines, and the first and
-- last of their customers, issue dates and days.
-- inputs: engine_lines, run_params
-- rows from: engine_lines AS line JOIN run_params AS params ON params.day = line.observed_on WHERE line.status =
-- 'issued'
SELECT
    line.invoice_id, line.currency, line.variant, min(line.customer_id) AS customer_id,
    min(line.subscription_id) AS subscription_id, max(line.customer_id) AS other_customer_id,
    min(line.issued_on) AS first_issue, max(line.issued_on) AS last_issue, min(line.plan_id) AS plan_id,
    min(line.invoice_kind) AS invoice_kind, min(line.period_start) AS first_day, max(line.period_end) AS last_day,
    CAST(sum(line.gross) AS amount) AS gross, CAST(sum(line.discount) AS amount) AS discount,
    CAST(sum(line.credit) AS amount) AS credit, CAST(sum(line.total) AS amount) AS total
FROM engine_lines AS line
SEMI JOIN (
    SELECT fresh.invoice_id
    FROM engine_lines AS fresh
    JOIN run_params AS params ON params.day = fresh.observed_on
    WHERE fresh.status = 'issued'
) AS today ON today.invoice_id = line.invoice_id
WHERE line.status = 'issued'
GROUP BY line.invoice_id, line.currency, line.variant
