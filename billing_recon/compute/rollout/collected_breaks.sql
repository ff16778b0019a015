-- Breaks of payments, as far as they count against the gate, of invoices that a rollout's new path asked money for, by
-- rollout and currency: what it did wrong while it was exposed is known once payments must tie, perhaps after it was
-- switched off.
-- inputs: breaks, exposed_attempts
WITH asked AS (SELECT DISTINCT rollout, invoice_id, currency FROM exposed_attempts WHERE invoice_id IS NOT NULL)
SELECT
    asked.rollout, found.currency, count(DISTINCT found.break_id) AS breaks,
    CAST(sum(abs(found.delta)) AS amount) AS gross
FROM breaks AS found
JOIN asked ON asked.invoice_id = found.invoice_id AND asked.currency = found.currency
WHERE found.pair IN ('billed_paid', 'paid_booked') AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
GROUP BY asked.rollout, found.currency
