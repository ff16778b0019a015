-- Ledger entries as stated, each in its latest version, with invoice and customer under our names. `known_on`: the day
-- it was first observed; `changed_on`: the day of the version that holds.
-- inputs: ledger_entries, entry_versions, mapped_keys
-- kept: no
WITH latest AS (
    SELECT
        entry_id, journal_id, posted_on, account, role, debit, credit, currency, invoice_id, customer_id, payment_id,
        memo, source_file, source_row, observed_on AS known_on, observed_on AS changed_on
    FROM ledger_entries ANTI JOIN entry_versions USING (journal_id)
    UNION ALL
    SELECT
        entry_id, journal_id, posted_on, account, role, debit, credit, currency, invoice_id, customer_id, payment_id,
        memo, source_file, source_row, known_on, changed_on
    FROM entry_versions WHERE holds
)
SELECT
    entry.entry_id, entry.journal_id, entry.posted_on, entry.account, entry.role, entry.debit, entry.credit,
    coalesce(entry.debit, 0) - coalesce(entry.credit, 0) AS debited, entry.currency,
    coalesce(invoice.our_key, entry.invoice_id) AS invoice_id,
    coalesce(customer.our_key, entry.customer_id) AS customer_id,
    entry.payment_id, entry.memo, entry.source_file, entry.source_row, entry.known_on, entry.changed_on
FROM latest AS entry
LEFT JOIN mapped_keys AS invoice ON invoice.layer = 'ledger_entries' AND invoice.their_key = entry.invoice_id
LEFT JOIN mapped_keys AS customer ON customer.layer = 'ledger_entries' AND customer.their_key = entry.customer_id
