-- Invoices that tie with the ledger in every currency.
-- inputs: booked_ties
-- kept: no
SELECT tied.invoice_id, tied.currency, tied.customer_id, tied.cohort, tied.billed, tied.known_on, tied.changed_on
FROM booked_ties AS tied
ANTI JOIN (SELECT invoice_id FROM booked_ties WHERE NOT tied) AS untied ON untied.invoice_id = tied.invoice_id
WHERE tied.tied
