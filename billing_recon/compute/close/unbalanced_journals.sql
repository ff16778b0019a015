-- Journals of the month whose debits and credits differ in a currency. Journals of one side only, as a ledger with one
-- per account and day has them, are held to balance together (joined_journals).
-- inputs: close_entries
SELECT
    journal_id, currency, min(posted_on) AS posted_on, CAST(sum(debit) AS amount) AS debit,
    CAST(sum(credit) AS amount) AS credit
FROM close_entries
WHERE span = 'in'
GROUP BY journal_id, currency
HAVING sum(debited) <> 0
ORDER BY journal_id, currency
