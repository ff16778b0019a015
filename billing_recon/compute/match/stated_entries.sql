-- Ledger entries as stated, each in its latest version, with invoice and customer under our names. `known_on`: the day
-- it was first observed; `changed_on`: the day of the version that holds.
-- inputs: ledger_entries, entry_versions, mapped_keys
-- kept: no
SELECT
    entry.entry_id, entry.journal_id, entry.posted_on, entry.account, entry.role, entry.debit, entry.credit,
    coalesce(entry.debit, 0) - coalesce(entry.credit, 0) AS debited, entry.currency,
    coalesce(invoice.our_key, entry.invoice_id) AS invoice_id,
    coalesce(customer.our_key, entry.customer_id) AS customer_id,
    entry.payment_id, entry.memo, entry.source_file, entry.source_row,
    coalesce(version.known_on, entry.observed_on) AS known_on, entry.observed_on AS changed_on
FROM ledger_entries AS entry
LEFT JOIN entry_versions AS version
    ON version.day = entry.day AND version.source_file = entry.source_file AND version.source_row = entry.source_row
LEFT JOIN mapped_keys AS invoice ON invoice.layer = 'ledger_entries' AND invoice.their_key = entry.invoice_id
LEFT JOIN mapped_keys AS customer ON customer.layer = 'ledger_entries' AND customer.their_key = entry.customer_id
WHERE coalesce(version.holds, true)
