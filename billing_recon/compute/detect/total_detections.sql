-- Invoices of today over nothing or less, unless a credit explains it or our own rating expects just that of the
-- subscription and days (a change may give back more than it charges). A credit note may be negative.
-- inputs: fresh_invoices, expected_lines
-- rows from: fresh_invoices WHERE total <= 0 AND invoice_kind = 'invoice'
WITH free AS (
    SELECT subscription_id, min(period_start) AS first_day, max(period_end) AS last_day, sum(total) AS total
    FROM expected_lines GROUP BY subscription_id, due_on HAVING sum(total) <= 0
)
SELECT
    CASE WHEN invoice.total < 0 THEN 'NEGATIVE_INVOICE' ELSE 'ZERO_INVOICE' END AS detector,
    concat_ws('|', invoice.invoice_id, invoice.currency, invoice.variant) AS identity, invoice.customer_id,
    invoice.subscription_id, invoice.invoice_id, invoice.currency, invoice.total AS amount,
    CASE WHEN invoice.total < 0 THEN 'negative_invoice' ELSE 'zero_invoice' END AS sentence,
    to_json(struct_pack(gross := invoice.gross)) AS facts,
    struct_pack(invoice_id := invoice.invoice_id, currency := invoice.currency, variant := invoice.variant) AS cites
FROM fresh_invoices AS invoice
ANTI JOIN free
    ON free.subscription_id = invoice.subscription_id AND free.first_day < invoice.last_day
        AND invoice.first_day < free.last_day AND free.total = invoice.total
WHERE invoice.invoice_kind = 'invoice' AND (invoice.total < 0 OR (invoice.total = 0 AND invoice.credit = 0))
