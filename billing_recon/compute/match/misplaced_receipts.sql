-- Journals that book money without any cash: they change the receivable of one payment or its invoice by exactly the
-- amount that moved, against other accounts. They are journals of that payment, not of the invoice.
-- inputs: latest_entries, moved_money
-- rows from: ledger_entries WHERE role = 'other'
WITH candidates AS (
    SELECT
        journal_id, currency, min(coalesce(payment_id, invoice_id)) AS named,
        CAST(-sum(debited) FILTER (WHERE role = 'ar') AS amount) AS ar
    FROM latest_entries
    SEMI JOIN (SELECT journal_id FROM latest_entries WHERE role = 'other') AS others USING (journal_id)
    GROUP BY journal_id, currency
    HAVING bool_and(role IN ('ar', 'other')) AND bool_or(role = 'ar')
        AND min(coalesce(payment_id, invoice_id)) = max(coalesce(payment_id, invoice_id))
)
SELECT candidate.journal_id
FROM candidates AS candidate
JOIN moved_money AS money
    ON money.invoice_id = candidate.named AND money.currency = candidate.currency AND money.amount = candidate.ar
UNION
SELECT candidate.journal_id
FROM candidates AS candidate
JOIN moved_money AS money
    ON money.payment_id = candidate.named AND money.currency = candidate.currency AND money.amount = candidate.ar
