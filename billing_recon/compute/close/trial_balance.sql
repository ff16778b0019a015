-- The ledger's accounts over the month: opening balance, debits, credits, closing balance. Debit balances are positive.
-- inputs: close_entries
SELECT
    account, min(role) AS role, currency,
    CAST(coalesce(sum(debited) FILTER (WHERE span IN ('opening', 'before')), 0) AS amount) AS opening,
    CAST(coalesce(sum(debit) FILTER (WHERE span = 'in'), 0) AS amount) AS debit,
    CAST(coalesce(sum(credit) FILTER (WHERE span = 'in'), 0) AS amount) AS credit,
    CAST(coalesce(sum(debited) FILTER (WHERE span <> 'after'), 0) AS amount) AS closing
FROM close_entries
GROUP BY account, currency
HAVING count(*) FILTER (WHERE span <> 'after') > 0
ORDER BY currency, account
