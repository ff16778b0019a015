-- The ledger's accounts over the month, as stated: opening balance, debits, credits, closing balance. Debit balances
-- are positive.
-- inputs: stated_entries, close_params
WITH entries AS (
    SELECT
        entry.account, entry.role, entry.currency, CAST(coalesce(entry.debit, 0) AS amount) AS debit,
        CAST(coalesce(entry.credit, 0) AS amount) AS credit, CAST(entry.debited AS amount) AS debited,
        entry.posted_on < params.month_start AS is_before
    FROM stated_entries AS entry
    CROSS JOIN close_params AS params
    WHERE entry.posted_on <= params.month_end
)
SELECT
    account, min(role) AS role, currency,
    CAST(coalesce(sum(debited) FILTER (WHERE is_before), 0) AS amount) AS opening,
    CAST(coalesce(sum(debit) FILTER (WHERE NOT is_before), 0) AS amount) AS debit,
    CAST(coalesce(sum(credit) FILTER (WHERE NOT is_before), 0) AS amount) AS credit,
    CAST(sum(debited) AS amount) AS closing
FROM entries
GROUP BY account, currency
ORDER BY currency, account
