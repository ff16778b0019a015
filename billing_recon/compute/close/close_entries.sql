-- Every ledger entry known at the cut-off. `span`: before the company's first day (opening), before the month (before),
-- in it, or after it. `place`: whether its journal books an invoice, books money, gives up a receivable, applies a
-- customer's credit, or does something else.
-- inputs: latest_entries, receipts, invoice_journals, booked_tied, close_params
WITH of_money AS (SELECT DISTINCT journal_id FROM receipts),
of_invoices AS (SELECT DISTINCT journal_id FROM invoice_journals),
kinds AS (
    SELECT
        journal_id, bool_or(role = 'write_off') AS writes_off,
        bool_or(role = 'customer_credit') AND bool_or(role = 'ar')
        AND NOT bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AS applies_credit
    FROM latest_entries GROUP BY journal_id
)
SELECT
    entry.entry_id, entry.journal_id, entry.posted_on, entry.account, entry.role, entry.currency,
    CAST(coalesce(entry.debit, 0) AS amount) AS debit, CAST(coalesce(entry.credit, 0) AS amount) AS credit,
    CAST(entry.debited AS amount) AS debited,
    CASE
        WHEN entry.posted_on < params.first_day THEN 'opening' WHEN entry.posted_on < params.month_start THEN 'before'
        WHEN entry.posted_on <= params.month_end THEN 'in' ELSE 'after'
    END AS span,
    CASE
        WHEN of_money.journal_id IS NOT NULL THEN 'money'
        WHEN of_invoices.journal_id IS NOT NULL OR tied.invoice_id IS NOT NULL THEN 'invoice'
        WHEN kinds.writes_off THEN 'written_off' WHEN kinds.applies_credit THEN 'credit_applied' ELSE 'other'
    END AS place
FROM latest_entries AS entry
CROSS JOIN close_params AS params
JOIN kinds ON kinds.journal_id = entry.journal_id
LEFT JOIN of_money ON of_money.journal_id = entry.journal_id
LEFT JOIN of_invoices ON of_invoices.journal_id = entry.journal_id
LEFT JOIN booked_tied AS tied ON tied.invoice_id = entry.invoice_id AND tied.currency = entry.currency
