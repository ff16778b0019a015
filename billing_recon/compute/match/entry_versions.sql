-- Ledger entries of journals of which an entry was delivered more than once (under any journal), each in its latest
-- version (`holds`), and earlier ones only where the entry was in another journal then. `known_on`: the day the entry
-- was first observed; `changed_on`: the day of this version.
-- inputs: ledger_entries
-- rows from: ledger_entries
WITH journals AS (
    SELECT DISTINCT entry.journal_id
    FROM ledger_entries AS entry
    SEMI JOIN delivered_again(ledger_entries, hash(entry_id)) AS again ON again.key = hash(entry.entry_id)
)
SELECT
    entry.entry_id, entry.journal_id, entry.posted_on, entry.account, entry.role, entry.debit, entry.credit,
    entry.currency, entry.invoice_id, entry.customer_id, entry.payment_id, entry.memo, entry.source_file,
    entry.source_row, min(entry.observed_on) OVER (PARTITION BY entry.entry_id) AS known_on,
    entry.observed_on AS changed_on, row_number() OVER latest_first = 1 AS holds
FROM ledger_entries AS entry
SEMI JOIN journals ON journals.journal_id = entry.journal_id
WINDOW
    latest_first AS (
        PARTITION BY entry.entry_id
        ORDER BY entry.observed_on DESC, entry.source_file DESC, entry.source_row DESC, entry.day DESC
    )
QUALIFY row_number() OVER latest_first = 1 OR entry.journal_id <> first_value(entry.journal_id) OVER latest_first
