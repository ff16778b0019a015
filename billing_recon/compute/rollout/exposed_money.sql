-- What each rollout's new path billed, by currency.
-- inputs: exposed_lines
SELECT
    rollout, currency, CAST(sum(total) AS amount) AS billed, count(DISTINCT invoice_id) AS invoices,
    count(DISTINCT customer_id) AS customers
FROM exposed_lines
GROUP BY rollout, currency
