-- One row per customer and currency: the sums of its invoices.
-- inputs: shadow_invoices
SELECT
    customer_id, currency, min(segment) AS segment, min(tax_region) AS tax_region, count(*) AS invoices,
    CAST(sum(old_total) AS amount) AS old_total, CAST(sum(new_total) AS amount) AS new_total,
    CAST(sum(expected_old) AS amount) AS expected_old, CAST(sum(expected_new) AS amount) AS expected_new,
    CAST(sum(delta) AS amount) AS delta, CAST(sum(meant) AS amount) AS meant,
    CAST(sum(new_fault) AS amount) AS new_fault, CAST(sum(old_fault) AS amount) AS old_fault,
    CAST(sum(unmeant) AS amount) AS unmeant
FROM shadow_invoices
GROUP BY customer_id, currency
