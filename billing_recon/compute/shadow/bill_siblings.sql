-- The invoice of what is due on one day, for lines that neither engine billed.
-- inputs: shadow_rows
-- rows from: shadow_rows WHERE invoice_id IS NULL
SELECT subscription_id, due_on, min(invoice_id) AS invoice_id
FROM shadow_rows
WHERE invoice_id IS NOT NULL
    AND subscription_id IN (SELECT subscription_id FROM shadow_rows WHERE invoice_id IS NULL)
GROUP BY subscription_id, due_on
