-- Void invoices at what they came to before, for summary postings that booked them.
-- inputs: batch_offers, engine_invoices, engine_lines
-- rows from: batch_offers WHERE is_off
SELECT
    line.invoice_id, line.currency, min(line.customer_id) AS customer_id, min(line.issued_on) AS issued_on,
    CAST(sum(line.total) AS amount) AS total, CAST(sum(line.total + line.credit - line.tax) AS amount) AS net,
    CAST(sum(line.tax) AS amount) AS tax, CAST(sum(line.credit) AS amount) AS credit
FROM engine_lines AS line
JOIN engine_invoices AS billed ON billed.invoice_id = line.invoice_id AND billed.currency = line.currency
SEMI JOIN (SELECT currency FROM batch_offers WHERE is_off) AS off ON off.currency = line.currency
WHERE billed.state = 'void' AND line.status = 'void'
GROUP BY line.invoice_id, line.currency
