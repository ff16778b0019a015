-- The invoice of what is due on one day, for lines that neither engine billed.
-- inputs: shadow_rows, carried_contracts, all_corner_old, all_billed_old
-- rows from: shadow_rows WHERE invoice_id IS NULL; all_corner_old WHERE line_key IS NULL
SELECT subscription_id, due_on, min(invoice_id) AS invoice_id
FROM shadow_rows
WHERE invoice_id IS NOT NULL
    AND subscription_id IN (SELECT subscription_id FROM shadow_rows WHERE invoice_id IS NULL)
GROUP BY subscription_id, due_on
UNION ALL
SELECT line.sub AS subscription_id, line.due_on, min(billed.invoice_id) AS invoice_id
FROM all_corner_old AS line
SEMI JOIN carried_contracts AS carried ON carried.sub = line.sub
SEMI JOIN (SELECT DISTINCT sub FROM all_corner_old WHERE line_key IS NULL) AS unbilled ON unbilled.sub = line.sub
JOIN all_billed_old AS billed ON billed.line_key = line.line_key
GROUP BY line.sub, line.due_on
