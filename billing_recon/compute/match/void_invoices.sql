-- Void invoices at what they came to before, for journals that booked them or take them back without their number.
-- inputs: nameless_journals, engine_invoices, engine_lines
-- rows from: nameless_journals
SELECT
    line.invoice_id, line.currency, min(line.customer_id) AS customer_id, min(line.issued_on) AS issued_on,
    max(billed.changed_on) AS voided_on,
    CAST(sum(line.total) AS amount) AS total, CAST(sum(line.total + line.credit - line.tax) AS amount) AS net,
    CAST(sum(line.tax) AS amount) AS tax, CAST(sum(line.credit) AS amount) AS credit
FROM engine_lines AS line
JOIN engine_invoices AS billed ON billed.invoice_id = line.invoice_id AND billed.currency = line.currency
SEMI JOIN nameless_journals AS journal ON journal.currency = line.currency
WHERE billed.state = 'void' AND line.status = 'void'
GROUP BY line.invoice_id, line.currency
