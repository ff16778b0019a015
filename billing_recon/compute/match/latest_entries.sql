-- Ledger entries by the posting and the invoice that they belong to: as stated, but journals of one side only are one
-- posting, sums that name no invoice are divided among those of their posting, and a credit note that is booked under
-- its invoice's number is the note's. `known_on`: the day it was first observed; `changed_on`: the day of the version
-- that holds.
-- inputs: stated_entries, joined_journals, spread_entries, noted_journals
-- kept: no
SELECT
    entry.entry_id, coalesce(joined.posting_id, entry.journal_id) AS journal_id, entry.posted_on, entry.account,
    entry.role, entry.debit, entry.credit, entry.debited, entry.currency,
    coalesce(noted.invoice_id, entry.invoice_id) AS invoice_id, entry.customer_id,
    entry.payment_id, entry.memo, entry.source_file, entry.source_row, entry.known_on, entry.changed_on
FROM stated_entries AS entry
LEFT JOIN joined_journals AS joined ON joined.journal_id = entry.journal_id AND joined.currency = entry.currency
LEFT JOIN noted_journals AS noted ON noted.journal_id = entry.journal_id AND noted.currency = entry.currency
ANTI JOIN (SELECT DISTINCT journal_id, currency FROM spread_entries) AS spread
    ON spread.journal_id = coalesce(joined.posting_id, entry.journal_id) AND spread.currency = entry.currency
        AND entry.invoice_id IS NULL
UNION ALL
SELECT
    entry_id, journal_id, posted_on, account, role, debit, credit, debited, currency, invoice_id, customer_id,
    NULL AS payment_id, memo, source_file, source_row, known_on, changed_on
FROM spread_entries
