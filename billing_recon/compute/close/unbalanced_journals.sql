-- Journals of the month whose debits and credits differ in a currency.
-- inputs: close_entries
SELECT
    journal_id, currency, min(posted_on) AS posted_on, CAST(sum(debit) AS amount) AS debit,
    CAST(sum(credit) AS amount) AS credit
FROM close_entries
WHERE span = 'in'
GROUP BY journal_id, currency
HAVING sum(debited) <> 0
ORDER BY journal_id, currency
