-- Journals of one side only, so that none is whole: a ledger with a journal per account and day has a journal for
-- receivables, one for sales and one for tax. Those of a day and currency are one posting, under the receivables' id.
-- inputs: stated_entries
-- rows from: ledger_entries WHERE invoice_id IS NULL AND role IN ('revenue', 'deferred_revenue', 'tax_payable')
WITH sides AS (
    SELECT
        journal_id, currency, min(posted_on) AS posted_on, bool_and(role = 'ar') AS is_receivable,
        bool_and(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AND count(invoice_id) = 0 AS is_sale
    FROM stated_entries
    GROUP BY journal_id, currency
    HAVING bool_and(role = 'ar') OR (
            count(invoice_id) = 0 AND (
                bool_and(role IN ('revenue', 'deferred_revenue', 'tax_payable')) OR bool_and(role = 'customer_credit')
            )
        )
)
SELECT
    journal_id, currency,
    min(journal_id) FILTER (WHERE is_receivable) OVER (PARTITION BY currency, posted_on) AS posting_id
FROM sides
QUALIFY bool_or(is_receivable) OVER (PARTITION BY currency, posted_on)
    AND bool_or(is_sale) OVER (PARTITION BY currency, posted_on)
